"""PASCAL VOC 2007 and 2012: classes, boxes and segmentations of pictures, from the official ``VOCdevkit``.

Everingham et al., "The PASCAL Visual Object Classes (VOC) Challenge", IJCV 2010.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from avssl.data.boxes import Box, write_boxes
from avssl.data.cells import IGNORED
from avssl.data.sets.base import Count, Kind, Listing, Problem, SetError
from avssl.data.sets.coordinates import boxes_from_inclusive
from avssl.data.sets.trees import check_root
from avssl.data.tables import BETWEEN
from avssl.data.texts import read_lines, read_xml
from avssl.files import FileError

CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
SPLITS = ("train", "val", "trainval", "test")
YEARS = (2007, 2012)
# the organisers' tables, in the documentation of the development kits of both years
PICTURES = {
    2007: {"train": 2501, "val": 2510, "trainval": 5011, "test": 4952},
    2012: {"train": 5717, "val": 5823, "trainval": 11540, "test": 10991},
}
SEGMENTED = {
    2007: {"train": 209, "val": 213, "trainval": 422, "test": 210},
    2012: {"train": 1464, "val": 1449, "trainval": 2913, "test": 1456},
}
OBJECTS = {2007: {"trainval": 12608, "test": 12032}, 2012: {"trainval": 27450}}  # without the difficult ones
WITHHELD = {"test2012"}  # nobody outside has the truth of it
JOINED = "trainval0712"  # the split that papers call 07+12


def read(root: Path, years: Sequence[int] | None = None) -> Listing:
    """List the pictures of one or both years.

    Columns of the rows: ``split``, words such as ``train2007 trainval2007 segtrain2007``, and ``trainval0712`` for what
    papers call 07+12; ``labels``, classes parted by " | " with "?" before one that is difficult wherever it appears and
    so is to be ignored; ``boxes``, see `avssl.data.scenes.read_boxes`, difficult ones with "?"; ``mask``, the class
    segmentation (0 background, 1 to 20 the classes, 255 void).

    Args:
        root: the folder ``VOCdevkit`` or the one that holds it.
        years: 2007, 2012 or both; by default those that are there.

    Raises:
        SetError: if there is no such tree, or a part of it that all others need is missing.
    """
    root = check_root(root, lambda folder: bool(_years(folder)), "VOCdevkit, or its VOC2007 or VOC2012")
    there = _years(root)
    wanted = there if years is None else list(years)
    devkit = root / "VOCdevkit" if (root / "VOCdevkit").is_dir() else root
    if missing := [f"VOC{year}" for year in wanted if year not in there]:
        raise SetError(f"{devkit} has no folder {' and no '.join(missing)}; extract VOCtrainval and VOCtest there")
    parts = [_Year(root, devkit / f"VOC{year}", year) for year in wanted]
    rows, counts, problems = [], [], []
    for part in parts:
        rows += list(part.rows(joined=len(parts) > 1))
        counts += part.counts()
        problems += part.problems
    return Listing(
        name="PASCAL VOC",
        root=root,
        media="picture",
        rows=rows,
        classes=CLASSES,
        counts=counts,
        problems=problems,
    )


def _years(root: Path) -> list[int]:
    """Return which years a folder holds, as ``VOCdevkit`` or around it."""
    devkit = root / "VOCdevkit" if (root / "VOCdevkit").is_dir() else root
    return [year for year in YEARS if (devkit / f"VOC{year}").is_dir()]


class _Year:
    """One year's folder."""

    def __init__(self, root: Path, folder: Path, year: int):
        self.root, self.folder, self.year = root, folder, year
        self.problems: list[Problem] = []
        for name in ("ImageSets/Main", "JPEGImages"):
            if not (folder / name).is_dir():
                raise SetError(f"{folder} has no folder {name}; the archive was not extracted whole, extract it again")
        self.lists = {split: self._names("Main", split) for split in SPLITS}
        self.segmented = {split: self._names("Segmentation", split) for split in SPLITS}
        self.classes = self._labels()
        self.objects: dict[str, int] = {}  # of each picture, without the difficult ones

    def rows(self, joined: bool) -> Iterator[dict[str, str]]:
        """Yield a row for each picture that is there."""
        words = self._words(joined)
        for name in sorted(words):
            path = self.folder / "JPEGImages" / f"{name}.jpg"
            if not path.is_file():
                self._tell("missing", path, f"listed for {words[name][0]}")
                continue
            boxes = self._boxes(name, words[name])
            self.objects[name] = sum(not box.ignored for box in boxes)
            yield {
                "path": self._relative(path),
                "split": " ".join(words[name]),
                "labels": BETWEEN.join(self.classes.get(name, ())),
                "boxes": write_boxes(boxes),
                "mask": self._mask(name),
            }

    def counts(self) -> list[Count]:
        """Return counts beside the published ones, after `rows`."""
        found = []
        for split in SPLITS:
            for names, prefix, published in ((self.lists, "", PICTURES), (self.segmented, "seg", SEGMENTED)):
                have = sum(name in self.objects for name in names[split])
                if have or not self._withheld(f"{split}{self.year}"):
                    what = f"{prefix}{split}{self.year} pictures"
                    found.append(Count(what=what, found=have, published=published[self.year][split]))
            if split in OBJECTS[self.year]:
                objects = sum(self.objects.get(name, 0) for name in self.lists[split])
                what = f"{split}{self.year} objects that are not difficult"
                found.append(Count(what=what, found=objects, published=OBJECTS[self.year][split]))
        return found

    def _words(self, joined: bool) -> dict[str, list[str]]:
        """Return the splits of each picture."""
        words: dict[str, list[str]] = {}
        for lists, prefix in ((self.lists, ""), (self.segmented, "seg")):
            for split, names in lists.items():
                for name in names:
                    words.setdefault(name, []).append(f"{prefix}{split}{self.year}")
        if joined:
            for name in self.lists["trainval"]:
                words[name].append(JOINED)
        return words

    def _names(self, task: str, split: str) -> list[str]:
        """Return the pictures of a list; none where there is no such list."""
        path = self.folder / "ImageSets" / task / f"{split}.txt"
        return [line.split()[0] for _, line in read_lines(path)] if path.is_file() else []

    def _labels(self) -> dict[str, list[str]]:
        """Return the classes of each picture from ``<class>_<split>.txt``: 1 present, 0 difficult, -1 absent."""
        found: dict[str, list[str]] = {}
        for kind in CLASSES:
            seen: dict[str, str] = {}
            for split in SPLITS:
                path = self.folder / "ImageSets" / "Main" / f"{kind}_{split}.txt"
                if not path.is_file():
                    if self.lists[split] and not self._withheld(f"{split}{self.year}"):
                        self._tell("missing", path, f"the list of {kind} for {split}")
                    continue
                for number, line in read_lines(path):
                    if len(words := line.split()) < 2:
                        raise SetError(f"{path}, line {number}: needs a picture and 1, 0 or -1; got {line!r}")
                    seen[words[0]] = words[1]
            for name, value in seen.items():
                if value in ("0", "1"):
                    found.setdefault(name, []).append(kind if value == "1" else IGNORED + kind)
        return found

    def _boxes(self, name: str, words: Sequence[str]) -> list[Box]:
        """Return the objects of a picture from its XML file."""
        path = self.folder / "Annotations" / f"{name}.xml"
        if not path.is_file():
            if not all(self._withheld(word) for word in words):
                self._tell("unlabelled", path, "no annotation")
            return []
        try:
            objects = read_xml(path).findall("object")
        except FileError as error:
            self._tell("unlabelled", path, f"cannot be read ({error})")
            return []
        boxes = []
        for number, node in enumerate(objects, 1):
            try:
                boxes.append(_box(node))
            except ValueError as error:
                self._tell("odd", path, f"object {number} left out: {error}")
        return boxes

    def _mask(self, name: str) -> str:
        path = self.folder / "SegmentationClass" / f"{name}.png"
        if path.is_file():
            return self._relative(path)
        if any(name in names for split, names in self.segmented.items() if not self._withheld(f"{split}{self.year}")):
            self._tell("missing", path, "the segmentation of a picture that is listed for it")
        return ""

    def _withheld(self, word: str) -> bool:
        return word.removeprefix("seg") in WITHHELD

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _tell(self, kind: Kind, path: Path, about: str) -> None:
        self.problems.append(Problem(kind=kind, path=self._relative(path), about=about))


def _box(node: ElementTree.Element) -> Box:
    """Read an object; the boxes of its parts (a person's head, hands, feet) are not its own.

    Raises:
        ValueError: if it lacks a name or a box, is of no known class, or its box ends before it begins.
    """
    name = (node.findtext("name") or "").strip()
    if name not in CLASSES:
        raise ValueError(f"{name!r} is none of the 20 classes")
    texts = [node.findtext(f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")]
    if None in texts:
        raise ValueError(f"{name} has no box")
    pixels = np.array([float(text) for text in texts if text is not None])  # some are written with decimals
    left, top, right, bottom = boxes_from_inclusive(pixels).tolist()
    if not (left < right and top < bottom):
        raise ValueError(f"the box of {name} ends before it begins: {texts}")
    difficult = (node.findtext("difficult") or "0").strip() == "1"
    return Box(edges=(left, top, right, bottom), name=name, ignored=difficult)
