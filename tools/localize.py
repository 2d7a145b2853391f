"""Draw where the sound comes from: ``python tools/localize.py VIDEO --out OUT.mp4 [run=FOLDER] [key=value ...]``.

Writes the recording again with a heat map over each frame, its sound kept as it is.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.inference.localization.localise", __doc__, takes="video")
