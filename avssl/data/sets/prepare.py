"""The command of every ``datasets/<name>/prepare.py``: read, check, write a manifest, report the problems.

Nothing in the tree is changed. A run that was stopped, even by ``kill -9``, goes on when it is called again.
"""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from avssl.data.sets.base import Listing, Problem, SetError
from avssl.data.sets.checks import JOURNAL, check_files
from avssl.data.sets.inspection import Depth, Verdict
from avssl.data.sets.manifests import amiss_in, write_classes, write_manifest, write_problems
from avssl.data.sets.options import make_parser
from avssl.data.sets.summary import falls_short, show_counts, show_manifest, show_problems
from avssl.data.sets.trees import check_folder
from avssl.files import FileError
from avssl.progress import Bar
from avssl.text import accept_any_name


def prepare(read: Callable[..., Listing], usage: str | None, arguments: Sequence[str] | None = None) -> int:
    """Run the command line of one data set.

    Args:
        read: the reader; its arguments behind the root become options.
        usage: what ``--help`` says first; the docstring of the script.
        arguments: of the command line; None for those of this process.

    Returns:
        The exit status: 0 where all is as published, 1 where counts differ, or files are missing or cannot be read
        (the manifest of what is good is written all the same), 2 where the tree cannot be read as this data set.
    """
    accept_any_name()
    parser, own = make_parser(read, usage)
    options = parser.parse_args(arguments)
    if (options.min_frames or options.min_seconds) and options.check in ("none", "exists"):
        parser.error(f"--check {options.check} does not tell how long files are; --min-... needs open or decode")
    console = Console(highlight=False, markup=False, emoji=False)  # names of files are no markup
    try:
        root = check_folder(options.root)
        listing = read(root, **{name: getattr(options, name) for name in own})
        out = writable(options.out or root)
        verdicts = check(listing, options.check, out, options.workers, console)
        rows, found = sort_out(listing, verdicts, options.min_frames, options.min_seconds)
        problems = [*listing.problems, *found]
        manifest = write_manifest(rows, listing.root, out) if rows else None
        write_problems(problems, out / "problems.csv")
        write_classes(listing.classes, out / "classes.txt")
    except FileError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{parser.prog}: stopped; call it again to go on", file=sys.stderr)
        return 130
    show_counts(listing, console)
    show_problems(problems, out / "problems.csv", console)
    show_manifest(rows, manifest, console)
    return int(falls_short(listing.counts, problems) or not rows)


def check(listing: Listing, depth: Depth, out: Path, workers: int, console: Console) -> dict[str, Verdict]:
    """Return the verdict on each file of a listing; show how far it is."""
    paths = list(dict.fromkeys(row["path"] for row in listing.rows))
    with Bar("checking files", len(paths), quiet=depth == "none", console=console) as bar:
        return check_files(listing.root, paths, listing.media, depth, out / JOURNAL, workers, bar.advance)


def sort_out(
    listing: Listing,
    verdicts: Mapping[str, Verdict],
    min_frames: int = 0,
    min_seconds: float = 0.0,
    silence: float | None = None,
) -> tuple[list[Mapping[str, Any]], list[Problem]]:
    """Return the rows that may stay, and what is wrong with the files of the others, a problem a file.

    Args:
        listing: the rows.
        verdicts: on their files.
        min_frames: fewer are short.
        min_seconds: less is short.
        silence: files whose loudest second of sound has at most so many dB are silent; None where no sound is asked.
    """
    problems: dict[str, Problem] = {}
    for path in dict.fromkeys(row["path"] for row in listing.rows):
        verdict = verdicts.get(path, Verdict())
        kind, about = verdict.kind, verdict.about
        if kind is None and verdict.frames is not None and verdict.frames < min_frames:
            kind, about = "short", f"{verdict.frames} frames"
        if kind is None and verdict.seconds is not None and verdict.seconds < min_seconds:
            kind, about = "short", f"{verdict.seconds:.3g} s"
        if kind is None and silence is not None and (about := unheard(verdict, silence)):
            kind = "silent"
        if kind is not None:
            problems[path] = Problem(kind=kind, path=path, about=about)
    for row in listing.rows:
        if row["path"] not in problems and (about := amiss_in(row)):
            problems[row["path"]] = Problem(kind="odd", path=row["path"], about=about)
    return [row for row in listing.rows if row["path"] not in problems], list(problems.values())


def unheard(verdict: Verdict, silence: float) -> str:
    """Return why nothing can be heard of a file, beside the limit in dB; empty if something can, or nobody listened.

    Examples:
        >>> unheard(Verdict(sound=True, level=-71.26), silence=-60)
        'its loudest second has -71.3 dB; the limit is -60 dB'
    """
    if verdict.sound is False:
        return "no sound track"
    if verdict.level is None or verdict.level > silence:
        return ""
    level = f"its loudest second has {verdict.level:.1f} dB" if verdict.level > -math.inf else "digital silence"
    return f"{level}; the limit is {silence:g} dB"


def writable(folder: Path, another: str = "with --out") -> Path:
    """Return a folder that can be written to, made if need be.

    Args:
        folder: which.
        another: how a person gives another one.

    Raises:
        SetError: if it cannot.
    """
    folder = folder.expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / JOURNAL).touch()
    except OSError as error:
        raise SetError(f"{folder} cannot be written to ({error.strerror}); give another folder {another}") from None
    return folder
