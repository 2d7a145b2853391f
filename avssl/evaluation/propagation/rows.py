"""The rows of the table: what is carried along by nothing, by pixels, by random and by trained features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from avssl.config import ConfigError
from avssl.evaluation.baselines import add_rows, compared_encoders
from avssl.evaluation.propagation.adaptation import Adapt, Adapter
from avssl.evaluation.propagation.clips import Clip
from avssl.evaluation.propagation.maps import LayerMaps, Maps, Windows, features_of, receptive_field, seen_by
from avssl.evaluation.propagation.scoring import VideoScore, class_tables, point_scores, region_scores
from avssl.features.cache import digest
from avssl.features.layers import check_layer, last_map
from avssl.features.propagation.labels import cells_to_mask, cells_to_points, mask_to_cells, points_to_cells
from avssl.features.propagation.propagate import propagate
from avssl.features.propagation.settings import Propagation
from avssl.features.runs import Fresh
from avssl.methods import Method
from avssl.nets import Encoder
from avssl.nets.encoders import require_takes
from avssl.report.scores import TRAINED

COPY, COLOUR, ADAPTED = "copy", "colour", "adapted"
LARGEST = 4  # strides: windows of whole receptive fields beyond that would be slower than any network


@dataclass(frozen=True, eq=False, kw_only=True)
class Member:
    """One of a row: an initialisation, a run, a kind of window.

    Args:
        maps: what maps pictures to features; None copies the labels of the first frame.
        about: all that its results depend on, as text.
        adapter: makes maps for each video, in place of ``maps``; None for maps that are the same for all.
    """

    maps: Maps | None
    about: str
    adapter: Adapter | None = None

    def on(self, clip: Clip) -> tuple["Member", np.ndarray | None]:
        """Return the member as it sees a video, and what adaptation did (`Adapted.numbers`); None without one."""
        if self.adapter is None:
            return self, None
        adapted = self.adapter(lambda places: clip.frames[list(places)], len(clip.frames))
        return Member(maps=self.adapter.maps(adapted), about=self.about), adapted.numbers()


@dataclass(frozen=True, eq=False, kw_only=True)
class Carried:
    """Labels of a video as a row carried them.

    Args:
        masks: uint8 ``(frames, H, W)``; None without.
        points: ``(frames, points, 2)``, NaN for lost ones; None without.
    """

    masks: np.ndarray | None
    points: np.ndarray | None


def rows_of(
    encoder: Encoder,
    pool: Tensor,
    settings: Propagation,
    fresh: Fresh | None,
    device: str,
    initialisations: int,
    seed: int,
    extra: Mapping[str, str] | None,
    others: Mapping[str, Encoder],
    layer: str | None,
    layers: Mapping[str, str],
    windows: Sequence[int] | None,
    multiple: int,
) -> dict[str, list[Member]]:
    """Return the rows of the table, the floors first.

    Raises:
        ConfigError: if an encoder takes clips, has no such layer, or no map, or a name is given twice.
    """
    pictures, _ = seen_by(pool, settings, multiple)
    pool = (pictures * 255).round().to(torch.uint8)
    found = members_of(
        "LabelPropagation", encoder, pool, fresh, device, initialisations, seed, extra, others, layer, layers
    )
    floors = {COPY: [Member(maps=None, about=COPY)]} | windows_beside(trained_of(found), pictures[:1], windows)
    return add_rows(floors, found, "evaluator.extra or others")


def members_of(
    who: str,
    encoder: Encoder,
    pool: Tensor,
    fresh: Fresh | None,
    device: str,
    initialisations: int,
    seed: int,
    extra: Mapping[str, str] | None,
    others: Mapping[str, Encoder],
    layer: str | None,
    layers: Mapping[str, str],
) -> dict[str, list[Member]]:
    """Return the maps of all encoders by row: random, trained, further runs, and other encoders.

    Raises:
        ConfigError: if an encoder takes clips, has no such layer, or no map, or a name is given twice.
    """
    for one in (encoder, *others.values()):
        require_takes(one, "pictures", who)
    networks = compared_encoders(encoder, pool, fresh, device, initialisations, seed, extra)
    networks = add_rows(networks, {name: [other] for name, other in others.items()}, "evaluator.others")
    if unknown := sorted(set(layers) - set(networks)):
        raise ConfigError(f"evaluator.layers: there is no row {unknown[0]!r}; there is {', '.join(networks)}")
    return {
        name: [member(one, layers.get(name, None if name in others else layer), pool, device) for one in several]
        for name, several in networks.items()
    }


def adapted_beside(
    rows: Mapping[str, list[Member]],
    method: Method | None,
    adapt: Adapt,
    settings: Propagation,
    device: str,
    multiple: int,
) -> dict[str, list[Member]]:
    """Return the rows with one more, whose weights are the trained ones, adapted to each video.

    Raises:
        ConfigError: without the method that the encoder is part of.
    """
    trained = trained_of(rows)
    if method is None or digest(method.encoder) != digest(trained.encoder):
        raise ConfigError(
            "adapt: steps are taken on the loss of the whole method whose encoder is scored; give run=FOLDER of a run "
            "with its checkpoint, and its export 'encoder'"
        )
    adapter = Adapter(method, adapt, settings, trained.layer, device, multiple)
    return add_rows(rows, {ADAPTED: [Member(maps=None, about=adapter.about, adapter=adapter)]}, "evaluator.adapt")


def trained_of(rows: Mapping[str, list[Member]]) -> LayerMaps:
    """Return the maps of the trained encoder."""
    maps = rows[TRAINED][0].maps
    assert isinstance(maps, LayerMaps)
    return maps


def member(encoder: Encoder, layer: str | None, pool: Tensor, device: str) -> Member:
    """Return an encoder's maps; of the deepest layer of several cells where nobody names one."""
    encoder = encoder.to(device)
    if layer is not None:
        check_layer(encoder, layer)
    maps = LayerMaps(encoder, layer or last_map(encoder, pool), device)
    return Member(maps=maps, about=f"{digest(encoder)} {maps.layer}")


