"""The fits that a table of key points compares, and what each is kept under."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from torch import Tensor

from avssl.evaluation.keypoints.heads import Head, Labelled
from avssl.evaluation.side_by_side import Job
from avssl.features.cache import digest
from avssl.features.layers import Extractor
from avssl.nets import Encoder


@dataclass(frozen=True, eq=False, kw_only=True)
class Asked:
    """A head that learns on an encoder from one draw of labels.

    Args:
        row: what is scored: ``"trained"``, ``"random"``, ...
        encoder: its encoder.
        head: what learns.
        labels: how many labelled pictures.
        draw: which draw of them.
    """

    row: str
    encoder: Encoder
    head: Head
    labels: int
    draw: int


def jobs_of(
    asked: Sequence[Asked], draws: Mapping[tuple[int, int], Labelled], test: Tensor, extract: Extractor, seed: int
) -> list[Job[np.ndarray]]:
    """Return a job for each fit: it finds joints of the test pictures, ``(pictures, joints, 2)``.

    Args:
        asked: the fits.
        draws: labelled pictures by number of labels and draw.
        test: uint8 ``(pictures, 3, H, W)``.
        extract: runs encoders; its cache keeps what was found.
        seed: fixes every fit, together with its draw.
    """
    shown = digest(test)
    labels = {key: digest(one.images, one.points, one.counted) for key, one in draws.items()}
    jobs = []
    for one in asked:
        labelled = draws[one.labels, one.draw]
        key = {
            "head": one.head.name,
            "settings": one.head.settings(),
            "weights": digest(one.encoder),
            "labels": labels[one.labels, one.draw],
            "margin": labelled.margin,
            "mirrored": labelled.mirrored,
            "test": shown,
            "seed": (seed, one.draw),
            "device": extract.device.type,
        }
        jobs.append(
            Job(
                about=f"{one.row}, {one.head.name}, {one.labels} labels",
                work=partial(one.head, one.encoder, labelled, test, extract, seed + 1000 * one.draw),
                kept=partial(extract.cache.get, key),
                keep=partial(extract.cache.put, key),
                trains=one.head.trains,
            )
        )
    return jobs
