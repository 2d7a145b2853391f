"""Retrieval within and across picture and sound, by the embeddings of a method that has both in one space.

Arandjelovic and Zisserman, "Objects that Sound", ECCV 2018, section 3.4, https://arxiv.org/abs/1712.06651: one picture
and one second of sound of each recording, nDCG@30, in all four directions.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from avssl.config import ConfigError, describe
from avssl.data import Dataset
from avssl.evaluation.base import MethodEvaluator
from avssl.evaluation.baselines import Pixels
from avssl.evaluation.sound.clips import Heard, listen, over
from avssl.evaluation.sound.direction import DIRECTIONS, Direction, chance_of, score_direction
from avssl.evaluation.sound.fresh import untrained
from avssl.evaluation.sound.page import page_of
from avssl.features.runs import FreshMethod
from avssl.methods import Method
from avssl.methods.sound.base import JointEmbedder
from avssl.methods.sound.pairs import view_clips
from avssl.nets import LogMel, SpectrogramSpec
from avssl.report.scores import LOG_MEL, PIXELS, RANDOM, TRAINED, Scores

Both = Mapping[str, np.ndarray]  # "picture" and "sound" -> embeddings (N, dim)


class CrossModal(MethodEvaluator):
    """Retrieval between pictures and sounds, and within each, by the joint embedding of a method.

    Scores: ``P@10``, ``nDCG@30``, ``R@k`` and ``own R@k`` of each direction, shares in [0, 1].

    What is of the query's class and of another recording is right; beside that, across modalities, how early the
    recording's own other half comes (``own``). Similarity: the scalar product of unit vectors. ``pixels`` and
    ``log-mel``, within one modality, are cosines of what is left when the gallery's mean is taken out.

    Args:
        data: recordings with sound and classes.
        items: at most so many recordings; None for all.
        ks: ranks at which hits are counted.
        initialisations: random ones to compare with.
        num_shown: queries of each direction on the page where sounds can be played; 0 for no page.
        seed: of random initialisations.
        workers: processes that load.
    """

    name = "eval_crossmodal"
    truths = ("sound",)
    asks = "Find sounds by pictures and pictures by sounds"
    needs = JointEmbedder
    lacks = "has no common space of pictures and sounds; ask AVE"

    def __init__(
        self,
        data: Dataset,
        items: int | None = None,
        ks: Sequence[int] = (1, 5, 10, 50),
        initialisations: int = 3,
        num_shown: int = 6,
        seed: int = 0,
        workers: int = 2,
    ):
        if not ks or min(ks) < 1 or initialisations < 1 or num_shown < 0:
            raise ValueError(
                f"needs ks and initialisations >= 1, num_shown >= 0; got {ks}, {initialisations}, {num_shown}"
            )
        self.data, self.items, self.ks, self.workers = data, items, tuple(sorted(ks)), workers
        self.initialisations, self.num_shown, self.seed = initialisations, num_shown, seed

    def __call__(self, method: Method, fresh: FreshMethod, folder: Path | None = None, device: str = "cpu") -> Scores:
        self.require(method)
        assert isinstance(method, JointEmbedder)
        heard = listen(self.data, self.items, workers=self.workers, rate=method.sound.spec.rate)
        if (heard.label < 0).any():
            raise ConfigError("evaluator.data: recordings without a class, which says what is right; name classes")
        if self.ks[-1] > len(heard):
            raise ConfigError(
                f"evaluator.ks: got {list(self.ks)}, and there are {len(heard)} pairs to choose from; give smaller ks "
                "or more data"
            )
        rows: dict[str, list[Both]] = {TRAINED: [embed(method, heard, device)]}
        made = (
            untrained(fresh, self.seed + one, heard.frames, heard.sound, device) for one in range(self.initialisations)
        )
        rows[RANDOM] = [embed(one, heard, device) for one in made]
        plain = baselines(heard, method.sound.spec)
        numbers: dict[str, float] = {}
        table, every = [], []
        for direction in DIRECTIONS:
            found = {RANDOM: [score_direction(one, heard, direction, self.ks) for one in rows[RANDOM]]}
            for row, senses in ((PIXELS, ("picture", "picture")), (LOG_MEL, ("sound", "sound"))):
                if (direction.query, direction.gallery) == senses:
                    found[row] = [score_direction(plain, heard, direction, self.ks)]
            found[TRAINED] = [score_direction(rows[TRAINED][0], heard, direction, self.ks)]
            means = {"chance": chance_of(heard, direction, self.ks)}
            means |= {row: {name: float(np.mean([one[name] for one in runs])) for name in runs[0]}
                      for row, runs in found.items()}  # fmt: skip
            numbers |= {f"{direction}/{row}/{name}": value for row, one in means.items() for name, value in one.items()}
            table += [line(direction, row, one) for row, one in means.items()]
            every += [{"from": str(direction), "row": row} | one for row, one in means.items()]
        protocol = {
            "data": describe(self.data),
            "recordings": len(heard.recording.unique()),
            "pairs": len(heard),
            "right": "of the query's class, of another recording; own: the other half of the query's own clip",
            "gallery": "all other recordings; own: all",
            "similarity": "scalar product of unit vectors",
            "random": f"{self.initialisations} initialisations, batch statistics of these data",
            "method": type(method).__name__,
            "seed": self.seed,
        }
        notes = (
            "P@10: share of the ten nearest that is right. nDCG@30: right ones count 1. R@k: a right one among the k "
            "nearest. own R@k: the query's own other half among the k nearest.",
            f"{heard.silent:.1%} of the windows are silent and were left out; "
            f"{len(heard.failures)} recordings could not be read.",
        )
        pages = {}
        if self.num_shown:
            spaces = {"random weights": rows[RANDOM][0], "trained": rows[TRAINED][0]}
            pages["sheet"] = page_of(heard, spaces, heard.classes, method.sound.spec.rate, self.num_shown)
        return Scores(
            title="Retrieval within and across picture and sound",
            numbers=numbers,
            protocol=protocol,
            table=tuple(table),
            notes=notes,
            tables={"scores": [dict.fromkeys(columns_of(every), "") | one for one in every]},
            pages=pages,
        )


def embed(method: Method, heard: Heard, device: str) -> Both:
    """Return the embeddings of pictures and of sounds, unit vectors ``(N, dim)``."""
    assert isinstance(method, JointEmbedder)
    method.to(device).eval()

    def picture(frames: Tensor, key: Tensor) -> Tensor:
        return method.embed_pictures(view_clips(frames, key, method.views))

    pictures = over(picture, heard.frames, heard.key, device=device)
    return {"picture": pictures.numpy(), "sound": over(method.embed_sounds, heard.sound, device=device).numpy()}


def baselines(heard: Heard, spec: SpectrogramSpec) -> Both:
    """Return pixels and log-mel statistics as unit vectors, after their means are taken out."""
    found = {
        "picture": over(lambda frames: Pixels()(frames[:, 0]).flatten(1), heard.frames),
        "sound": over(LogMel(spec), heard.sound),
    }
    return {name: torch.nn.functional.normalize(rows - rows.mean(0), dim=1).numpy() for name, rows in found.items()}


def line(direction: Direction, row: str, found: Mapping[str, float]) -> dict[str, str]:
    """Return a line of the table that is printed; all scores are in the CSV."""
    names = ("P@10", "nDCG@30", "R@1", "R@10", "own R@10")
    return {"from": str(direction), "row": row} | {
        name: f"{found[name]:.3f}" if name in found else "" for name in names
    }


def columns_of(rows: Sequence[Mapping[str, object]]) -> list[str]:
    """Return the columns that any row has, in order."""
    return list(dict.fromkeys(name for row in rows for name in row))
