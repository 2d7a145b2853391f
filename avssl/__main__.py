"""``python -m avssl`` is the command ``avssl``."""

from avssl.cli import main

if __name__ == "__main__":
    main()
