"""Gather small sets of real colour pictures: frames of the sample videos, cut-out photographs, and wallpapers.

    python datasets/samples/prepare.py                 # first: the videos that frames are taken of
    python datasets/colour/prepare.py                  # 256 MB to fetch, about 52 MB kept
    python datasets/colour/prepare.py --only stamps    # one of frames, stamps, wallpapers; may be repeated
    python datasets/colour/prepare.py --debs FOLDER    # from packages that you have: nothing is fetched

A set that is there is not made again, unless --again is said.
"""

import argparse
import hashlib
import io
import re
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from avssl.cache import cache_folder, whole
from avssl.data.sets.debian import Package, PackageError, fetch, files_of
from avssl.data.tables import read_table, write_table
from avssl.media import open_video
from avssl.media.errors import DecodeError
from avssl.media.picture_files import named_errors, open_picture, rgb
from avssl.media.resize import resize_area

STAMPS = Package(
    name="tuxpaint-stamps-default",
    version="2022.06.04-1",
    pool="pool/main/t/tuxpaint-stamps/tuxpaint-stamps-default_2022.06.04-1_all.deb",
    sha256="6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34",
    megabytes=161,
    licence="GPL-2",
)
WALLPAPERS = (
    Package(
        name="mate-backgrounds",
        version="1.26.0-1",
        pool="pool/main/m/mate-backgrounds/mate-backgrounds_1.26.0-1_all.deb",
        sha256="7bf4c2209f34b4f61ba6d24c8b58c28b361e82e4b943aae6d42c030169af9e04",
        megabytes=47,
        licence="GPL-2+; CC-BY-SA-4.0",
    ),
    Package(
        name="lomiri-wallpapers-16.04",
        version="20.04.0-2",
        pool="pool/main/l/lomiri-wallpapers/lomiri-wallpapers-16.04_20.04.0-2_all.deb",
        sha256="a99ff6a3bfe451e4cc0682ecb3cc82e71740626d59e4845ae34a0a0e45421eab",
        megabytes=16,
        licence="CC0-1.0; CC-BY-4.0; CC-BY-SA-3.0; CC-BY-SA-4.0",
    ),
    Package(
        name="lomiri-wallpapers-20.04",
        version="20.04.0-2",
        pool="pool/main/l/lomiri-wallpapers/lomiri-wallpapers-20.04_20.04.0-2_all.deb",
        sha256="d44e89b8473aafe64a5b678f014862dc31335aaaf18665c544d985d854f1a709",
        megabytes=11,
        licence="CC0-1.0; CC-BY-4.0; CC-BY-SA-3.0; CC-BY-SA-4.0",
    ),
    Package(
        name="ukui-wallpapers",
        version="20.04.3-1.1",
        pool="pool/main/u/ukui-wallpapers/ukui-wallpapers_20.04.3-1.1_all.deb",
        sha256="6d49be70152e6d603163458e177e501deb0be8f2916389ccbfcf59b0d7fc0262",
        megabytes=21,
        licence="CC-BY-SA-3.0",
    ),
)
COLUMNS = ["path", "split", "label", "group", "licence", "source"]
TEST = 0.4  # of stamps and wallpapers, by the hash of their group
GROUND = (128, 128, 128)  # behind what is cut out: grey, which is no colour
LONGER = 256  # px, the longer side of a stamp at most
TILE, ACROSS = 256, 2  # px of a tile's sides; tiles along the shorter side of a wallpaper
PLAIN, PALE = 8.0, 12.0  # of 255: tiles whose grey varies less, or whose channels differ less, teach nothing of colour
FRAME = 128  # px, the shorter side of a frame
LEARNED, JUDGED = 0.6, 0.75  # of a video: frames before the one to learn from, after the other to judge
MOST = {"train": 40, "test": 25}  # frames of a video
FASTEST = 12.0  # frames a second at most
CLASSES = {  # folder of the stamps -> class; others are too few, or drawings
    "animals/mammals": "mammals",
    "animals/birds": "birds",
    "animals/insects": "insects",
    "food/fruit": "fruit",
    "food/vegetables": "vegetables",
    "plants/flowers": "flowers",
    "town/roadsigns": "road signs",
    "household": "household",
    "hobbies/music": "music",
    "vehicles": "vehicles",
}
PICTURES = (".jpg", ".jpeg", ".png")
Row = dict[str, str]


