"""Recoloured or true, can a person tell? ``python tools/colorization_test.py [PICTURES ...] --run FOLDER [key=value]``.

Serves one page to this machine: pairs, shown for a second; without PICTURES those that the run held out. Ctrl-C prints
the share fooled with a 95 % interval; ``serve=false`` prints it without a page.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.inference.recolored.testing.colorization_test", __doc__, takes="pictures")
