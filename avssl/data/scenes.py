"""A dataset of pictures with the truth about what is in them: boxes of objects, masks of regions, surface normals."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from avssl.data.arrays import read_arrays
from avssl.data.base import DataError, Dataset, Key, file_state, split_key
from avssl.data.boxes import Box, read_boxes
from avssl.data.cells import is_of
from avssl.data.known_bad import BadItems
from avssl.data.masks import nearest, read_mask
from avssl.data.sources import find_manifest
from avssl.data.tables import read_manifest_rows
from avssl.files import FileError
from avssl.media.base import Size
from avssl.media.errors import MediaError
from avssl.media.pictures import read_picture
from avssl.media.resize import output_size, resize_area


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A picture and its annotations; None for what it lacks.

    Args:
        path: the picture.
        group: what must not be on both sides of a comparison; the picture's own path where nobody says.
        boxes: its objects.
        mask: a palette or grey PNG whose values are classes, 255 for none.
        normals: an ``.npz`` with ``normals`` ``(H, W, 3)``, 0 where unknown.
        truth: how the annotations came about, for protocols.
    """

    path: Path
    group: str
    boxes: tuple[Box, ...] | None = None
    mask: Path | None = None
    normals: Path | None = None
    truth: str = ""


class Scenes(Dataset):
    """Annotated pictures, one an item.

    Args:
        source: a CSV or Parquet manifest with a column ``path`` and any of ``boxes`` (see `read_boxes`), ``mask`` and
            ``normals`` (files, relative to the manifest), and optionally ``split`` (words), ``group`` and ``truth``
            (how the annotations came about); a folder that holds it; ``"demo:stills"``, ``"demo:crowd"`` or
            ``"demo:solids"``.
        split: keep only rows with this word in the column ``split``.
        size: None as they are, a number for the short side, (height, width) for a fixed size, in pixels; boxes,
            masks and normals come along (the nearest pixel's).
        on_bad: a picture that cannot be read raises (``"error"``) or is left out and told (``"skip"``);
            files that are known to be bad are then not tried again.

    Attributes:
        classes: names of the objects' classes over all splits, sorted; the numbers in ``kinds`` count them.

    Raises:
        ValueError: if the source holds no picture.
    """

    def __init__(
        self,
        source: str | Path,
        split: str | None = None,
        size: Size = None,
        on_bad: Literal["error", "skip"] = "error",
    ):
        self.scenes, self.classes = find_scenes(source, split)
        self.size = size
        self.bad = BadItems(on_bad, ((one.path for one in self.scenes), ["picture"]))
        self._numbers = {name: number for number, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, key: Key) -> dict[str, Any]:
        """Return one picture, the same in every epoch.

        Returns:
            ``frames`` uint8 ``(1, 1, 3, H, W)``, ``times`` and ``valid`` ``(1, 1)``, as of a video of one frame;
            ``path``, ``group``, ``label`` (-1), ``key``. Where the manifest has them: ``boxes`` float32
            ``(objects, 4)``, edges in pixels of the returned picture, 0 at the first pixel's centre, with ``kinds``
            int64 and ``ignored`` bool ``(objects,)``; ``mask`` uint8 ``(H, W)``; ``normals`` float32 ``(3, H, W)``,
            0 where unknown. With ``on_bad="skip"``, a bad picture gives only ``failure``.

        Raises:
            MediaError: with ``on_bad="error"``, for a picture that cannot be read.
            DataError: with ``on_bad="error"``, for an annotation that cannot be read.
        """
        epoch, index = split_key(key, len(self))
        scene = self.scenes[index]
        if index in self.bad.known:
            return self.bad.known[index]
        try:
            item = self.look(scene)
        except (MediaError, DataError) as error:
            return self.bad.failure(index, error)
        about = {"label": -1, "path": str(scene.path), "group": scene.group}
        return item | about | {"key": torch.tensor([0, epoch, index])}

    def look(self, scene: Scene) -> dict[str, Any]:
        """Read a picture and its annotations, brought to one size."""
        filmed = read_picture(scene.path)
        was = filmed.shape[0], filmed.shape[1]
        size = output_size(*was, self.size)
        pixels = np.empty((*size, 3), np.uint8)
        resize_area(filmed, pixels)
        item: dict[str, Any] = {
            "frames": torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None, None],
            "times": torch.zeros(1, 1, dtype=torch.float64),
            "valid": torch.ones(1, 1, dtype=torch.bool),
        }
        if scene.boxes is not None:
            edges = np.array([box.edges for box in scene.boxes], np.float64).reshape(-1, 4)
            scale = np.tile(np.divide(size[::-1], was[::-1]), 2)
            item["boxes"] = torch.from_numpy(((edges + 0.5) * scale - 0.5).astype(np.float32))
            item["kinds"] = torch.tensor([self._numbers[box.name] for box in scene.boxes], dtype=torch.int64)
            item["ignored"] = torch.tensor([box.ignored for box in scene.boxes], dtype=torch.bool)
        if scene.mask is not None:
            item["mask"] = nearest(torch.from_numpy(read_mask(scene.mask, was)), size)
        if scene.normals is not None:
            known = torch.from_numpy(read_normals(scene.normals, was))
            item["normals"] = nearest(known.movedim(-1, 0), size)
        return item

    def fingerprint(self, index: int) -> str:
        scene = self.scenes[index]
        files = [path for path in (scene.path, scene.mask, scene.normals) if path is not None]
        return " ".join([*map(file_state, files), str(scene.boxes)])


def find_scenes(source: str | Path, split: str | None = None) -> tuple[list[Scene], list[str]]:
    """Return the pictures of a source in the order of its manifest, and the names of all its objects, sorted.

    Raises:
        ValueError: if the source does not exist, is empty, or lacks the column or the split.
    """
    manifest = find_manifest(source)
    rows = read_manifest_rows(manifest)
    boxes = {line: read_boxes(row["boxes"], f"{manifest}, row {line}") for line, row in rows.items() if "boxes" in row}
    classes = sorted({box.name for each in boxes.values() for box in each})
    scenes = []
    for line, row in rows.items():
        if split is None or is_of(split, row.get("split", "")):
            scene = Scene(
                path=manifest.parent / row["path"],
                group=row.get("group") or row["path"],
                boxes=boxes.get(line),
                mask=manifest.parent / row["mask"] if row.get("mask") else None,
                normals=manifest.parent / row["normals"] if row.get("normals") else None,
                truth=row.get("truth", ""),
            )
            scenes.append(scene)
    if not scenes:
        words = sorted({word for row in rows.values() for word in row.get("split", "").split()})
        raise FileError(f"{manifest}: no row has split {split!r}; there is {', '.join(map(repr, words)) or 'none'}")
    return scenes, classes


def read_normals(path: Path, size: tuple[int, int]) -> np.ndarray:
    """Return surface normals, float32 ``(H, W, 3)``, 0 where unknown.

    Raises:
        DataError: if they cannot be read or have another size.
    """
    normals = read_arrays(path, "normals")["normals"].astype(np.float32)
    if normals.shape != (*size, 3):
        raise DataError(f"{path}: normals are {normals.shape}, the picture {(*size, 3)}")
    return normals
