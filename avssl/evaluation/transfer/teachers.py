"""Teachers: whose features are clustered, and how they look at the items that they label."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from avssl.config import ConfigError, Trust, describe
from avssl.data import Dataset
from avssl.data.items import items_of
from avssl.evaluation.baselines import baselines, pool_of
from avssl.features.cache import digest
from avssl.features.extraction import kind_of
from avssl.features.layers import OUTPUT, check_layer, last_map
from avssl.features.rows import Recipe
from avssl.features.runs import find_run
from avssl.nets import Encoder, SoundEncoder
from avssl.report.scores import HOG, PIXELS
from avssl.training.export import ENCODER, load_encoder, load_sound
from avssl.training.items import change_of
from avssl.training.weights import load_weights


@dataclass(frozen=True, kw_only=True, eq=False)
class Teacher:
    """Whose features are clustered.

    Args:
        source: folder of a run, a file of weights, ``"hog"`` or ``"pixels"``.
        layer: whose features, maps averaged; None for the deepest map of an encoder of frames, the output of sounds.
        export: which of the run's encoders, by the name of its file.
        encoder: the architecture of weights from elsewhere.
        stream: what is looked at: ``"frames"``, or ``"sound"`` by the run's encoder of sounds.
        crop: the middle of each frame that is looked at.
        data: the items that are labelled, as this teacher takes them: with their sound, say, or larger; None for the
            student's data.
        clustered: the items that clusters are made of, likewise; None for those of the comparison.
    """

    source: str
    layer: str | None = None
    export: str = ENCODER
    encoder: Encoder | None = None
    stream: Literal["frames", "sound"] = "frames"
    crop: int | tuple[int, int] | None = None
    data: Dataset | None = None
    clustered: Dataset | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Loaded:
    """A teacher that is ready: its encoder, its layer, and what it looks at.

    Args:
        name: of the row.
        encoder: with its weights.
        layer: whose features are clustered.
        recipe: how items become features.
        data: what is labelled.
        clustered: what clusters are made of; ``data`` itself where that is the same.
    """

    name: str
    encoder: Encoder | SoundEncoder
    layer: str
    recipe: Recipe
    data: Dataset
    clustered: Dataset

    def about(self, data: Dataset) -> dict[str, Any]:
        """Return all that the features of a data set depend on, as JSON can hold it."""
        return {
            "encoder": describe(self.encoder),
            "weights": digest(self.encoder),
            "layer": self.layer,
            "recipe": describe(self.recipe),
            "data": describe(data),
            "items": items_of(data),
        }


def find_teachers(
    given: Mapping[str, str | Teacher],
    data: Dataset,
    clustered: Dataset | None = None,
    layer: str | None = None,
    max_features: int | None = 9216,
    trust: Trust = (),
) -> list[Loaded]:
    """Return teachers ready to label, pixels and (for pictures large enough) HOG first.

    Raises:
        ConfigError: if a teacher cannot be loaded, has no such layer, or looks at other items than are labelled.
    """
    for name in given:
        if not name or not all(sign.isalnum() or sign in "-_.+" for sign in name) or name.startswith("."):
            raise ConfigError(f"teachers: {name!r} names a folder too; use letters, digits and - _ . +")
        if name in (PIXELS, HOG) and given[name] != name:
            raise ConfigError(f"teachers.{name}: the row of that name is added by itself; call this one otherwise")
    own = {name: Teacher(source=name) for name in baselines(pool_of(data, 1))}
    named = {name: Teacher(source=one) if isinstance(one, str) else one for name, one in given.items()}
    found = []
    for name, teacher in (own | {name: one for name, one in named.items() if name not in own}).items():
        if teacher.layer is None and teacher.source not in own and teacher.stream == "frames":
            teacher = replace(teacher, layer=layer)
        try:
            found.append(ready(name, teacher, data, clustered, max_features, trust))
        except ValueError as error:
            raise ConfigError(f"teachers.{name}: {error}") from error
    return found


def ready(
    name: str, teacher: Teacher, data: Dataset, clustered: Dataset | None, max_features: int | None, trust: Trust
) -> Loaded:
    """Return a teacher ready to label; see `find_teachers`."""
    looked = data if teacher.data is None else teacher.data
    if differing := change_of(items_of(data), items_of(looked)):
        raise ConfigError(f"its data are other items than the student's ({differing}); labels are given item by item")
    encoder = load(teacher, looked, trust)
    layer = layer_of(teacher, encoder, looked)
    check_layer(encoder, layer)
    others = teacher.clustered if teacher.clustered is not None else clustered
    return Loaded(
        name=name,
        encoder=encoder,
        layer=layer,
        recipe=Recipe(stream=teacher.stream, crop=teacher.crop, max_features=max_features),
        data=looked,
        clustered=looked if others is None else others,
    )


def layer_of(teacher: Teacher, encoder: Encoder | SoundEncoder, data: Dataset) -> str:
    """Return the layer that is clustered, see `Teacher`."""
    if teacher.layer is not None:
        return teacher.layer
    if teacher.source in (PIXELS, HOG) or not isinstance(encoder, Encoder):
        return OUTPUT
    return last_map(encoder, pool_of(data, 1, crop=teacher.crop, takes=kind_of(encoder)))


def load(teacher: Teacher, data: Dataset, trust: Trust) -> Encoder | SoundEncoder:
    """Return the encoder of a teacher.

    Raises:
        ValueError: if there is none.
    """
    if teacher.source in (PIXELS, HOG):
        rows = baselines(pool_of(data, 1, crop=teacher.crop))
        if teacher.source not in rows:
            raise ConfigError("the pictures are too small for HOG")
        return rows[teacher.source][0]
    if teacher.stream == "sound":
        return load_sound(find_run(teacher.source), trust=trust)
    if Path(teacher.source).expanduser().is_file():
        return load_weights(teacher.source, teacher.encoder, trust)
    return load_encoder(
        find_run(Path(teacher.source).expanduser()), trust=trust, encoder=teacher.encoder, export=teacher.export
    )
