"""Gather openly usable real videos that ship inside Python packages, and write a manifest with splits.

    python datasets/samples/prepare.py                 # all but the slow one, about 330 MB to fetch, 40 MB kept
    python datasets/samples/prepare.py --list          # what there is, and whose licence
    python datasets/samples/prepare.py --only bikes --only dancer

What is there and verified is never fetched again; interrupt it and go on as you like.
"""

import argparse
import hashlib
import math
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from avssl.cache import cache_folder, whole
from avssl.data.tables import write_table

SOURCES = Path(__file__).with_name("sources.toml")
HELD_OUT = 0.25  # of a video that is split by time
GAP = 2.0  # seconds between what is learned from and what is held out
LONGEST = 5.0  # seconds that one row of the manifest spans at most
COLUMNS = ["path", "split", "label", "start", "end", "licence", "source"]


class RegistryError(Exception):
    """The package registry is out of reach, or does not give the package."""


class WrongBytes(Exception):
    """What came is not what was pinned."""


@dataclass(frozen=True, kw_only=True)
class Video:
    """A video of an archive; the fields are explained in sources.toml."""

    name: str
    member: str
    sha256: str
    seconds: float
    label: str
    use: str
    sound: bool = False

    @property
    def path(self) -> str:
        return f"videos/{self.name}{Path(self.member).suffix}"


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A package's wheel or source archive; the fields are explained in sources.toml."""

    package: str
    version: str
    kind: str
    megabytes: int
    sha256: str
    licence: str
    credit: str
    show: bool
    videos: tuple[Video, ...] = field(repr=False)
    asked: bool = False

    @property
    def pin(self) -> str:
        return f"{self.package}=={self.version}"


def read_sources(path: Path = SOURCES) -> list[Archive]:
    tables = tomllib.loads(path.read_text())["archive"]
    return [
        Archive(**{name: value for name, value in table.items() if name != "video"}, videos=videos)
        for table in tables
        for videos in [tuple(Video(**video) for video in table["video"])]
    ]


def chosen(archives: list[Archive], names: list[str], everything: bool = False) -> list[tuple[Archive, list[Video]]]:
    """Return each archive with the videos wanted of it.

    Raises:
        ValueError: if a name is unknown.
    """
    known = {video.name for archive in archives for video in archive.videos}
    if unknown := sorted(set(names) - known):
        raise ValueError(f"unknown: {', '.join(unknown)}; there is {', '.join(sorted(known))}")
    wanted = [
        (archive, [video for video in archive.videos if video.name in names or not names])
        for archive in archives
        if names or everything or not archive.asked
    ]
    return [(archive, videos) for archive, videos in wanted if videos]


def download(archive: Archive, folder: Path) -> Path:
    """Let pip fetch an archive, with the settings of its user, and return the file.

    Raises:
        RegistryError: if pip cannot get it.
    """
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{archive.pin} --hash=sha256:{archive.sha256}\n")  # pip refuses other bytes unopened
    form = "--only-binary" if archive.kind == "wheel" else "--no-binary"
    command = ["download", "--no-deps", form, ":all:", "--require-hashes", "-r", str(requirements), "-d", str(folder)]
    pip = subprocess.run([sys.executable, "-m", "pip", *command], capture_output=True, text=True, check=False)
    found = [path for path in folder.iterdir() if path.suffix in (".whl", ".gz", ".zip")]
    if pip.returncode == 0 and len(found) == 1:
        return found[0]
    told = [line for line in pip.stderr.splitlines() if line.strip()] or ["nothing"]
    if "No module named pip" in pip.stderr:
        raise RegistryError(f"{sys.executable} has no pip; run: {sys.executable} -m ensurepip")
    errors = [line for line in told if line.startswith("ERROR")] or told
    reached = "is out of reach" if "Retrying (" in pip.stdout + pip.stderr else f"did not give {archive.pin}"
    raise RegistryError(f"the package registry {reached}; pip says: {errors[0]}")


def digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_there(video: Video, root: Path) -> bool:
    """Return whether the video has been gathered and is byte for byte what was pinned."""
    return (root / video.path).exists() and digest(root / video.path) == video.sha256


def extract(path: Path, archive: Archive, videos: list[Video], root: Path) -> None:
    """Take the videos out of an archive; each is there whole and verified, or not at all.

    Raises:
        WrongBytes: if the archive or a video is not the pinned one.
    """
    if (came := digest(path)) != archive.sha256:
        raise WrongBytes(f"{archive.pin}: the archive has sha256 {came}, not the pinned {archive.sha256}")
    (root / "videos").mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path) if zipfile.is_zipfile(path) else tarfile.open(path) as opened:
        for video in videos:
            content = opened.read(video.member) if isinstance(opened, zipfile.ZipFile) else member(opened, video.member)
            if (came := hashlib.sha256(content).hexdigest()) != video.sha256:
                raise WrongBytes(f"{archive.pin}: {video.member} has sha256 {came}, not the pinned {video.sha256}")
            with whole(root / video.path) as part:
                part.write_bytes(content)


