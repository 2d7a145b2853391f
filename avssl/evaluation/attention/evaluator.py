"""Attention of any run over a folder of pictures or over videos, beside that of random weights."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from avssl.data import Dataset
from avssl.evaluation.attention.drawing import draw
from avssl.evaluation.attention.maps import layer_activation, motion, occlusion, peaks, upsample
from avssl.evaluation.attention.pointing import chance_of, item_rows, near_a_joint
from avssl.evaluation.attention.rotations import likeness
from avssl.evaluation.attention.samples import Samples, read_samples
from avssl.evaluation.base import Evaluator
from avssl.evaluation.baselines import compared_encoders
from avssl.features.cache import digest
from avssl.features.layers import check_layer, last_map, unit
from avssl.features.rows import frames_per_pass
from avssl.features.runs import Fresh
from avssl.nets import Encoder
from avssl.nets.encoders import require_takes
from avssl.report.comparison import format_mean
from avssl.report.scores import Scores

Kind = Literal["activation", "occlusion"]
CENTRE, CHANCE, MOTION = "centre", "chance", "motion"
IN_THE_MIDDLE = "The middle of the picture does best: people stand there in this data, so compare with random alone."


class Attention(Evaluator):
    """Draws where encoders look, and counts how often that is near a joint where key points are known.

    Rows: ``random`` (initial weights, batch statistics of the pictures; means over the initialisations, the first is
    drawn), ``trained``, further runs or weights; for the count also ``centre`` (the picture's middle, whatever is in
    it) and ``chance`` (the share of the picture that is near a joint).

    An encoder of clips is given each clip whole and has a map for each frame of it: drawn over that frame, and counted
    where it is no padding. A row ``motion`` (where a frame differs most from those before and after it) is counted too.

    Args:
        data: pictures, or videos whose frames, or clips for an encoder of clips, are looked at.
        kind: ``"activation"``: powers of a layer's activations summed over channels; ``"occlusion"``: how far the
            output moves when a square is hidden, any encoder, slower.
        layers: layers to draw with ``kind="activation"``; None takes each row's deepest map of more than one cell.
        power: of the activations; a list has one for each of ``layers`` (Gidaris et al., figure 3: 1, 2 and 4 from
            shallow to deep).
        side: of the hidden square as a share of the shorter side.
        length: of the time that the square is hidden in a clip, as a share of the clip's frames.
        crop: the middle of each picture that is looked at; None for all of it.
        turned: look at each picture or clip in all four turns, and tell how alike its maps are when turned back.
        initialisations: of the random row.
        extra: further rows, from a name to the folder of a run or a file of weights; beside clips also of pictures.
        num_shown: pictures to draw, or clips, each in a file of its own; None for all of them.
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
        length: float = 0.25,
    ):
        powers = [power] if isinstance(power, int | float) else list(power)
        if not isinstance(power, int | float) and len(powers) != len(layers or ()):
            raise ValueError(f"a list of powers has one for each of layers; got {powers} for layers={layers}")
        if not 0 < side <= 1 or not 0 < length <= 1 or min(powers) <= 0 or initialisations < 1:
            raise ValueError(
                f"side is a share in (0, 1], length too, power above 0, initialisations at least 1; "
                f"got {side}, {length}, {power}, {initialisations}"
            )
        self.data, self.kind, self.layers, self.power = data, kind, layers, power
        self.side, self.length = side, length
        self.crop, self.turned, self.initialisations, self.extra = crop, turned, initialisations, dict(extra or {})
        self.num_shown, self.seed, self.quiet = num_shown, seed, quiet

    def __call__(
        self, encoder: Encoder, fresh: Fresh | None = None, folder: Path | None = None, device: str = "cpu"
    ) -> Scores:
        samples = read_samples(self.data, self.crop, encoder.takes, self.quiet)
        if self.turned:
            samples = samples.in_all_turns()
        rows = compared_encoders(encoder, samples.inputs, fresh, device, self.initialisations, self.seed, self.extra)
        if encoder.takes == "pictures":
            for row in self.extra:
                require_takes(rows[row][0], "pictures", f"evaluator.extra.{row}, beside an encoder of pictures,")
        maps = {
            (row, layer): torch.stack([self._maps(one, samples, layer, device) for one in encoders])
            for row, encoders in rows.items()
            for layer in self._layers(encoders[0], samples)
        }
        return self._scores(maps, samples, self._layers(encoder, samples), encoder)

    def _layers(self, encoder: Encoder, samples: Samples) -> list[str]:
        if self.kind == "occlusion":
            return ["output"]
        inputs = samples.images if encoder.takes == "pictures" else samples.inputs
        layers = list(self.layers) if self.layers else [last_map(encoder, inputs)]
        for layer in layers:
            check_layer(encoder, layer)
        return layers

    def _power(self, layer: str) -> float:
        """Return the power of a layer's activations."""
        if isinstance(self.power, int | float):
            return self.power
        return dict(zip(self.layers or (), self.power, strict=True))[layer]

    @torch.inference_mode()
    def _maps(self, encoder: Encoder, samples: Samples, layer: str, device: str) -> Tensor:
        """Return maps over the pictures, each (or those of a clip together) from 0 to 1, ``(pictures, H, W)``."""
        encoder = encoder.to(device).eval()
        size = (samples.images.shape[-2], samples.images.shape[-1])
        found = []
        for batch in samples.inputs.split(frames_per_pass(64, samples.inputs)):
            inputs = unit(batch.to(device))
            if inputs.ndim == 5 and encoder.takes == "pictures":  # a row of pictures beside those of clips
                cells = self._cells(encoder, inputs.flatten(0, 1), layer).unflatten(0, inputs.shape[:2])
            else:
                cells = self._cells(encoder, inputs, layer)
            found.append(upsample(cells, size).cpu())
        return samples.frames_of(torch.cat(found))

    def _cells(self, encoder: Encoder, inputs: Tensor, layer: str) -> Tensor:
        """Return the map of each picture or frame in cells, ``(N, [frames,] rows, columns)``."""
        if self.kind == "activation":
            return layer_activation(encoder, inputs, layer, self._power(layer))
        square = max(1, round(self.side * min(inputs.shape[-2:])))
        length = max(1, round(self.length * inputs.shape[1])) if inputs.ndim == 5 else 1
        return occlusion(encoder, inputs, square, max(1, square // 2), length=length, stride=max(1, length // 2))

    def _scores(
        self, maps: Mapping[tuple[str, str], Tensor], samples: Samples, layers: list[str], encoder: Encoder
    ) -> Scores:
        numbers, table, items = {}, [], {}
        points = {group: torch.stack([peaks(one) for one in several]).numpy() for group, several in maps.items()}
        if samples.poses is not None:
            on = {f"{row}/{layer}": near_a_joint(found, samples.poses) for (row, layer), found in points.items()}
            height, width = samples.images.shape[-2:]
            middle = np.broadcast_to([(width - 1) / 2, (height - 1) / 2], (1, len(samples.paths), 2))
            on[CENTRE] = near_a_joint(middle, samples.poses)
            if samples.clips is not None and samples.valid is not None:
                changes = samples.frames_of(motion(samples.clips, samples.valid))
                on[MOTION] = near_a_joint(peaks(changes).numpy()[None], samples.poses)
            on[CHANCE] = chance_of(samples.poses, height, width)[None]
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
            table = [{"layer": layer, "row": row, self._unit(samples): str(len(samples.paths))} for row, layer in maps]
        if self.turned:
            for (row, layer), several in maps.items():
                alike = likeness(several).mean(1)
                numbers[f"{row}/{layer}/alike"] = float(alike.mean())
                line = next(one for one in table if (one["row"], one["layer"]) == (row, layer))
                line["maps alike in all turns"] = f"{alike.mean():.2f}"
        return Scores(
            title="Where encoders look"
            + ("" if samples.poses is None else ": how often the highest place is near a joint"),
            numbers=numbers,
            protocol=self._protocol(samples, layers, encoder),
            table=tuple(table),
            notes=tuple(self._notes(samples, numbers)),
            tables={"items": item_rows(samples, points, items)},
            pictures=self._pictures(maps, samples, layers),
        )

    def _unit(self, samples: Samples) -> str:
        return "pictures" if samples.clips is None else "frames"

    def _notes(self, samples: Samples, numbers: Mapping[str, float]) -> list[str]:
        notes = (
            [f"{len(samples.failures)} files could not be read, such as {samples.failures[0]}."]
            if samples.failures
            else []
        )
        if self.turned:
            notes.append("Maps alike: correlation of a turned picture's map, turned back, with that of the upright.")
        if samples.poses is None:
            return [*notes, "Without key points there is nothing to count; look at the pictures."]
        best = max(value for name, value in numbers.items() if name.endswith("/pointing"))
        return [
            *notes,
            "Near: within a tenth of the longer side of the box of the joints.",
            *([IN_THE_MIDDLE] if numbers[f"{CENTRE}/pointing"] >= best else []),
        ]

    def _pictures(self, maps: Mapping[tuple[str, str], Tensor], samples: Samples, layers: list[str]) -> dict[str, Any]:
        drawn = {}
        for layer in layers:
            of_rows = {
                row if name == layer else f"{row} ({name})": several[0]
                for (row, name), several in maps.items()
                if name == layer or not self.layers  # rows of other architectures have other layers
            }
            power = f", power {self._power(layer):g}" if self.kind == "activation" else ""
            title = f"{self.kind} of {layer}{power}: bright where the encoder looks"
            drawn |= draw(of_rows, samples, layer, title, self.num_shown)
        return drawn

    def _protocol(self, samples: Samples, layers: list[str], encoder: Encoder) -> dict[str, Any]:
        clips, length, inputs = {}, "", "pictures"
        if samples.clips is not None:
            clips = {"clips": f"{len(samples.clips)} of {samples.clips.shape[1]} frames"}
            length, inputs = f", {self.length:g} of the frames", "clips"
        return {
            "encoder": type(encoder).__name__,
            "weights": digest(encoder),
            "kind": self.kind,
            "layers": layers,
            "turned": self.turned,
            "power": self.power if self.kind == "activation" else None,
            "hidden square": f"{self.side:g} of the shorter side{length}" if self.kind == "occlusion" else None,
            **clips,
            self._unit(samples): len(samples.paths),
            "size": "{}x{}".format(*samples.images.shape[-2:]),
            "random": f"{self.initialisations} initialisations, batch statistics of the {inputs}",
            "seed": self.seed,
            "torch": torch.__version__,
        }
