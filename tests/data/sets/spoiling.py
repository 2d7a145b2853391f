"""Files with something wrong, for tests: cut short, damaged in the middle, or of any loudness."""

import wave as waves

from avssl.media import open_video


def cut_short(path, share=0.5):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def write_wave(path, samples, rate=8000):
    with waves.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())


def spoil_packet(path, packet):
    """Overwrite a packet of video, which every decoder notices."""
    with open_video(path) as video:
        place = int(video.index.offsets[packet])
    data = bytearray(path.read_bytes())
    data[place + 4 : place + 60] = bytes(range(100, 156))
    path.write_bytes(bytes(data))
