"""A dataset of annotated people, each cut out of its picture, with the joints moved along exactly."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from avssl.data.base import DataError, Dataset, Key, file_state, split_key
from avssl.data.cropping import Box, around, around_points, cut, fitted, to_crop
from avssl.data.joints import joints_of, name_by_observer, take_joints
from avssl.data.known_bad import BadItems
from avssl.data.sets.people import Person, read_people
from avssl.media.errors import MediaError
from avssl.media.pictures import read_picture

PERSON_PIXELS = 200  # a scale of 1 is a person of this height (MPII)
LOWER = 15  # pixels, times the scale, that the crop lies lower than MPII's place of a person, to hold the feet
CONTEXT = {
    "scale": 1.25,  # Xiao et al., "Simple baselines", ECCV 2018: both numbers are in its reader of MPII
    "box": 3.5,  # of FLIC's torso box; Wei et al., "Convolutional pose machines", CVPR 2016, cut 3.456 of its height
    "joints": 1.75,  # Shuffle and Learn's reader draws it from 1.5 to 2.0 while training
}


class Persons(Dataset):
    """People with key points, one an item, as ``datasets/{flic,mpii}/prepare.py`` list them.

    The crop keeps the picture's proportions, is black where it reaches beyond the picture, and is resized with
    antialiasing. Joints outside of the crop keep their places outside of it, and count.

    Args:
        source: a manifest in Parquet, or the folder that holds ``manifest.parquet``.
        split: keep only people with this word in the column ``split``.
        size: height and width of the crop in pixels.
        crop: what the crop is cut around: ``"scale"``, the annotated place and height (MPII; 200 pixels times scale
            and context high, 15 pixels times the scale below the place); ``"box"``, the annotated box, its longer side
            times the context (FLIC's torso); ``"person"``, the former where there is one, else the latter;
            ``"joints"``, the box of the true joints times the context, as Shuffle and Learn's reader does: it tells
            where the person is from the very truth that is asked for, so name it beside a number; ``"whole"``, the
            whole picture.
        context: how much larger the crop is than what it is cut around; None for 1.25 with a scale, 3.5 with a box
            and 1.75 with joints.
        skeleton: bring the joints to this convention, such as ``"flic7"`` for people of FLIC; None keeps the
            manifest's.
        naming: who says what is left: the ``"person"``, or the ``"observer"``, for whom people seen from behind
            change sides (FLIC's usual evaluation).
        on_bad: a person who cannot be cut out raises (``"error"``) or is left out and told (``"skip"``);
            files that are known to be bad are then not tried again.

    Attributes:
        skeleton: the convention of the joints.

    Raises:
        ValueError: if the source is no manifest of people, or has nobody in the split.
    """

    classes: Sequence[str] = ()

    def __init__(
        self,
        source: str | Path,
        split: str | None = None,
        size: Sequence[int] = (256, 256),
        crop: Literal["person", "scale", "box", "joints", "whole"] = "person",
        context: float | None = None,
        skeleton: str | None = None,
        naming: Literal["person", "observer"] = "person",
        on_bad: Literal["error", "skip"] = "error",
    ):
        if len(size) != 2 or min(size) < 1:
            raise ValueError(f"size is the height and width of the crop in pixels, got {list(size)}")
        if context is not None and not context > 0:
            raise ValueError(f"context must be above 0, got {context}")
        self.people, written = read_people(Path(source).expanduser(), split)
        self.skeleton = written if skeleton is None else skeleton
        self.size, self.crop, self.context, self.naming = tuple(size), crop, context, naming
        self.bad = BadItems(on_bad, ((one.path for one in self.people), ["picture"]))
        self._written, self._joints = joints_of(written), joints_of(self.skeleton)
        if self._joints != self._written:  # whether it can be brought there shows now, not at the first item
            take_joints(np.zeros(len(self._written)), self._written, self._joints)

    def __len__(self) -> int:
        return len(self.people)

    def __getitem__(self, key: Key) -> dict[str, Any]:
        """Return one person, the same in every epoch.

        Returns:
            ``frames`` uint8 ``(1, 1, 3, H, W)``; ``keypoints`` float32 ``(1, 1, joints, 2)`` in pixels of the crop,
            NaN where nobody placed the joint; ``visible`` bool ``(1, 1, joints)``; ``reference`` float32 ``(1, 1)``,
            the annotated length in pixels of the crop, NaN where it is not known; ``box`` float64 ``(4,)``, the
            crop's edges in the picture, see `avssl.data.cropping.to_picture`; ``times``, ``valid`` ``(1, 1)``;
            ``label`` -1; ``group``; ``path``; ``key`` int64 (0, epoch, index). With ``on_bad="skip"``, a person
            who cannot be cut out gives only ``failure``.

        Raises:
            MediaError: with ``on_bad="error"``, for a picture that cannot be read.
            DataError: with ``on_bad="error"``, for a person without what the crop is cut around.
        """
        epoch, index = split_key(key, len(self))
        person = self.people[index]
        if index in self.bad.known:
            return self.bad.known[index]
        try:
            pixels = read_picture(person.path)
            box = self.crop_box(person, (pixels.shape[0], pixels.shape[1]))
            frame = cut(pixels, box, self.size)
        except (MediaError, DataError) as error:
            return self.bad.failure(index, error)
        points, visible = self.named(person)
        places = to_crop(points, box, self.size)
        return {
            "frames": torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1)))[None, None],
            "keypoints": torch.from_numpy(places.astype(np.float32))[None, None],
            "visible": torch.from_numpy(visible.copy())[None, None],
            "reference": torch.tensor([[person.reference * self.size[1] / (box[2] - box[0])]], dtype=torch.float32),
            "box": torch.from_numpy(box),
            "times": torch.zeros(1, 1, dtype=torch.float64),
            "valid": torch.ones(1, 1, dtype=torch.bool),
            "label": -1,
            "group": person.group,
            "path": str(person.path),
            "key": torch.tensor([0, epoch, index]),
        }

    def crop_box(self, person: Person, picture: tuple[int, int]) -> Box:
        """Return the edges ``(4,)`` of the crop of a person in a picture of a height and width.

        Raises:
            DataError: if the person lacks what the crop is cut around.
        """
        crop = self.crop
        if crop == "person":
            crop = "scale" if np.isfinite(person.scale) else "box"
        if crop == "whole":
            height, width = picture
            return fitted(np.array([-0.5, -0.5, width - 0.5, height - 0.5]), self.size, 1.0)
        context = CONTEXT[crop] if self.context is None else self.context
        if crop == "scale":
            middle = person.centre + np.array([0, LOWER * person.scale])
            box = around(middle, PERSON_PIXELS * person.scale * context, self.size)
        elif crop == "box":
            box = fitted(person.box, self.size, context)
        else:
            box = around_points(person.points, self.size, context)
        if not np.isfinite(box).all() or box[2] <= box[0]:
            needed = {"scale": "place and scale", "box": "box", "joints": "two joints"}[crop]
            raise DataError(f"{person.path}: a person without {needed} cannot be cut out with crop={self.crop!r}")
        return box

    def named(self, person: Person) -> tuple[np.ndarray, np.ndarray]:
        """Return places ``(joints, 2)`` in the picture and what is seen ``(joints,)``, in the asked convention."""
        points, visible = person.points, person.visible
        if self.naming == "observer":
            order = name_by_observer(points, self._written)
            points, visible = points[order], visible[order]
        if self._joints != self._written:
            points = take_joints(points, self._written, self._joints)
            visible = take_joints(visible, self._written, self._joints)
        return points, visible

    def fingerprint(self, index: int) -> str:
        person = self.people[index]
        known = [person.points.tolist(), person.centre.tolist(), person.scale, person.box.tolist(), person.reference]
        return f"{file_state(person.path)} {hashlib.sha256(json.dumps(known).encode()).hexdigest()[:16]}"