def member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise WrongBytes(f"{name} is not a file in {archive.name}")
    return file.read()


def gather(
    wanted: list[tuple[Archive, list[Video]]],
    root: Path,
    fetch: Callable[[Archive, Path], Path] = download,
    console: Console | None = None,
) -> list[str]:
    """Fetch what is missing; return a line for each archive that failed.

    When the registry is out of reach no other archive is tried.
    """
    failures: list[str] = []
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed} of {task.total} MB")
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task("", total=sum(archive.megabytes for archive, _ in wanted))
        for archive, videos in wanted:
            missing = [video for video in videos if not is_there(video, root)]
            bar.update(task, description=f"{', '.join(video.name for video in videos)} ({archive.pin})")
            if missing:
                with tempfile.TemporaryDirectory(dir=root) as folder:
                    try:
                        extract(fetch(archive, Path(folder)), archive, missing, root)
                    except (RegistryError, WrongBytes) as error:
                        failures.append(str(error))
                        if "out of reach" in str(error):
                            break
            bar.advance(task, archive.megabytes)
    return failures


def parts_of(video: Video) -> list[tuple[str, float, float]]:
    """Return the stretches of a video that the manifest lists: split, start and end in seconds."""
    turn = video.seconds * (1 - HELD_OUT)
    stretches = {
        "time": [("train", 0.0, turn - GAP), ("heldout_time", turn, video.seconds)],
        "heldout_time": [("heldout_time", GAP, video.seconds)],
    }.get(video.use, [(video.use, 0.0, video.seconds)])
    return [part for split, start, end in stretches for part in pieces(split, start, end)]


def pieces(split: str, start: float, end: float) -> list[tuple[str, float, float]]:
    """Cut a stretch into equal pieces, so that a long video is drawn from as often as several short ones."""
    count = math.ceil((end - start) / LONGEST)
    edges = [start + (end - start) * i / count for i in range(count + 1)]
    return [(split, first, last) for first, last in pairwise(edges)]


def write_manifest(archives: list[Archive], root: Path) -> list[dict[str, str]]:
    """List the parts of every video that has been gathered, now or before, and return the rows; blank is the whole."""
    rows = []
    for archive in archives:
        for video in archive.videos:
            if is_there(video, root):
                about = {"path": video.path, "label": video.label, "licence": archive.licence}
                about["source"] = f"{archive.pin} {video.member}"
                for split, start, end in parts_of(video):
                    entire = start == 0 and end == video.seconds
                    times = ("", "") if entire else (f"{start:.3f}", f"{end:.3f}")
                    splits = f"{split} sound_{split}" if video.sound else split  # a row may be of several splits
                    rows.append(about | {"split": splits, "start": times[0], "end": times[1]})
    with whole(root / "manifest.csv") as part:
        write_table(part, COLUMNS, rows)
    return rows


def show(archives: list[Archive], console: Console) -> None:
    lines = [("name", "seconds", "use", "pictures", "package, megabytes to fetch, licence")]
    for archive in archives:
        package = f"{archive.pin}, {archive.megabytes}, {archive.licence}"
        allowed = "with credit" if archive.show else "keep to yourself"
        lines += [(video.name, f"{video.seconds:.1f}", video.use, allowed, package) for video in archive.videos]
    for name, seconds, use, allowed, package in lines:
        console.print(f"{name:9} {seconds:>7}  {use:13}  {allowed:16}  {package}", soft_wrap=True, highlight=False)


def main(arguments: list[str] | None = None) -> int:
    archives = read_sources()
    usage = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usage.add_argument("--root", type=Path, help="folder for videos and manifest.csv (default: in the cache)")
    usage.add_argument("--only", action="append", default=[], metavar="NAME", help="only this video; may be repeated")
    usage.add_argument("--all", action="store_true", help="the slow ones too")
    usage.add_argument("--list", action="store_true", help="show what there is and stop")
    options = usage.parse_args(arguments)
    console = Console()
    if options.list:
        show(archives, console)
        return 0
    try:
        wanted = chosen(archives, options.only, options.all)
    except ValueError as error:
        usage.error(str(error))
    root = options.root.expanduser() if options.root else cache_folder("samples")
    root.mkdir(parents=True, exist_ok=True)
    failures = gather(wanted, root, console=console)
    rows = write_manifest(archives, root)
    count = len({row["path"] for row in rows})
    console.print(f"{count} gathered videos are listed in {root / 'manifest.csv'}", soft_wrap=True)
    for failure in failures:
        console.print(failure, style="red", soft_wrap=True, markup=False)
    if failures:
        console.print("What was gathered stays; run it again to go on.")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
