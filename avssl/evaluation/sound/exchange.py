"""Sounds that belong to something else in the picture, or to nothing: does the map follow them?"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from avssl.config import ConfigError
from avssl.evaluation.sound.boxes import Sources
from avssl.evaluation.sound.clips import Heard
from avssl.evaluation.sound.map_scores import maps_of
from avssl.methods import Method
from avssl.metrics import localisation as metric


def partner_of_class(heard: Heard, sources: Sources, seed: int) -> Tensor:
    """Return for each row another recording's row in which the silent thing of this one sounds; -1 where none does."""
    rng, found = np.random.default_rng(seed), []
    recordings = heard.recording.numpy()
    for row, kind in enumerate(sources.silent):
        fitting = np.flatnonzero((sources.sounding == kind) & (recordings != recordings[row]))
        found.append(int(rng.choice(fitting)) if kind >= 0 and len(fitting) else -1)
    return torch.tensor(found)


def swapped(method: Method, heard: Heard, sources: Sources, seed: int, device: str) -> dict[str, float]:
    """Return where the peak lies with the true sound, and with one of the silent thing's class."""
    partner = partner_of_class(heard, sources, seed)
    rows = torch.nonzero(partner >= 0).flatten()
    chosen, boxes = heard.rows(rows), [(sources.box[row], sources.other[row]) for row in rows.tolist()]
    if not boxes:
        raise ConfigError("evaluator.duets: no recording holds a second thing whose class sounds elsewhere")
    own = [metric.peak(one) for one in maps_of(method, chosen, chosen.sound, device)]
    moved = [metric.peak(one) for one in maps_of(method, chosen, heard.sound[partner[rows]], device)]
    true = np.array([metric.within(point, box) for point, (box, _) in zip(own, boxes, strict=True)])
    silent = np.array([metric.within(point, other) for point, (_, other) in zip(own, boxes, strict=True)])
    onto = np.array([metric.within(point, other) for point, (_, other) in zip(moved, boxes, strict=True)])
    stays = np.array([metric.within(point, box) for point, (box, _) in zip(moved, boxes, strict=True)])
    centre = (heard.frames.shape[-1] / 2, heard.frames.shape[-2] / 2)
    return {
        "pointing": float(true.mean()),
        "on the silent": float(silent.mean()),
        "swapped, on the other": float(onto.mean()),
        "swapped, stays": float(stays.mean()),
        "both right": float((true & onto).mean()),
        "centre": float(np.mean([metric.within(centre, box) for box, _ in boxes])),
        "pictures": float(len(boxes)),
    }


def summarize(found: Mapping[str, float]) -> str:
    return (
        f"Duets ({found['pictures']:.0f} pictures): the peak lies on what sounds in {found['pointing']:.1%} (centre "
        f"{found['centre']:.1%}), on the silent thing in {found['on the silent']:.1%}; with a sound of the silent "
        f"thing's class it moves onto that in {found['swapped, on the other']:.1%} and stays in "
        f"{found['swapped, stays']:.1%}; both right: {found['both right']:.1%}."
    )


def loudness_of_maps(method: Method, heard: Heard, partner: Tensor, device: str, seed: int) -> dict[str, float]:
    """Return the mean peak of maps for the true sound and for sounds that come from nothing in the picture."""
    chance = torch.Generator().manual_seed(seed)
    noise = torch.randn(heard.sound.shape, generator=chance) * heard.sound.std((1, 2), keepdim=True)
    other = (heard.label != heard.label[partner]).nonzero().flatten()
    asked = {"true sound": heard.sound, "noise": noise, "silence": torch.zeros_like(heard.sound)}
    found = {name: float(maps_of(method, heard, sound, device).max((1, 2)).mean()) for name, sound in asked.items()}
    if len(other) and (heard.label >= 0).all():
        maps = maps_of(method, heard.rows(other), heard.sound[partner[other]], device)
        found["sound of another class"] = float(maps.max((1, 2)).mean())
    return found
