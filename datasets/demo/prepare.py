"""Draw a demo world, or a contact sheet of the figures.

python datasets/demo/prepare.py --root DIR
python datasets/demo/prepare.py --root DIR --world crowd
python datasets/demo/prepare.py --sheet docs/pictures/figures.png
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from avssl.data.demo import JOINTS, PARTS, STYLES, draw_figure, prepare
from avssl.data.demo.scenes import WORLDS

SCALE = 2  # the sheet's pixels for one of the drawing


def sheet(figures: int = 4, looks: int = 8, size: int = 72) -> Image.Image:
    """Return held-out figures, one per row, at rising times; every other look with its skeleton."""
    pages = Image.new("RGB", (looks * size * SCALE, figures * size * SCALE))
    for row in range(figures):
        drawing = draw_figure((1, row), style=STYLES[row % len(STYLES)], size=size)
        for column, frame in enumerate(np.linspace(0, len(drawing.frames) - 1, looks).astype(int)):
            picture = Image.fromarray(drawing.frames[frame]).resize(
                (size * SCALE, size * SCALE), Image.Resampling.BICUBIC
            )
            if column % 2:
                skeleton(picture, (drawing.keypoints[frame] + 0.5) * SCALE - 0.5, drawing.visible[frame])
            pages.paste(picture, (column * size * SCALE, row * size * SCALE))
    return pages


def skeleton(picture: Image.Image, points: np.ndarray, visible: np.ndarray) -> None:
    """Draw bones as lines, joints as dots; hidden joints are rings."""
    pen = ImageDraw.Draw(picture)
    place: dict[str, list[float]] = dict(zip(JOINTS, points.tolist(), strict=True))
    for _, start, ends, *_ in PARTS:
        for end in ends.split():
            pen.line([*place[start], *place[end]], fill="white", width=1)
    for (x, y), seen in zip(points.tolist(), visible, strict=True):
        pen.ellipse([x - 2, y - 2, x + 2, y + 2], fill="lime" if seen else None, outline="lime" if seen else "red")


def main() -> None:
    usage = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usage.add_argument("--root", type=Path, help="folder for the world (default: in the cache)")
    usage.add_argument("--world", choices=["figures", *WORLDS], default="figures", help="which one")
    usage.add_argument("--sheet", type=Path, metavar="PNG", help="write a contact sheet instead")
    options = usage.parse_args()
    if options.sheet:
        sheet().save(options.sheet, optimize=True)
        print(options.sheet)
    else:
        print(prepare(options.world, root=options.root))


if __name__ == "__main__":
    main()
