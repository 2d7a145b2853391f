"""Audit a training config of picture and sound: ``python tools/audit_av.py CONFIG.yaml [key.sub=value ...]``.

Prints what blind rows score (sound only, picture only, shuffled pairs, sound off the pictures' grid), which single cues
tell pairs, and what is silent or double in the data: before a long training, and beside its result.
``python tools/audit_av.py configs/ave.yaml rounds=600 items=400``
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.audit.sound.audit", __doc__, default="configs/ave.yaml", borrowed=True)
