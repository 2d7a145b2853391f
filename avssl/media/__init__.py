"""Recordings of video and sound: ``with open_video(path) as video: video.frames([0, 10])``."""
