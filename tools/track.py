"""Follow what was marked in a frame: ``python tools/track.py VIDEO --mask PNG --out OUT.mp4 [key=value ...]``.

Or ``--points "x,y;x,y"``; ``--frame T`` if it was not the first one; ``run=FOLDER`` compares frames by an encoder that
was trained, without it windows of raw pixels are. Writes the film with what was found, masks, a table, and a page.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.inference.tracking.command.track", __doc__, takes="video")
