"""The command ``avssl data check``: open every file of a source, say what is bad, write a manifest of the good."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from avssl.config import NotNegative
from avssl.data.known_bad import Kind, forget, remember
from avssl.data.recordings import MEDIA, FileMedia, read_folder
from avssl.data.sets.base import Listing, Media, Problem
from avssl.data.sets.inspection import Verdict
from avssl.data.sets.manifests import write_manifest, write_problems
from avssl.data.sets.prepare import check, sort_out, unheard, writable
from avssl.data.sets.summary import show_manifest, show_problems
from avssl.data.sources import find_manifest
from avssl.data.tables import read_manifest_rows, read_parquet
from avssl.files import FileError, names_in, same_bytes


def check_data(
    *,
    source: str,
    out: Path = Path("checked"),
    media: Literal["video", "picture", "sound"] | None = None,
    depth: Literal["open", "decode"] = "decode",
    min_frames: int = 0,
    min_seconds: NotNegative = 0.0,
    sound: bool = False,
    silence: float = -60.0,
    workers: int = 2,
) -> int:
    """Check every file of a source; a stopped run goes on when it is called again.

    Args:
        source: a folder, one file, a manifest, or what else ``data.source`` takes that lies in files.
        out: the folder for ``manifest.csv`` (the good) and ``problems.csv`` (the others).
        media: what the files are; None tells by the ending of the first.
        depth: decode all of each file, or only open it.
        min_frames: videos with fewer are short.
        min_seconds: videos and sounds that last less are short.
        sound: whether videos must have sound that can be heard; sounds always must.
        silence: what is silent: no second of it is louder than so many dB of full scale; asks for ``depth=decode``.
        workers: processes that look.

    Returns:
        The exit status: 0 where all is good, 1 where a file is bad, short or doubled.

    Raises:
        FileError: if the source cannot be listed, or ``out`` is where its own manifest lies.
    """
    console = Console(highlight=False, markup=False, emoji=False)
    listing = listed(source, media)
    if out.resolve() == listing.root.resolve():
        raise FileError(f"{out} holds the source itself, whose manifest would be lost; give another folder with out=")
    verdicts = check(listing, depth, writable(out, "with out="), workers, console)
    remember_bad(listing, verdicts, depth, sound)
    asked = silence if sound or listing.media == "sound" else None
    rows, problems = sort_out(listing, verdicts, min_frames, min_seconds, asked)
    twice = doubled(listing.root, list(dict.fromkeys(str(row["path"]) for row in rows)))
    rows = [row for row in rows if row["path"] not in twice]
    problems += [Problem(kind="odd", path=path, about=f"doubled: the same as {first}") for path, first in twice.items()]
    manifest = write_manifest(rows, listing.root, out) if rows else None
    write_problems(problems, out / "problems.csv")
    show_problems(problems, out / "problems.csv", console)
    show_manifest(rows, manifest, console)
    silent = sum(bool(verdict.sound and unheard(verdict, silence)) for verdict in verdicts.values())
    if silent and asked is None:
        told = (
            f"sound tracks without a second louder than {silence:g} dB: {silent:,}; sound=true leaves such videos out"
        )
        console.print(told, soft_wrap=True)
    return int(bool(problems) or not rows)


def listed(source: str, media: FileMedia | None) -> Listing:
    """Return the rows of a manifest, or of a folder of class folders or files, or of one file."""
    folder, every = Path(source).expanduser(), frozenset[str]().union(*MEDIA.values())
    try:
        manifest = find_manifest(source)
    except FileError:
        if folder.is_file() and folder.suffix.lower() in every:
            one = [{"path": folder.name, "label": ""}]
            return Listing(name=source, root=folder.parent, media=media or media_of([folder.name]), rows=one)
        if not folder.is_dir():
            raise FileError(f"{source} is no folder, manifest or recording that is there; check the path") from None
    else:
        rows = rows_of(manifest)
        return Listing(name=source, root=manifest.parent, media=media or media_of([rows[0]["path"]]), rows=rows)
    media = media or media_of(names_in(folder, every))
    found, classes = read_folder(folder, MEDIA[media])
    rows = [
        {"path": str(one.path.relative_to(folder)), "label": classes[one.label] if classes else ""} for one in found
    ]
    return Listing(name=source, root=folder, media=media, rows=rows)


def rows_of(manifest: Path) -> list[dict[str, Any]]:
    """Return the rows of a manifest as text, or as they are where Parquet holds lists, such as joints."""
    rows = list(read_manifest_rows(manifest).values())
    if manifest.suffix.lower() == ".parquet":
        typed = read_parquet(manifest)
        if any(isinstance(value, list) for row in typed for value in row.values()):
            return typed
    return [dict(row) for row in rows]


def media_of(names: Iterable[str]) -> FileMedia:
    """Return what the first file is by its ending; a GIF and a WebP count as pictures."""
    ending = Path(next(iter(names), "")).suffix.lower()
    for kind, endings in MEDIA.items():
        if ending in endings:
            return kind
    return "video"


def remember_bad(listing: Listing, verdicts: Mapping[str, Verdict], depth: str, sound: bool) -> None:
    """Let all runs know what cannot be read, and forget it of what can; only who decodes a file can say that it can."""
    kinds: dict[Media, list[Kind]] = {
        "video": ["video", "video with sound"],
        "picture": ["picture"],
        "sound": ["sound"],
    }
    for name, verdict in verdicts.items():
        path = listing.root / name
        first, *others = kinds[listing.media]
        if verdict.kind == "undecodable" and verdict.lasts:
            remember(path, first, f"{path}: {verdict.about}")
        elif verdict.kind is None and depth == "decode":
            forget(path, first)
        for kind in others:
            if verdict.sound is False and sound:
                remember(path, kind, f"{path}: no sound track")
            elif verdict.kind is None and depth == "decode" and verdict.sound:
                forget(path, kind)


def doubled(root: Path, paths: list[str]) -> dict[str, str]:
    """Return files with the same bytes as an earlier one, and which that is."""
    named = {root / path: path for path in paths if (root / path).is_file()}
    return {named[other]: named[first] for first, *others in same_bytes(list(named)) for other in others}
