"""Audit a training config of pictures: ``python tools/audit_shortcuts.py CONFIG.yaml [key.sub=value ...]``.

Trains small with each guard against shortcuts on and off, on pictures with a planted cue and on noise that holds
nothing but the cue, and prints how much of the accuracy the cue alone buys.
``python tools/audit_shortcuts.py configs/relative_position.yaml rounds=400 seeds=3``
"""

from avssl.config import main

if __name__ == "__main__":
    main(
        "avssl.audit.shortcuts.audit_shortcuts",
        __doc__,
        default="configs/relative_position.yaml",
        borrowed=True,
    )
