"""Features of a data set as files that other programs read: what ``tools/extract.py`` runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from rich.console import Console

from avssl.cache import whole
from avssl.config import ConfigError, Trust, describe
from avssl.data import Dataset
from avssl.data.items import items_of
from avssl.features.cache import FeatureCache, digest
from avssl.features.device import find_device
from avssl.features.extraction import Asked, extract
from avssl.features.files import write_features
from avssl.features.layers import OUTPUT
from avssl.features.rows import Recipe
from avssl.features.sharing import from_environment
from avssl.features.subject import find_subject
from avssl.nets import Encoder, SoundEncoder
from avssl.text import to_json

ABOUT = "about.json"


def extract_features(
    data: Dataset,
    run: str | Path | None = None,
    weights: str | Path | None = None,
    encoder: Encoder | SoundEncoder | None = None,
    layers: Sequence[str] | Literal["all"] = (OUTPUT,),
    stream: Literal["frames", "sound"] = "frames",
    unit: Literal["item", "clip", "frame"] = "item",
    crop: int | tuple[int, int] | None = None,
    patch: tuple[int, int] | None = None,
    max_features: int | None = 9216,
    out: str | Path | None = None,
    runs: str | Path = "runs",
    device: str = "auto",
    batch: int = 256,
    workers: int = 0,
    trust: Trust = (),
) -> Path:
    """Write the features of a data set: ``<layer>.npy``, ``index.parquet`` (what each row is), and ``about.json``.

    The data is read once, whatever layers are asked for. An interrupted extraction goes on where it stopped; started
    by ``torchrun`` on several processes or GPUs, they share the work. Pieces are kept under ``<out>/kept``, which may
    be deleted afterwards.

    Args:
        data: what to look at.
        run: folder of the run whose encoder is used; None for the one that was written last.
        weights: use these instead: a ``.safetensors`` or ``.pth`` with torchvision's keys, or an export of ours.
        encoder: the architecture of ``weights``; without them it is taken as it is, which suits what needs none, such
            as ``LogMel`` for sounds.
        layers: names of layers, ``"output"`` among them, or ``"all"``.
        stream: what is looked at: the items' ``"frames"``, or their ``"sound"`` with an encoder of sounds.
        unit: a row for each item (mean over clips), each clip (mean over frames, or what an encoder of clips makes of
            it) or, for encoders of pictures, each frame.
        crop: the middle of each frame that is looked at, a side or (height, width) in pixels.
        patch: (side, step) in pixels: rows are patches of frames; with ``unit: frame``.
        max_features: numbers per row at most, for layers of maps: they are averaged to a grid, those of clips over time
            before; null keeps maps whole.
        out: folder to write into; None for ``features`` in the run's folder.
        runs: where runs lie.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
        batch: frames a pass.
        workers: processes that read ahead.
        trust: packages whose classes the run may name and so run, see `avssl.load_encoder`.

    Returns:
        The folder that was written.

    Raises:
        ConfigError: if there is no such run or layer, or nothing can be read.
    """
    if isinstance(encoder, SoundEncoder) or (encoder is not None and weights is None):
        if weights is not None:
            raise ConfigError(f"weights: {type(encoder).__name__} takes none here; give encoder alone")
        used, folder = encoder, Path(runs) / type(encoder).__name__
    else:
        subject = find_subject(run, weights, encoder, None, runs, trust)
        used, folder = subject.encoder, subject.folder
    names = (*used.layers, OUTPUT) if layers == "all" else tuple(layers)
    if not names:
        raise ConfigError(f"layers: name some of {', '.join((*used.layers, OUTPUT))}, or all")
    folder = Path(out) if out is not None else folder / "features"
    recipe = Recipe(unit=unit, stream=stream, crop=crop, patch=patch, max_features=max_features)
    found = extract(
        {"encoder": Asked(used, names)},
        data,
        recipe,
        FeatureCache(folder / "kept"),
        find_device(device),
        batch=batch,
        workers=workers,
    )
    if from_environment().rank:
        return folder  # processes share the work; the first one writes
    write_features(folder, found.features["encoder"], found.rows)
    about = {
        "encoder": describe(used),
        "weights": digest(used),
        "data": describe(data),
        "items": items_of(data),
        "recipe": describe(recipe),
        "classes": list(found.rows.classes),
        "failures": list(found.rows.failures),
    }
    with whole(folder / ABOUT) as part:
        part.write_text(to_json(about, indent=2) + "\n", encoding="utf-8")
    console = Console(soft_wrap=True)
    for layer, array in found.features["encoder"].items():
        console.print(f"{folder / f'{layer}.npy'}: {' x '.join(map(str, array.shape))}", highlight=False)
    console.print(f"{folder / 'index.parquet'}: {len(found.rows)} rows", highlight=False)
    if found.rows.failures:
        console.print(f"{len(found.rows.failures)} items could not be read, such as {found.rows.failures[0]}")
    return folder