def part(rows: list[Row]) -> list[Row]:
    """Fill in the splits: in each class, groups in the order of their hash are for judging until 40 % of it are."""
    for label in {row["label"] for row in rows}:
        own = [row for row in rows if row["label"] == label]
        left = round(TEST * len(own))
        for group in sorted({row["group"] for row in own}, key=lambda name: hashlib.sha256(name.encode()).hexdigest()):
            members = [row for row in own if row["group"] == group]
            for row in members:
                row["split"] = "test" if left > 0 else "train"
            left -= len(members)
    return rows


def group_of(path: PurePosixPath) -> str:
    """Return the first word of a name, which takes of one thing and sizes of one picture share.

    Examples:
        >>> group_of(PurePosixPath("fruit/apple_green.png")), group_of(PurePosixPath("Elephants_5640x3172.jpg"))
        ('apple', 'elephants')
    """
    return re.split(r"[^a-z]", path.stem.lower().lstrip("0123456789_-"))[0] or path.stem.lower()


def class_of(path: PurePosixPath) -> str | None:
    """Return the class of a stamp by its folder; None for what is left out: drawings, mirror images, other things."""
    if path.suffix != ".png" or "cartoon" in path.parts or path.stem.endswith("_mirror"):
        return None
    names = [name for folder, name in CLASSES.items() if path.is_relative_to(folder)]
    return names[0] if names else None


def pixels_of(content: bytes, path: PurePosixPath) -> np.ndarray:
    """Return a picture out of a package on a grey ground, uint8 RGB ``(height, width, 3)``."""
    with open_picture(io.BytesIO(content), str(path)) as image, named_errors(str(path), DecodeError):
        return rgb(image, GROUND)


def stamps(root: Path, debs: Path | None) -> list[Row]:
    """Write the photographs among the stamps on a grey ground, at most 256 px long."""
    rows = []
    for path, content in content_of(STAMPS, debs, "tuxpaint/stamps"):
        name = class_of(path)
        if name is not None:
            place = f"{name}/{path.stem}.png".replace(" ", "_")
            place = place if not (root / place).exists() else f"{name}/{path.parent.name}_{path.stem}.png"
            pixels = pixels_of(content, path)
            scale = min(1.0, LONGER / max(pixels.shape[:2]))
            save(resized(pixels, scale), root / place)
            group = f"{name}/{group_of(path)}"
            about = {"licence": STAMPS.licence, "source": f"{STAMPS.pin} {path}"}
            rows.append({"path": place, "split": "", "label": name, "group": group} | about)
    return part(rows)


def wallpapers(root: Path, debs: Path | None) -> list[Row]:
    """Cut wallpapers, 512 px short, into disjoint tiles of 256 px; plain and pale tiles are left out."""
    rows = []
    for package in WALLPAPERS:
        for path, content in content_of(package, debs, "backgrounds"):
            if path.suffix.lower() not in PICTURES or re.search(r"_\d+x\d+$", path.stem):
                continue  # larger copies of one that is there
            pixels = pixels_of(content, path)
            pixels = resized(pixels, TILE * ACROSS / min(pixels.shape[:2]))
            group = f"{package.name}/{group_of(path)}"
            about = {"split": "", "label": "", "group": group}
            about |= {"licence": package.licence, "source": f"{package.pin} {path}"}
            for number, tile in enumerate(tiles(pixels)):
                place = f"{package.name}/{path.stem}-{number}.png"
                save(tile, root / place)
                rows.append({"path": place} | about)
    return part(rows)


