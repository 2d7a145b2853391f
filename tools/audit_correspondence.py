"""Audit a training config of correspondence: ``python tools/audit_correspondence.py CONFIG.yaml [run=FOLDER] ...``.

Prints how often walks come home and equal places match on clips, static clips, noise, frames of other videos, grey,
hue-turned and reversed ones, beside random weights, and says whether places are known (padding, shared crops).
``python tools/audit_correspondence.py configs/random_walk.yaml rounds=150``
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.audit.correspondence.audit_correspondence", __doc__, default="configs/random_walk.yaml", borrowed=True)
