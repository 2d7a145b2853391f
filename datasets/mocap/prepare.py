"""Render fifteen real human motions into small videos with exact key points.

python datasets/mocap/prepare.py
python datasets/mocap/prepare.py --root DIR --motions FOLDER
python datasets/mocap/prepare.py --sheet docs/pictures/mocap.png
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from avssl.data.mocap import prepare
from avssl.data.mocap.film import film
from avssl.data.mocap.motions import read_motion
from avssl.data.mocap.world import motion_files
from avssl.evaluation.keypoints.figures import skeleton_sheet
from avssl.evaluation.keypoints.skeletons import FIGURE


def sheet(looks: int = 8, names: tuple[str, ...] = ("cartwheel", "dance_b", "kick", "run")) -> Image.Image:
    """Return some motions, one per row, with the joints that can be seen."""
    rows = []
    for number, path in enumerate(motion_files()):
        motion = read_motion(path)
        if motion.name in names:
            found = film(motion, (0, number))
            chosen = np.linspace(0, len(found.frames) - 1, looks).astype(int)
            shown = np.where(found.visible[..., None], found.keypoints, np.nan)[chosen]
            shown[1::2] = np.nan  # every second picture as it is
            rows.append(skeleton_sheet(found.frames[chosen].transpose(0, 3, 1, 2), {motion.name: shown}, FIGURE, ""))
    page = Image.new("RGB", (max(row.width for row in rows), sum(row.height for row in rows)))
    for place, row in enumerate(rows):
        page.paste(row, (0, place * row.height))
    return page


def main() -> int:
    usage = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usage.add_argument("--root", type=Path, help="folder for videos and manifest.csv (default: in the cache)")
    usage.add_argument("--motions", type=Path, help="folder of motion files (default: those of the package pybullet)")
    usage.add_argument("--workers", type=int, help="processes (default: one per core, at most 8)")
    usage.add_argument("--sheet", type=Path, metavar="PNG", help="write a contact sheet instead")
    options = usage.parse_args()
    try:
        if options.sheet:
            sheet().save(options.sheet, optimize=True)
            print(options.sheet)
        else:
            print(prepare(options.root, options.motions, workers=options.workers))
    except (ImportError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
