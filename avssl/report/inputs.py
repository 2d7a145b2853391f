"""Pictures of what a run's method sees: items of its own data, and what its encoders are given of them in training."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from avssl.cache import whole
from avssl.config import Trust, rebuild, trusting
from avssl.config.reading import read
from avssl.data import Dataset
from avssl.features.runs import CONFIG
from avssl.nets import Spectrogram, SpectrogramSpec
from avssl.report.given import Given, given_to_encoders
from avssl.report.overlays import regions
from avssl.report.strips import spectrogram_colors, strip_picture
from avssl.text import printable
from avssl.training.errors import TrainingError
from avssl.training.export import load_method
from avssl.training.feed import batches_of, is_empty, single_process
from avssl.transforms.base import unit
from avssl.transforms.multiview import clips_of

FOLDER = "inputs"
INPUTS = f"{FOLDER}/inputs.jsonl"  # a line for each picture
GIVEN = f"{FOLDER}/given.json"  # what the data give
ITEMS = 4  # of the data
ROWS, COLUMNS = 3, 9  # pictures of an item that are drawn


def draw_inputs(run: Path, trust: Trust = ()) -> list[str]:
    """Draw what the method of a run sees, into ``run/inputs``, and return a line on why that could not be, if so.

    Whatever goes wrong (data that moved, a method's own code) costs these pictures alone, never the run or its page.

    Args:
        run: its folder, with a checkpoint.
        trust: as for `avssl.load_encoder`.
    """
    try:
        data, batch, given = batch_of(run, trust)
        write_inputs(run, list(lines_of(batch, given)), what_is_given(data, batch))
    except Exception as error:  # of any kind: it comes from anybody's data and method
        why = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        return [f"no pictures of what the method sees: {' '.join(why.split())[:400]}"]
    return []


def batch_of(run: Path, trust: Trust) -> tuple[Dataset, dict[str, Any], list[Given]]:
    """Return a run's training data, a few items of it, and what its method gives of them to its encoders.

    Raises:
        TrainingError: if nothing of the data can be read, or there is no checkpoint.
    """
    with trusting(trust):
        method = load_method(run, trust=trust)
        data = rebuild(read(run / CONFIG)["data"], "avssl.data.Dataset", f"{run}: data")
    assert isinstance(data, Dataset)
    items = max(ITEMS, method.least_recordings)
    batch = next(iter(batches_of(single_process("cpu"), data, 0, items, items, 0)))
    if is_empty(batch):
        raise TrainingError(f"none of {len(batch['failures'])} recordings could be read")
    return data, batch, given_to_encoders(method, batch)


def what_is_given(data: Dataset, batch: Mapping[str, Any]) -> list[str]:
    """Return what data give beside pictures, in the words that evaluators use (`avssl.evaluation.Evaluator.truths`).

    Args:
        data: all of it; what its recordings have is known without reading them.
        batch: some items of it.
    """
    recordings = getattr(data, "recordings", ())
    columns = ("keypoints", "masks", "track", "annotations", "sound")
    found = {name for name in columns if any(getattr(one, name, None) for one in recordings)}
    found |= {name for name in ("sound", "keypoints", "boxes", "mask", "normals") if name in batch}
    found |= {"annotations" for one in recordings if getattr(one, "boxes", ())}
    labels = {one.label for one in recordings} or set(torch.as_tensor(batch.get("label", -1)).flatten().tolist())
    if len(labels - {-1}) > 1:
        found.add("label")
    if "frames" in batch and clips_of(batch["frames"])[0].shape[:2].numel() > 1:
        found.add("video")
    return sorted(found)


def lines_of(batch: Mapping[str, Any], given: Sequence[Given]) -> Iterator[tuple[dict[str, Any], Image]]:
    """Yield what a page shows, line by line: what the line is, and its picture."""
    count = min(ITEMS, next(len(value) for value in batch.values() if isinstance(value, Tensor)))
    known = all((one.owners >= 0).any() for one in given)
    for item in range(count):
        name = printable(Path(str(batch["path"][item])).name) if "path" in batch else f"item {item}"
        for what, rows in data_rows(batch, item):
            yield {"item": name, "name": "the data", "what": what}, strip_picture(rows)
        for one in given if known else ():
            yield from given_line(one, one.owners == item, batch, name)
    if not known:  # where other things are given whenever the data change
        for one in given:
            yield from given_line(one, torch.ones(len(one.values), dtype=torch.bool), batch, "all items, in one row")


def given_line(
    one: Given, chosen: Tensor, batch: Mapping[str, Any], item: str
) -> Iterator[tuple[dict[str, Any], Image]]:
    """Yield the line of what an encoder is given of an item, if it is given anything of it."""
    if chosen.any():
        _, clips, frames, *_ = clips_of(batch["frames"]).shape if "frames" in batch else (0, 0, 0)
        what, rows = rows_of(one.values[chosen], frames if int(chosen.sum()) == clips * frames else 1)
        yield {"item": item, "name": one.place, "what": what}, strip_picture(rows)


def data_rows(batch: Mapping[str, Any], item: int) -> Iterator[tuple[str, list[list[np.ndarray]]]]:
    """Yield what the data give of an item, by key and shape: pictures or clips, sounds, and masks to learn from."""
    if "frames" in batch:
        clips = unit(clips_of(batch["frames"])[item].cpu()).float()
        yield rows_of(clips if clips.shape[1] > 1 else clips[:, 0], 1)
    if "sound" in batch:
        rate = int(batch["sound_rate"][item]) if "sound_rate" in batch else SpectrogramSpec().rate
        spec = SpectrogramSpec(rate=rate, high=min(7600.0, rate / 2))
        sound = batch["sound"][item].cpu().float()
        what, rows = rows_of(Spectrogram(spec)(sound), 1)
        yield f"{what}: {sound.shape[-1] / rate:.2f} s at {rate} Hz", rows
    if "mask" in batch:
        mask = batch["mask"][item].cpu().numpy()
        yield f"mask {mask.shape[0]} x {mask.shape[1]}", [[regions(mask, 32)]]


def rows_of(values: Tensor, frames: int) -> tuple[str, list[list[np.ndarray]]]:
    """Return what values are in words, and rows of pictures of them.

    Args:
        values: pictures ``(N, 3, H, W)`` or clips ``(N, frames, 3, H, W)`` in [0, 1], spectrograms ``(N, 1, bands,
            windows)`` or waveforms ``(N, 1, samples)``.
        frames: of a clip, whose pictures then stand in one row; 1 where they are of none.
    """
    if values.ndim == 3 or values.shape[-3] == 1:
        return sound_rows(values)
    count, size = len(values), f"{values.shape[-2]} x {values.shape[-1]} px"
    if values.ndim == 5:
        length = values.shape[1]
        places = np.unique(np.linspace(0, length - 1, min(length, COLUMNS)).round().astype(int))
        some = "" if len(places) == length else f", {len(places)} of them shown"
        rows = [[colors_of(clip[place]) for place in places] for clip in values[:ROWS]]
        return shown(f"{counted(count, 'clip')} of {length} frames{some}, {size}", len(rows), count), rows
    columns = frames if 1 < frames <= COLUMNS else COLUMNS
    pictures = [colors_of(one) for one in values[: ROWS * columns]]
    return shown(f"{counted(count, 'picture')}, {size}", len(pictures), count), [
        pictures[start : start + columns] for start in range(0, len(pictures), columns)
    ]


def sound_rows(values: Tensor) -> tuple[str, list[list[np.ndarray]]]:
    """Return the same of sounds: what a person can see of waveforms are their spectrograms."""
    what = f"waveform of {values.shape[-1]} samples"
    if values.ndim == 3:
        values = Spectrogram(SpectrogramSpec())(values)
    else:
        what = f"spectrogram of {values.shape[-2]} bands x {values.shape[-1]} moments"
    low, high = values.min().item(), values.max().item()
    pictures = [spectrogram_colors(one[0].numpy(), low, high) for one in values[:ROWS]]
    return shown(f"{counted(len(values), 'sound')}, {what}", len(pictures), len(values)), [pictures]


def colors_of(picture: Tensor) -> np.ndarray:
    """Return a picture ``(3, H, W)`` in [0, 1] as uint8 ``(H, W, 3)``."""
    return (picture.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()


def counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'s' if count != 1 else ''}"


def shown(what: str, drawn: int, count: int) -> str:
    return what if drawn == count else f"{what}; the first {drawn} shown"


def read_given(run: Path) -> list[str]:
    """Return what the data of a run give, as `what_is_given` found; nothing where that is not known."""
    try:
        found = json.loads((run / GIVEN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [str(one) for one in found] if isinstance(found, list) else []


def write_inputs(run: Path, lines: Sequence[tuple[Mapping[str, Any], Image]], given: Sequence[str]) -> None:
    """Write the pictures and what they are, and what the data give, in place of those that were there."""
    folder = run / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (run / GIVEN).write_text(json.dumps(list(given)), encoding="utf-8")
    records = []
    for number, (about, picture) in enumerate(lines):
        name = f"{FOLDER}/{number}.png"
        picture.save(run / name)
        records.append({**about, "picture": name})
    with whole(run / INPUTS) as part:
        part.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