def tiles(pixels: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the tiles of a picture that are neither plain nor pale, uint8 ``(256, 256, 3)``."""
    rows, columns = pixels.shape[0] // TILE, pixels.shape[1] // TILE
    for row in range(rows):
        for column in range(columns):
            tile = pixels[row * TILE :, column * TILE :][:TILE, :TILE]
            if tile.mean(axis=2).std() >= PLAIN and np.ptp(tile.astype(int), axis=2).mean() >= PALE:
                yield tile


def frames(root: Path, debs: Path | None) -> list[Row]:
    """Write frames of the sample videos: the first 60 % of each to learn from, the last 25 % to judge.

    Raises:
        ValueError: if the videos have not been gathered.
    """
    manifest = cache_folder("samples") / "manifest.csv"
    if not manifest.exists():
        raise ValueError(f"{manifest} is missing; make it first with: python datasets/samples/prepare.py")
    videos = {row["path"]: row for row in read_table(manifest).values()}
    rows = []
    for path, about in videos.items():
        name = Path(path).stem
        with open_video(manifest.parent / path, size=FRAME) as video:
            end = video.timeline.end
            for split, start, stop in (("train", 0.0, LEARNED * end), ("test", JUDGED * end, end)):
                count = max(1, min(MOST[split], int((stop - start) * FASTEST)))
                times = start + (np.arange(count) + 0.5) * (stop - start) / count
                for number, frame in enumerate(video.at(times).data.numpy()):
                    place = f"{name}/{split}{number:02d}.png"
                    save(frame.transpose(1, 2, 0), root / place)
                    row = {"path": place, "split": split, "label": name, "group": f"{name} {split}"}
                    rows.append(row | {"licence": about["licence"], "source": about["source"]})
    return rows


SETS = {"frames": frames, "stamps": stamps, "wallpapers": wallpapers}


def content_of(package: Package, debs: Path | None, under: str) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield path under ``usr/share/<under>`` and content of each of a package's picture files."""
    base = PurePosixPath("usr/share") / under
    with tempfile.TemporaryDirectory() as folder, files_of(fetch(package, Path(folder), debs)) as archive:
        for member in archive:
            path = PurePosixPath(member.name.removeprefix("./"))
            file: Any = archive.extractfile(member) if is_picture(member, path, base) else None
            if file is not None:
                yield path.relative_to(base), file.read()


def is_picture(member: tarfile.TarInfo, path: PurePosixPath, base: PurePosixPath) -> bool:
    return member.isfile() and path.is_relative_to(base) and path.suffix.lower() in PICTURES


def resized(pixels: np.ndarray, scale: float) -> np.ndarray:
    """Return pixels by area at ``scale``."""
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    slot = np.empty((height, width, 3), np.uint8)
    resize_area(pixels, slot)
    return slot


def save(pixels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, compress_level=4)


def write_manifest(rows: list[Row], path: Path) -> None:
    with whole(path) as part:
        write_table(part, COLUMNS, rows)


def make(name: str, root: Path, debs: Path | None) -> None:
    """Make one set beside its place, and move it there when it is whole."""
    new = root / f".{name}.part"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    write_manifest(SETS[name](new, debs), new / "manifest.csv")
    shutil.rmtree(root / name, ignore_errors=True)
    new.rename(root / name)


def write_all(root: Path) -> list[str]:
    """List the pictures of all sets that are there in one manifest without labels; return a line for each set."""
    rows, told = [], []
    for name in SETS:
        if (root / name / "manifest.csv").exists():
            own = [dict(row) for row in read_table(root / name / "manifest.csv").values()]
            count = {split: sum(row["split"] == split for row in own) for split in ("train", "test")}
            told.append(f"{root / name}: {count['train']} pictures to learn from, {count['test']} to judge")
            place = {"label": ""}
            rows += [row | place | {"path": f"{name}/{row['path']}", "group": f"{name} {row['group']}"} for row in own]
    write_manifest(rows, root / "manifest.csv")
    return told


def main(arguments: list[str] | None = None) -> int:
    usage = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usage.add_argument("--root", type=Path, help="folder for the sets (default: in the cache)")
    usage.add_argument("--only", action="append", choices=list(SETS), help="only this set; may be repeated")
    usage.add_argument("--debs", type=Path, help="a folder that holds the packages already")
    usage.add_argument("--again", action="store_true", help="make sets anew that are there")
    options = usage.parse_args(arguments)
    root = options.root.expanduser() if options.root else cache_folder("colour")
    failed = False
    for name in options.only or SETS:
        if options.again or not (root / name / "manifest.csv").exists():
            try:
                make(name, root, options.debs)
            except (PackageError, ValueError) as error:
                print(f"{name}: {error}", file=sys.stderr)
                failed = True
    print("\n".join(write_all(root)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
