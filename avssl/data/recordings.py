"""Which recordings there are: folder trees, flat folders, CSV and Parquet manifests, and the demo world."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from avssl.cache import cache_folder
from avssl.data.cells import boxes_of, check_labels, class_names, is_of, name_of, number_in, parts_of, presence
from avssl.data.sources import CACHED, DEMO, MANIFESTS
from avssl.data.tables import Row, read_manifest_rows
from avssl.files import FileError, names_in
from avssl.installed import prepare as script

KNOWN = ".3gp .asf .avi .flv .gif .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .mxf .ogv .rm .ts .vob .webm .webp .wmv"
ENDINGS: frozenset[str] = frozenset(KNOWN.split())
PICTURES: frozenset[str] = frozenset(
    (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)
SOUNDS: frozenset[str] = frozenset((".aac", ".aif", ".aiff", ".flac", ".m4a", ".mp3", ".ogg", ".opus", ".wav", ".wma"))
FileMedia = Literal["picture", "sound", "video"]  # what one file can be
# A GIF or a WebP is a picture, unless a person says otherwise: pictures come first
MEDIA: dict[FileMedia, frozenset[str]] = {
    "picture": PICTURES,
    "sound": SOUNDS,
    "video": ENDINGS,
}


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One recording of a data set.

    Args:
        path: the file.
        label: its class, or -1 without one.
        start: where the part to use begins, in seconds; None for the start of the whole.
        end: where it ends, in seconds; None for the end of the whole.
        keypoints: an ``.npz`` with ``keypoints`` ``(frames, joints, 2)`` and ``visible`` ``(frames, joints)``.
        labels: where a row may have several classes: 1 for each that it has, 0 for others, NaN to be ignored.
        annotations: an ``.npz`` of what else is known, such as ``boxes`` of what sounds; for measuring alone.
        group: what must not be on both sides of a comparison, such as the film it was cut from.
        sound: of a picture, the file of the sound that belongs to it.
        boxes: of what sounds: left, top, right, bottom as shares of the picture's width and height; for measuring.
        votes: boxes that must cover a place so that it counts in full; 1 for their union.
        masks: a folder of PNGs, one a frame, or an ``.npz``, see `avssl.data.masks`; for measuring alone.
        track: a text file with the box of what is followed, a line a frame, see `avssl.data.tracks`; likewise.
        origin: what the upper left pixel is called there.
        cover: a text file with a number for each frame, 0 where nothing of it can be seen.
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
    masks: Path | None = None
    track: Path | None = None
    origin: float = 0.0
    cover: Path | None = None


def find_recordings(
    source: str | Path, split: str | None = None, endings: frozenset[str] = ENDINGS
) -> tuple[list[Recording], list[str]]:
    """Return the recordings of a source in a fixed order, and the names of their classes (may be empty).

    Args:
        source: a folder of class folders, a folder of files, one such file, a manifest (``.csv`` or ``.parquet`` with
            a column ``path``, relative to the manifest, and optionally ``split``, ``label``, ``labels`` (several,
            parted by ``" | "``, a leading ``?`` for those to be ignored), ``start``, ``end``, ``group``, ``keypoints``,
            ``annotations``, ``masks``, ``track``, ``origin``, ``cover``, ``sound``, ``sounding``, ``votes``), a folder
            that holds ``manifest.csv`` or ``manifest.parquet``, ``"demo:figures"``, or ``"cache:samples"`` for what
            ``datasets/samples/prepare.py`` gathered. `avssl.files` tells which files of folders count,
            `avssl.data.tables` what a CSV may be.
        split: keep only rows of a manifest with this value, or this word of several, in the column ``split``.
        endings: of the files that count in folders, such as `ENDINGS` (video), `PICTURES` or `SOUNDS`.

    Raises:
        FileError: if the source does not exist, is empty, or lacks the column or the split.
    """
    if isinstance(source, str) and source.startswith(DEMO):
        from avssl.data.demo import prepare

        return read_manifest(prepare(source.removeprefix(DEMO)) / "manifest.csv", split)
    if isinstance(source, str) and source.startswith(CACHED):
        name = source.removeprefix(CACHED)
        source = cache_folder(name)
        if not any((source / manifest).exists() for manifest in MANIFESTS):
            raise FileError(f"{source} has no manifest; make it with: {script(name.split('/')[0])}")
    source = Path(source).expanduser()
    for manifest in MANIFESTS:
        if source.is_dir() and (source / manifest).exists():
            source = source / manifest
    if source.is_file() and source.suffix.lower() in (".csv", ".parquet"):
        return read_manifest(source, split)
    if source.is_file() and source.suffix.lower() in endings:
        if split is not None:
            raise FileError(f"{source} is one {named(endings)}, which has no split {split!r}; set split=null")
        return [Recording(path=source)], []
    if not source.is_dir():
        one = named(endings)
        odd = f"is neither a folder nor a .csv or .parquet manifest, nor by its ending a {one}"
        told = odd if source.exists() else "does not exist"
        raise FileError(f"{source} {told}; give a {one}, a folder of {one}s, a manifest, or demo:figures")
    if split is not None:
        if not (source / split).is_dir():
            raise FileError(f"split {split!r} of the folder {source} would be its folder {split}/, which is missing")
        source = source / split
    return read_folder(source, endings)


def named(endings: frozenset[str]) -> str:
    return next((kind for kind, known in MEDIA.items() if known == endings), "file")


def read_folder(folder: Path, endings: frozenset[str] = ENDINGS) -> tuple[list[Recording], list[str]]:
    """List ``folder/class/file`` (deeper files count to the class) or, without class folders, ``folder/file``.

    Which files and folders count, and what becomes of links, is told by `avssl.files`.
    """
    names = list(names_in(folder, endings))
    if not names:
        raise FileError(f"{folder} holds no {named(endings)}; known endings: {' '.join(sorted(endings))}")
    tops = [top if inside else "" for top, inside, _ in (name.partition("/") for name in names)]
    classes = sorted(set(tops))
    if classes == [""]:
        return [Recording(path=folder / name) for name in names], []
    if "" in classes:
        loose = names[tops.index("")]
        raise FileError(f"{folder} mixes class folders and loose files ({loose}); use one or the other, or a manifest")
    numbers = {name: i for i, name in enumerate(classes)}
    return [Recording(path=folder / name, label=numbers[top]) for name, top in zip(names, tops, strict=True)], classes


def read_manifest(manifest: Path, split: str | None) -> tuple[list[Recording], list[str]]:
    """Read the rows of a manifest; labels that are not whole numbers become classes in the order of their names."""
    rows = read_manifest_rows(manifest)
    for line, row in rows.items():
        check_labels(row, f"{manifest}, row {line}")
    classes = class_names(row["label"] for row in rows.values() if row.get("label"))
    several = sorted({name_of(part) for row in rows.values() for part in parts_of(row.get("labels", ""))})
    classes = several or classes
    numbers = {name: i for i, name in enumerate(classes)}
    if split is not None:
        splits = sorted({word for row in rows.values() for word in row.get("split", "").split() or [""]})
        rows = {line: row for line, row in rows.items() if is_of(split, row.get("split", ""))}
        if not rows:
            raise FileError(f"{manifest}: no row has split {split!r}; there is {', '.join(map(repr, splits))}")
    found = [recording_of(row, manifest, f"{manifest}, row {line}", numbers) for line, row in rows.items()]
    if several and "labels" in next(iter(rows.values())):
        cells = [row["labels"] for row in rows.values()]
        found = [replace(one, labels=presence(cell, numbers)) for one, cell in zip(found, cells, strict=True)]
    return found, classes


def recording_of(row: Row, manifest: Path, where: str, numbers: dict[str, int]) -> Recording:
    """Return a row of a manifest as a recording; ``numbers`` are those of the classes, empty without names."""
    label = row.get("label", "")
    if label and numbers and label not in numbers:
        raise FileError(f"{where}: the label {label!r} is none of those in the column 'labels'; keep one of the two")
    votes = number_in(row, "votes", "a number of boxes", where)
    if votes is not None and votes <= 0:
        raise FileError(f"{where}: votes are above 0; got {row['votes']}")

    def file(name: str) -> Path | None:
        return manifest.parent / row[name] if row.get(name) else None

    return Recording(
        path=manifest.parent / row["path"],
        label=(numbers[label] if numbers else int(label)) if label else -1,
        start=number_in(row, "start", "a number of seconds", where),
        end=number_in(row, "end", "a number of seconds", where),
        group=row.get("group", ""),
        boxes=boxes_of(row.get("sounding", ""), where),
        votes=votes or 1.0,
        keypoints=file("keypoints"),
        annotations=file("annotations"),
        sound=file("sound"),
        masks=file("masks"),
        track=file("track"),
        origin=number_in(row, "origin", "a number of pixels", where) or 0.0,
        cover=file("cover"),
    )
