"""Pinned packages of Debian as sources of files: fetched by apt where there is one, else from public snapshots."""

import hashlib
import lzma
import shutil
import subprocess
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

SNAPSHOT = "https://snapshot.debian.org/archive/debian/20250520T000000Z"  # keeps every version for good
AR, ENTRY = b"!<arch>\n", 60  # the magic of ar, and the bytes of an entry's header: deb(5), ar(5)
LONGEST = 60  # seconds without a byte until the snapshots count as out of reach


class PackageError(Exception):
    """A package cannot be had, or is not what was pinned."""


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package of Debian in one version.

    Args:
        name: of the package.
        version: as apt says it.
        pool: its path under the archive's root.
        sha256: of the ``.deb``.
        megabytes: of the ``.deb``.
        licence: what its copyright file says, in short.
    """

    name: str
    version: str
    pool: str
    sha256: str
    megabytes: int
    licence: str

    @property
    def pin(self) -> str:
        return f"{self.name}={self.version}"


def fetch(package: Package, folder: Path, given: Path | None = None) -> Path:
    """Return the verified ``.deb``: one that lies in ``given``, or else fetched into ``folder``.

    apt fetches with its user's settings; without it, or where it does not have the version, the public snapshots do.

    Raises:
        PackageError: if neither gives the pinned bytes; each reason in one line.
    """
    wanted = Path(package.pool).name
    if given is not None:
        if not (given / wanted).is_file():
            raise PackageError(f"{given} holds no {wanted}; put it there, or leave --debs away to have it fetched")
        return verified(given / wanted, package)
    reasons = []
    for way in (by_apt, by_snapshot):
        try:
            return verified(way(package, folder), package)
        except PackageError as error:
            reasons.append(str(error))
    raise PackageError("; ".join(reasons))


def by_apt(package: Package, folder: Path) -> Path:
    """Let ``apt-get download`` fetch a package; nothing is installed."""
    if shutil.which("apt-get") is None:
        raise PackageError("there is no apt-get")
    command = ["apt-get", "download", package.pin]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found = sorted(folder.glob(f"{package.name}_*.deb"))
    if run.returncode or not found:
        told = [line for line in run.stderr.splitlines() if line.startswith("E:")] or ["it says nothing"]
        raise PackageError(f"apt-get does not give {package.pin}: {told[0]}")
    return found[0]


def by_snapshot(package: Package, folder: Path) -> Path:
    """Fetch a package from Debian's public snapshots."""
    path, place = folder / Path(package.pool).name, f"{SNAPSHOT}/{package.pool}"
    try:
        with urllib.request.urlopen(place, timeout=LONGEST) as answer, path.open("wb") as file:
            shutil.copyfileobj(answer, file)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise PackageError(f"{place} is out of reach: {getattr(error, 'reason', error)}") from error
    return path


def verified(path: Path, package: Package) -> Path:
    with path.open("rb") as file:
        came = hashlib.file_digest(file, "sha256").hexdigest()
    if came != package.sha256:
        raise PackageError(f"{path.name} has sha256 {came}, not the pinned {package.sha256}")
    return path


@contextmanager
def files_of(deb: Path) -> Iterator[tarfile.TarFile]:
    """Open the files of a package as a tar archive that is read from front to back, without dpkg.

    Raises:
        PackageError: if it is no ``.deb``, or packed in another way than by xz or gzip.
    """
    with deb.open("rb") as file:
        if file.read(len(AR)) != AR:
            raise PackageError(f"{deb.name} is no Debian package")
        while header := file.read(ENTRY):
            name, size = header[:16].decode("ascii", "replace").strip(" /"), int(header[48:58])
            if name.startswith("data.tar"):
                break
            file.seek(size + size % 2, 1)  # entries start at even places
        else:
            raise PackageError(f"{deb.name} holds no files")
        if not name.endswith((".xz", ".gz")):
            raise PackageError(f"{deb.name} is packed as {name}; needs .xz or .gz")
        packed = BytesIO(file.read(size))
    with tarfile.open(fileobj=packed, mode="r|xz" if name.endswith(".xz") else "r|gz") as archive:
        try:
            yield archive
        except (tarfile.TarError, lzma.LZMAError, EOFError) as error:
            raise PackageError(f"{deb.name} is damaged: {error}") from error
