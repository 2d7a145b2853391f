"""Detectors learn from pictures and are asked; and what who never looks at a picture would say."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from avssl.data import Dataset
from avssl.data.sets.coordinates import boxes_from_torchvision, boxes_to_torchvision
from avssl.evaluation.dense.detector import Detector
from avssl.evaluation.dense.fitting import Fitting, batches_of, learn
from avssl.features.layers import unit
from avssl.metrics import boxes
from avssl.nets import Encoder

if TYPE_CHECKING:
    from torchvision.models.detection import FasterRCNN  # slow to load

BOXES = "boxes"
GUESSES = 3  # boxes of a class that are guessed without looking
ENOUGH = 400  # training boxes of a class that the guesses are made from


def fit(
    encoder: Encoder,
    detector: Detector,
    layers: Sequence[str],
    classes: int,
    data: Dataset,
    rows: Sequence[int],
    fitting: Fitting,
    difficult: bool,
    freeze: bool,
    seed: int,
    device: torch.device,
) -> "FasterRCNN":
    """Return a detector that learned from pictures; the last step's.

    Args:
        encoder: changed in place unless ``freeze``.
        detector: all but the encoder.
        layers: maps of the encoder.
        classes: how many.
        data: pictures with boxes.
        rows: which of them to learn from.
        fitting: the schedule.
        difficult: learn from objects that are to be ignored in judging, too.
        freeze: keep the encoder as it is.
        seed: fixes first weights, order of pictures, and which proposals are learned from.
        device: where it runs.
    """
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        network = detector.on(encoder.to(device), layers, classes).to(device)

        def loss_of(batch: list[dict[str, Any]]) -> Tensor:
            images = [unit(item["image"].to(device)) for item in batch]
            losses = network(images, [target(item, difficult, device) for item in batch])
            return torch.stack(list(losses.values())).sum()

        learn(network, encoder, batches_of(data, rows, fitting, seed, BOXES), loss_of, fitting, freeze)
    return network


def target(item: dict[str, Any], difficult: bool, device: torch.device) -> dict[str, Tensor]:
    """Return the objects of an item as torchvision's detectors want them; class 0 is their background."""
    wanted = torch.ones_like(item["ignored"]) if difficult else ~item["ignored"]
    edges = torch.from_numpy(boxes_to_torchvision(item["boxes"][wanted].numpy())).float()
    return {"boxes": edges.reshape(-1, 4).to(device), "labels": (item["kinds"][wanted] + 1).to(device)}


@torch.inference_mode()
def detect(network: "FasterRCNN", data: Dataset, device: torch.device) -> dict[str, np.ndarray]:
    """Return what a detector finds in every picture that can be read.

    Returns:
        ``"found"``: one row per detection, float32 ``(detections, 7)``: number of the picture, class, score, box.
    """
    network = network.to(device).eval()
    rows, number = [np.zeros((0, 7), np.float32)], 0
    for index in range(len(data)):
        item = data[0, index]
        if "failure" in item:
            continue
        found = network([unit(item["frames"][0, 0].to(device))])[0]
        edges = boxes_from_torchvision(found["boxes"].cpu().numpy()).reshape(-1, 4)
        about = [np.full(len(edges), number), found["labels"].cpu().numpy() - 1, found["scores"].cpu().numpy()]
        rows.append(np.column_stack([*about, edges]).astype(np.float32))
        number += 1
    return {"found": np.concatenate(rows)}


def guesses(train: Sequence[Mapping[str, Any]], test: Sequence[Mapping[str, Any]], classes: int) -> np.ndarray:
    """Return the boxes that are guessed whatever the picture: the level of chance.

    For each class, the training boxes, in shares of their pictures, that overlap most of the others by half or more;
    each next one counts only those that none before has reached. A guess is as sure as the share of training pictures
    that it is right in.

    Args:
        train: ``boxes``, ``kinds``, ``ignored`` and ``size`` (height, width) of the training pictures.
        test: the same of the test pictures.
        classes: how many.

    Returns:
        Rows as of `detect`.
    """
    chosen: list[tuple[int, float, np.ndarray]] = []
    for kind in range(classes):
        every = [
            (item["boxes"][(item["kinds"] == kind) & ~item["ignored"]] + 0.5) / np.tile(item["size"][::-1], 2)
            for item in train
        ]
        mine = np.concatenate(every)
        mine = mine[np.unique(np.linspace(0, len(mine) - 1, min(len(mine), ENOUGH)).round().astype(int))]
        near = boxes.overlap(mine, mine) >= 0.5
        for _ in range(min(GUESSES, len(mine))):
            best = int(near.sum(1).argmax())
            reached = near[best].copy()
            if not reached.any():
                break
            chosen.append((kind, reached.sum() / len(mine) * sum(map(len, every)) / len(train), mine[best]))
            near[:, reached] = False
    rows = [np.zeros((0, 7), np.float32)]
    for number, item in enumerate(test):
        scale = np.tile(item["size"][::-1], 2)
        rows += [np.array([[number, kind, score, *(box * scale - 0.5)]], np.float32) for kind, score, box in chosen]
    return np.concatenate(rows)
