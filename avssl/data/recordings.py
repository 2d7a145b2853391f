"""Which recordings there are: folder trees, flat folders, CSV and Parquet manifests, and the demo world."""

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from avssl.cache import cache_folder
from avssl.text import EXACT, from_column

KNOWN = ".3gp .asf .avi .flv .gif .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .mxf .ogv .rm .ts .vob .webm .webp .wmv"
ENDINGS: frozenset[str] = frozenset(KNOWN.split())
PICTURES: frozenset[str] = frozenset(
    (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)
SOUNDS: frozenset[str] = frozenset((".aac", ".aif", ".aiff", ".flac", ".m4a", ".mp3", ".ogg", ".opus", ".wav", ".wma"))
BETWEEN = " | "  # parts several labels of one row
DEMO = "demo:"  # a source that names a demo world, made on first use
MANIFESTS = ("manifest.csv", "manifest.parquet")
CACHED = "cache:"  # a source that a datasets/<name>/prepare.py gathered into the cache


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One recording of a data set.

    Args:
        path: the file.
        label: its class, or -1 without one.
        start, end: the part to use, in seconds; None for the whole.
        keypoints: an ``.npz`` with ``keypoints`` ``(frames, joints, 2)`` and ``visible`` ``(frames, joints)``.
        labels: where a row may have several classes: 1 for each that it has, 0 for others, NaN to be ignored.
        annotations: an ``.npz`` of what else is known, such as ``boxes`` of what sounds; for measuring alone.
        group: what must not be on both sides of a comparison, such as the film it was cut from.
        sound: of a picture, the file of the sound that belongs to it.
        boxes: of what sounds: left, top, right, bottom as shares of the picture's width and height; for measuring.
        votes: boxes that must cover a place so that it counts in full; 1 for their union.
    """

    path: Path
    label: int = -1
    start: float | None = None
    end: float | None = None
    keypoints: Path | None = None
    labels: tuple[float, ...] = ()
    group: str = ""
    annotations: Path | None = None
    sound: Path | None = None
    boxes: tuple[tuple[float, ...], ...] = ()
    votes: float = 1.0


def find_recordings(
    source: str | Path, split: str | None = None, endings: frozenset[str] = ENDINGS
) -> tuple[list[Recording], list[str]]:
    """Return the recordings of a source in a fixed order, and the names of their classes (may be empty).

    Args:
        source: a folder of class folders, a folder of files, a manifest (``.csv`` or ``.parquet`` with a column
            ``path``, relative to the manifest, and optionally ``split``, ``label``, ``labels`` (several, parted by
            ``" | "``, a leading ``?`` for those to be ignored), ``start``, ``end``, ``group``, ``keypoints``,
            ``annotations``, ``sound``, ``sounding``, ``votes``), a folder
            that holds ``manifest.csv`` or ``manifest.parquet``, ``"demo:figures"``, or ``"cache:samples"`` for what
            ``datasets/samples/prepare.py`` gathered.
        split: keep only rows of a manifest with this value, or this word of several, in the column ``split``.
        endings: of the files that count in folders, such as `ENDINGS` (video), `PICTURES` or `SOUNDS`.

    Raises:
        ValueError: if the source does not exist, is empty, or lacks the column or the split.
    """
    if isinstance(source, str) and source.startswith(DEMO):
        from avssl.data.demo import prepare

        return read_manifest(prepare(source.removeprefix(DEMO)) / "manifest.csv", split)
    if isinstance(source, str) and source.startswith(CACHED):
        name = source.removeprefix(CACHED)
        source = cache_folder(name)
        if not any((source / manifest).exists() for manifest in MANIFESTS):
            raise ValueError(f"{source} has no manifest; make it with: python datasets/{name.split('/')[0]}/prepare.py")
    source = Path(source).expanduser()
    for manifest in MANIFESTS:
        if source.is_dir() and (source / manifest).exists():
            source = source / manifest
    if source.is_file() and source.suffix.lower() in (".csv", ".parquet"):
        return read_manifest(source, split)
    if not source.is_dir():
        kind = "is neither a folder nor a .csv or .parquet manifest" if source.exists() else "does not exist"
        raise ValueError(f"{source} {kind}; give a folder of {named(endings)}s, a manifest, or demo:figures")
    if split is not None:
        if not (source / split).is_dir():
            raise ValueError(f"split {split!r} of the folder {source} would be its folder {split}/, which is missing")
        source = source / split
    return read_folder(source, endings)


def named(endings: frozenset[str]) -> str:
    return {ENDINGS: "video", PICTURES: "picture", SOUNDS: "sound"}.get(endings, "file")


def read_folder(folder: Path, endings: frozenset[str] = ENDINGS) -> tuple[list[Recording], list[str]]:
    """List ``folder/class/file`` (deeper files count to the class) or, without class folders, ``folder/file``."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in endings and path.is_file())
    if not files:
        raise ValueError(f"{folder} holds no {named(endings)}; known endings: {' '.join(sorted(endings))}")
    tops = [path.relative_to(folder).parts for path in files]
    if all(len(parts) == 1 for parts in tops):
        return [Recording(path=path) for path in files], []
    if any(len(parts) == 1 for parts in tops):
        loose = next(path.name for path, parts in zip(files, tops, strict=True) if len(parts) == 1)
        raise ValueError(f"{folder} mixes class folders and loose files ({loose}); use one or the other, or a manifest")
    classes = sorted({parts[0] for parts in tops})
    numbers = {name: i for i, name in enumerate(classes)}
    return [Recording(path=p, label=numbers[parts[0]]) for p, parts in zip(files, tops, strict=True)], classes


def read_manifest(manifest: Path, split: str | None) -> tuple[list[Recording], list[str]]:
    """Read the rows of a manifest; labels that are not whole numbers become classes in the order of their names."""
    rows = list(enumerate(read_rows(manifest), 2))  # numbered as a person counts the lines, the header being 1
    if not rows or "path" not in rows[0][1]:
        columns = ", ".join(rows[0][1]) if rows else "no rows"
        raise ValueError(f"{manifest}: needs a header with a column 'path' and at least one row; got {columns}")
    labels = {row["label"] for _, row in rows if row.get("label")}
    several = {name.removeprefix("?") for _, row in rows for name in row.get("labels", "").split(BETWEEN) if name}
    classes = [] if all(is_whole(label) for label in labels) else sorted(labels)
    classes = sorted(several) if several else classes
    numbers = {name: i for i, name in enumerate(classes)}
    if split is not None:
        splits = sorted({word for _, row in rows for word in row.get("split", "").split() or [""]})
        rows = [(line, row) for line, row in rows if is_of(split, row.get("split", ""))]
        if not rows:
            raise ValueError(f"{manifest}: no row has split {split!r}; there is {', '.join(map(repr, splits))}")

    def recording(line: int, row: dict[str, str]) -> Recording:
        label = row.get("label", "")
        return Recording(
            path=manifest.parent / row["path"],
            label=(numbers[label] if classes else int(label)) if label else -1,
            start=seconds(row, "start", f"{manifest}, row {line}"),
            end=seconds(row, "end", f"{manifest}, row {line}"),
            keypoints=manifest.parent / row["keypoints"] if row.get("keypoints") else None,
            labels=presence(row["labels"], numbers) if several and "labels" in row else (),
            group=row.get("group", ""),
            annotations=manifest.parent / row["annotations"] if row.get("annotations") else None,
            sound=manifest.parent / row["sound"] if row.get("sound") else None,
            boxes=boxes_of(row.get("sounding", ""), f"{manifest}, row {line}"),
            votes=float(row.get("votes") or 1),
        )

    return [recording(line, row) for line, row in rows], classes


def is_of(split: str, cell: str) -> bool:
    """Tell whether a cell of the column ``split`` names a split: as a whole, or as one of its words.

    Examples:
        >>> is_of("train1", "train1 test2"), is_of("train", "train1 test2"), is_of("held out", "held out")
        (True, False, True)
    """
    return cell == split or split in cell.split()


def presence(cell: str, numbers: dict[str, int]) -> tuple[float, ...]:
    """Return for each class 1 if a cell of the column ``labels`` names it, NaN if with a ``?``, else 0.

    Examples:
        >>> presence("dog | ?cat", {"cat": 0, "cow": 1, "dog": 2})
        (nan, 0.0, 1.0)
    """
    found = [0.0] * len(numbers)
    for name in filter(None, cell.split(BETWEEN)):
        found[numbers[name.removeprefix("?")]] = math.nan if name.startswith("?") else 1.0
    return tuple(found)


def seconds(row: dict[str, str], column: str, where: str) -> float | None:
    """Return a time of a row, or None where it is blank."""
    text = row.get(column, "")
    try:
        return float(text) if text else None
    except ValueError:
        raise ValueError(f"{where}: {text!r} in column {column!r} is not a number of seconds") from None


def read_rows(manifest: Path) -> Iterable[dict[str, str]]:
    """Yield each row of a CSV or Parquet file as text by column; missing values are empty."""
    if manifest.suffix.lower() == ".parquet":
        from pyarrow import parquet

        with open(manifest, "rb") as file:
            rows = parquet.read_table(file).to_pylist()
        for row in rows:
            yield {name: "" if value is None else from_column(value) for name, value in row.items()}
        return
    with open(manifest, newline="", encoding="utf-8-sig", errors=EXACT) as file:
        for row in csv.DictReader(file):
            yield {name: value or "" for name, value in row.items() if name is not None}


def is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def boxes_of(text: str, where: str) -> tuple[tuple[float, ...], ...]:
    """Return the boxes in a cell of a manifest, such as ``"0 0 0.5 1 | 0.2 0.2 0.4 0.4"``.

    Raises:
        ValueError: if they are no boxes; ``where`` says in which row.
    """
    boxes = []
    for part in text.split(BETWEEN) if text else ():
        try:
            left, top, right, bottom = map(float, part.split())
        except ValueError as error:
            raise ValueError(f"{where}: a box is left, top, right, bottom between 0 and 1; got {part!r}") from error
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise ValueError(f"{where}: a box is left, top, right, bottom between 0 and 1; got {part!r}")
        boxes.append((left, top, right, bottom))
    return tuple(boxes)
