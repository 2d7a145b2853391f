"""Embed pictures and sounds in one space: ``python tools/embed.py FILES [run=FOLDER] [key=value ...]``.

FILES are videos, sounds, pictures, or folders of them. Writes ``embeddings.npy`` and ``index.parquet``.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.inference.embeddings.embed", __doc__, takes="files")
