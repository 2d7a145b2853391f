"""Check every file of a source: ``python tools/data_check.py SOURCE [key=value ...]``.

Writes a manifest of what is good, and a list of what is broken, short, silent or doubled; status 1 if anything is.
"""

from avssl.config import main

if __name__ == "__main__":
    raise SystemExit(main("avssl.data.sets.given.check_data", __doc__, takes="source"))
