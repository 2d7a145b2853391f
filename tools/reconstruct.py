"""Let a masked run fill in what is hidden: ``python tools/reconstruct.py VIDEOS [run=FOLDER] [key=value ...]``.

VIDEOS are files, or folders of them; pictures for a run of pictures. Writes a sheet each: the truth, what is seen, what
is filled in without the true brightness and with it, and both of an untrained network.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.inference.reconstruction.reconstruct", __doc__, takes="files")
