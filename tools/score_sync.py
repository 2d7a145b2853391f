"""Score how sound and picture of a recording fit: ``python tools/score_sync.py VIDEO [run=FOLDER] [key=value ...]``.

Draws the score along time and the mean score when the sound is moved earlier or later, and says the best offset.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.inference.sync.score_sync", __doc__, takes="video")
