"""Attention of any run over a folder of pictures or the frames of videos, beside that of random weights.

With key points the maps become a number, the pointing game: how often the highest place lies near a joint
(after Zhang et al., "Top-down Neural Attention by Excitation Backprop", ECCV 2016, section 4.2,
https://arxiv.org/abs/1608.00507).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from matplotlib import colormaps
from rich.progress import track
from torch import Tensor

from avssl.config import ConfigError
from avssl.data import Dataset
from avssl.evaluation.attention.maps import activation, occlusion, peaks, upsample
from avssl.evaluation.attention.rotations import likeness, turn_points
from avssl.evaluation.base import Evaluator
from avssl.evaluation.baselines import compared_encoders
from avssl.features.cache import digest
from avssl.features.layers import check_layer, last_map, unit
from avssl.features.rows import centre
from avssl.features.runs import Fresh
from avssl.methods.pretext.rotation import QUARTERS, turns
from avssl.nets import Encoder
from avssl.nets.encoders import require_takes
from avssl.report.comparison import format_mean
from avssl.report.figures import picture_table
from avssl.report.scores import Scores

Kind = Literal["activation", "occlusion"]
CENTRE, CHANCE = "centre", "chance"
IN_THE_MIDDLE = "The middle of the picture does best: people stand there in this data, so compare with random alone."
REACH = 0.1  # a peak counts within a tenth of the longer side of the box of the joints


@dataclass(frozen=True, eq=False, kw_only=True)
class Seen:
    """The pictures that are looked at.

    Args:
        images: uint8 ``(pictures, 3, H, W)``.
        poses: joints in pixels, ``(pictures, joints, 2)``, NaN where unknown; None without key points.
        paths: a file a picture.
        times: when it is on screen, in seconds.
        failures: what could not be read.
    """

    images: Tensor
    poses: np.ndarray | None
    paths: tuple[str, ...]
    times: tuple[float, ...]
    failures: tuple[dict[str, str], ...]

    def in_all_turns(self) -> "Seen":
        """Return each picture four times, turned by 0, 90, 180 and 270 degrees against the clock.

        Raises:
            ValueError: if the pictures are not square.
        """
        side = self.images.shape[-1]
        return replace(
            self,
            images=turns(self.images),
            poses=None if self.poses is None else turn_points(self.poses, side),
            paths=tuple(path for path in self.paths for _ in range(QUARTERS)),
            times=tuple(time for time in self.times for _ in range(QUARTERS)),
        )


class Attention(Evaluator):
    """Draws where encoders look, and counts how often that is near a joint where key points are known.

    Rows: ``random`` (initial weights, batch statistics of the pictures; means over the initialisations, the first is
    drawn), ``trained``, further runs or weights; for the count also ``centre`` (the picture's middle, whatever is in
    it) and ``chance`` (the share of the picture that is near a joint).

    Args:
        data: pictures, or videos whose frames are looked at.
        kind: ``"activation"``: powers of a layer's activations summed over channels; ``"occlusion"``: how far the
            output moves when a square is hidden, any encoder, slower.
        layers: layers to draw with ``kind="activation"``; None takes the deepest map of more than one cell.
        power: of the activations; a list has one for each of ``layers`` (Gidaris et al., figure 3: 1, 2 and 4 from
            shallow to deep).
        side: of the hidden square as a share of the shorter side.
        crop: the middle of each picture that is looked at; None for all of it.
        turned: look at each picture in all four turns, and tell how alike its maps are when turned back.
        initialisations: of the random row.
        extra: further rows, from a name to the folder of a run or a file of weights.
        num_shown: pictures to draw; None for all of them, each in a file of its own too.
        seed: of the first random initialisation.
        quiet: show no progress.
    """

    name = "eval_attention"

    def __init__(
        self,
        data: Dataset,
        kind: Kind = "activation",
        layers: Sequence[str] | None = None,
        power: float | Sequence[float] = 2.0,
        side: float = 0.25,
        crop: int | tuple[int, int] | None = None,
        turned: bool = False,
        initialisations: int = 3,
        extra: Mapping[str, str] | None = None,
        num_shown: int | None = 8,
        seed: int = 0,
        quiet: bool = False,
    ):
        powers = [power] if isinstance(power, int | float) else list(power)
        if not isinstance(power, int | float) and len(powers) != len(layers or ()):
            raise ValueError(f"a list of powers has one for each of layers; got {powers} for layers={layers}")
        if not 0 < side <= 1 or min(powers) <= 0 or initialisations < 1:
            raise ValueError(
                f"side is a share in (0, 1], power above 0, initialisations at least 1; "
                f"got {side}, {power}, {initialisations}"
            )
        self.data, self.kind, self.layers, self.power, self.side = data, kind, layers, power, side
        self.crop, self.turned, self.initialisations, self.extra = crop, turned, initialisations, dict(extra or {})
        self.num_shown, self.seed, self.quiet = num_shown, seed, quiet

    def __call__(
        self, encoder: Encoder, fresh: Fresh | None = None, folder: Path | None = None, device: str = "cpu"
    ) -> Scores:
        require_takes(encoder, "pictures", type(self).__name__)
        seen = self._read().in_all_turns() if self.turned else self._read()
        rows = compared_encoders(encoder, seen.images, fresh, device, self.initialisations, self.seed, self.extra)
        layers = self._layers(encoder, seen)
        maps = {
            (row, layer): torch.stack([self._maps(one, seen, layer, device) for one in encoders])
            for row, encoders in rows.items()
            for layer in layers
        }
        return self._scores(maps, seen, layers, encoder)

    def _read(self) -> Seen:
        images, poses, paths, times, failures = [], [], [], [], []
        for index in track(range(len(self.data)), "reading pictures", disable=self.quiet, transient=True):
            item = self.data[0, index]
            if "failure" in item:
                failures.append(item["failure"])
                continue
            frames, valid = item["frames"][item["valid"]], item["valid"]
            frames, moved = (frames, (0, 0)) if self.crop is None else centre(frames, self.crop)
            images.append(frames)
            paths += [item["path"]] * len(frames)
            times += item["times"][valid].tolist()
            if "keypoints" in item:
                points = item["keypoints"][valid].numpy() - np.array(moved[::-1], np.float32)
                poses.append(points)
        if not images:
            raise ConfigError(f"none of the {len(self.data)} pictures can be read; the first: {failures[:1]}")
        sizes = {tuple(frames.shape[-2:]) for frames in images}
        if len(sizes) > 1:
            raise ConfigError(
                f"the pictures differ in size ({sorted(sizes)[:3]}); set size: [height, width], or a crop"
            )
        return Seen(
            images=torch.cat(images),
            poses=np.concatenate(poses) if sum(map(len, poses)) == len(paths) else None,
            paths=tuple(paths),
            times=tuple(times),
            failures=tuple(failures),
        )

    def _layers(self, encoder: Encoder, seen: Seen) -> list[str]:
        if self.kind == "occlusion":
            return ["output"]
        layers = list(self.layers) if self.layers else [last_map(encoder, seen.images)]
        for layer in layers:
            check_layer(encoder, layer)
        return layers

    def _power(self, layer: str) -> float:
        """Return the power of a layer's activations."""
        if isinstance(self.power, int | float):
            return self.power
        return dict(zip(self.layers or (), self.power, strict=True))[layer]

    @torch.inference_mode()
    def _maps(self, encoder: Encoder, seen: Seen, layer: str, device: str) -> Tensor:
        """Return maps over the pictures, each from 0 to 1, ``(pictures, H, W)``."""
        encoder = encoder.to(device).eval()
        size = (seen.images.shape[-2], seen.images.shape[-1])
        found = []
        for batch in seen.images.split(64):
            pictures = unit(batch.to(device))
            if self.kind == "occlusion":
                square = max(1, round(self.side * min(size)))
                raw = occlusion(encoder, pictures, square, max(1, square // 2))
            else:
                features = encoder.taps(pictures, [layer])[layer]
                if features.ndim != 4:
                    raise ConfigError(f"layers: {layer} is a vector, not a map; choose a deeper map or kind: occlusion")
                raw = activation(features, self._power(layer))
            found.append(upsample(raw, size).cpu())
        return torch.cat(found)

    def _scores(
        self, maps: Mapping[tuple[str, str], Tensor], seen: Seen, layers: list[str], encoder: Encoder
    ) -> Scores:
        numbers, table, items = {}, [], {}
        points = {group: torch.stack([peaks(one) for one in several]).numpy() for group, several in maps.items()}
        if seen.poses is not None:
            on = {f"{row}/{layer}": near_a_joint(found, seen.poses) for (row, layer), found in points.items()}
            height, width = seen.images.shape[-2:]
            middle = np.broadcast_to([(width - 1) / 2, (height - 1) / 2], (1, len(seen.paths), 2))
            on[CENTRE] = near_a_joint(middle, seen.poses)
            on[CHANCE] = chance_of(seen.poses, height, width)[None]
            items = {name: values.mean(0) for name, values in on.items()}
            for name, values in on.items():
                row, _, layer = name.partition("/")
                numbers[f"{name}/pointing"] = float(values.mean())
                table.append(
                    {
                        "layer": layer or "any",
                        "row": row,
                        "peak near a joint, %": format_mean(values.mean(1)),
                    }
                )
        else:
            table = [{"layer": layer, "row": row, "pictures": str(len(seen.paths))} for row, layer in maps]
        if self.turned:
            for (row, layer), several in maps.items():
                alike = likeness(several).mean(1)
                numbers[f"{row}/{layer}/alike"] = float(alike.mean())
                line = next(one for one in table if (one["row"], one["layer"]) == (row, layer))
                line["maps alike in all turns"] = f"{alike.mean():.2f}"
        return Scores(
            title="Where encoders look"
            + ("" if seen.poses is None else ": how often the highest place is near a joint"),
            numbers=numbers,
            protocol=self._protocol(seen, layers, encoder),
            table=tuple(table),
            notes=tuple(self._notes(seen, numbers)),
            tables={"items": item_rows(seen, points, items, self.turned)},
            pictures=self._pictures(maps, seen, layers),
        )

    def _notes(self, seen: Seen, numbers: Mapping[str, float]) -> list[str]:
        notes = [f"{len(seen.failures)} files could not be read, such as {seen.failures[0]}."] if seen.failures else []
        if self.turned:
            notes.append("Maps alike: correlation of a turned picture's map, turned back, with that of the upright.")
        if seen.poses is None:
            return [*notes, "Without key points there is nothing to count; look at the pictures."]
        best = max(value for name, value in numbers.items() if name.endswith("/pointing"))
        return [
            *notes,
            "Near: within a tenth of the longer side of the box of the joints.",
            *([IN_THE_MIDDLE] if numbers[f"{CENTRE}/pointing"] >= best else []),
        ]

    def _pictures(self, maps: Mapping[tuple[str, str], Tensor], seen: Seen, layers: list[str]) -> dict[str, Any]:
        copies = QUARTERS if self.turned else 1
        pictures = len(seen.paths) // copies
        count = pictures if self.num_shown is None else min(self.num_shown, pictures)
        chosen = np.unique(np.linspace(0, pictures - 1, count).round().astype(int)) * copies
        drawn = {}
        for layer in layers:
            parts = [chosen] if self.num_shown is not None else np.array_split(chosen, -(-len(chosen) // 8))
            for number, part in enumerate(parts):
                lines = {}
                for turn in range(copies):
                    images = seen.images.numpy()[part + turn]
                    after = f", {90 * turn}°" if self.turned else ""
                    lines[f"picture{after}"] = images
                    for (row, name), several in maps.items():
                        if name == layer:
                            lines[f"{row}{after}"] = overlay(images, several[0].numpy()[part + turn])
                name = f"{layer}_{number:03d}" if len(parts) > 1 else layer
                power = f", power {self._power(layer):g}" if self.kind == "activation" else ""
                drawn[name] = picture_table(lines, f"{self.kind} of {layer}{power}: bright where the encoder looks")
        return drawn

    def _protocol(self, seen: Seen, layers: list[str], encoder: Encoder) -> dict[str, Any]:
        return {
            "encoder": type(encoder).__name__,
            "weights": digest(encoder),
            "kind": self.kind,
            "layers": layers,
            "turned": self.turned,
            "power": self.power if self.kind == "activation" else None,
            "hidden square": f"{self.side:g} of the shorter side" if self.kind == "occlusion" else None,
            "pictures": len(seen.paths),
            "size": "{}x{}".format(*seen.images.shape[-2:]),
            "random": f"{self.initialisations} initialisations, batch statistics of the pictures",
            "seed": self.seed,
            "torch": torch.__version__,
        }


def near_a_joint(places: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """Return 1 where a place is within `REACH` of the pose's size of its nearest known joint, else 0.

    Args:
        places: (x, y) in pixels, ``(..., pictures, 2)``.
        poses: joints in pixels, ``(pictures, joints, 2)``, NaN where unknown; a pose without a known joint gives 0.

    Examples:
        >>> pose = np.array([[[0.0, 0.0], [0.0, 20.0]]])
        >>> near_a_joint(np.array([[1.0, 1.0]]), pose), near_a_joint(np.array([[0.0, 10.0]]), pose)
        (array([1.]), array([0.]))
    """
    known: np.ndarray = np.asarray(np.isfinite(poses).all(-1))
    low, high = (np.where(known[..., None], poses, fill) for fill in (np.inf, -np.inf))
    size = np.where(known.any(1), (high.max(1) - low.min(1)).max(-1), 0.0)
    far = np.linalg.norm(places[..., None, :] - np.nan_to_num(poses), axis=-1)
    return np.asarray((np.where(known, far, np.inf).min(-1) <= REACH * size) & known.any(1), np.float64)


def chance_of(poses: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the share of each picture's pixels that are near a joint, ``(pictures,)``."""
    pixels = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).reshape(-1, 1, 2)
    return np.concatenate([near_a_joint(pixels, pose[None]).mean(0) for pose in poses])


def overlay(images: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Return uint8 pictures ``(N, 3, H, W)`` with their maps ``(N, H, W)`` laid over them."""
    heat = colormaps["inferno"](maps)[..., :3].transpose(0, 3, 1, 2)
    grey = images.mean(1, keepdims=True) / 255
    return (255 * (0.35 * grey + 0.65 * heat)).round().astype(np.uint8)


def item_rows(
    seen: Seen, points: Mapping[tuple[str, str], np.ndarray], on: Mapping[str, np.ndarray], turned: bool
) -> list[dict[str, Any]]:
    """One row a picture: where the peaks are, and how many of a row's initialisations point at a joint."""
    rows = []
    for number, (path, time) in enumerate(zip(seen.paths, seen.times, strict=True)):
        row: dict[str, Any] = {"path": path, "time": round(time, 6)}
        row |= {"turn": 90 * (number % QUARTERS)} if turned else {}
        for (name, layer), found in points.items():
            row |= {f"{name}/{layer}/x": round(float(found[0, number, 0]), 2)}
            row |= {f"{name}/{layer}/y": round(float(found[0, number, 1]), 2)}
        rows.append(row | {f"{name}/on": round(float(values[number]), 4) for name, values in on.items()})
    return rows