def windows_beside(trained: LayerMaps, picture: Tensor, sides: Sequence[int] | None) -> dict[str, list[Member]]:
    """Return windows of pixels at the stride of the trained maps: mean colours, and windows of several sides.

    Args:
        trained: the maps beside which they stand.
        picture: one that is seen, ``(1, 3, H, W)``.
        sides: of the windows; None for one stride, two, and the receptive field where that is not too large.
    """
    stride = round(trained(picture).stride[0])
    if sides is None:
        field = receptive_field(trained, min(256, 64 + 8 * stride))
        large = [field] if field is not None and 2 * stride < field <= LARGEST * stride else []
        sides = sorted({stride, 2 * stride, *large})
    if min(sides) < stride:
        raise ConfigError(f"windows: sides are at least the stride of the maps, {stride} px; got {list(sides)}")
    plain = {f"pixels {side}x{side}": Windows(side, stride) for side in sides}
    rows: dict[str, Windows] = {COLOUR: Windows(stride, stride, mean=True)} | plain
    return {name: [Member(maps=one, about=f"{name} {stride}")] for name, one in rows.items()}


def carry(one: Member, clip: Clip, settings: Propagation, objects: int, batch: int, multiple: int) -> Carried:
    """Return the labels of the first frame of a video, carried to all frames.

    Args:
        one: by which features.
        clip: the video.
        settings: how.
        objects: how many there are, or classes but the background.
        batch: frames a pass.
        multiple: of the sides of pictures, for encoders that need it.
    """
    if one.maps is None:
        return Carried(
            masks=None if clip.masks is None else at_start(clip, objects).repeat(len(clip.frames), 0),
            points=None if clip.points is None else clip.points[:1].repeat(len(clip.frames), 0),
        )
    grid, stride, features = features_of(one.maps, clip.frames, settings, batch, multiple)
    seen = settings.input_size(clip.frames.shape[-2], clip.frames.shape[-1])
    first = next(features)
    labels, split = [], 0
    if clip.masks is not None:
        mask = torch.from_numpy(at_start(clip, objects)[0]).to(first.device)
        labels, split = [mask_to_cells(mask, objects, grid, settings.read_in)], objects + 1
    if clip.points is not None:
        points = torch.from_numpy(clip.points[0]).to(first.device)
        labels.append(points_to_cells(points, grid, settings.sigma))
    masks, places = [], []
    for soft in propagate(chain([first], features), torch.cat(labels), settings, stride):
        if split:
            masks.append(cells_to_mask(soft[:split], grid, settings, seen).to(torch.uint8).cpu().numpy())
        if len(soft) > split:
            places.append(cells_to_points(soft[split:], grid, settings.peak)[0].cpu().numpy())
    return Carried(masks=np.stack(masks) if masks else None, points=np.stack(places) if places else None)


def at_start(clip: Clip, objects: int) -> np.ndarray:
    """Return the mask that was given, void and unknown numbers as background, ``(1, H, W)``."""
    assert clip.masks is not None
    return np.where(clip.masks[:1] > objects, 0, clip.masks[:1]).astype(np.uint8)


def score(found: Carried, clip: Clip, objects: int, classes: int | None) -> VideoScore:
    """Return the scores of a video."""
    regions = tables = far = None
    if found.masks is not None and clip.masks is not None:
        if classes is None:
            regions = region_scores(found.masks, clip.masks, objects)
        else:
            tables = class_tables(found.masks, clip.masks, classes)
    if found.points is not None and clip.points is not None:
        far = point_scores(found.points, clip.points)
    return VideoScore(regions=regions, far=far, tables=tables)
