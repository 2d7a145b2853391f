"""Where data comes from: manifests, folders that hold one, demo worlds, and what recipes gathered into the cache."""

from pathlib import Path

from avssl.cache import cache_folder
from avssl.files import FileError

DEMO = "demo:"  # a source that names a demo world, made on first use
CACHED = "cache:"  # a source that a datasets/<name>/prepare.py gathered into the cache
MANIFESTS = ("manifest.csv", "manifest.parquet")


def find_manifest(source: str | Path) -> Path:
    """Return the manifest that a source means: a file, a folder that holds it, a demo world, or what was gathered."""
    if isinstance(source, str) and source.startswith(DEMO):
        from avssl.data.demo import prepare

        return prepare(source.removeprefix(DEMO)) / "manifest.csv"
    if isinstance(source, str) and source.startswith(CACHED):
        source = cache_folder(source.removeprefix(CACHED))
    path = Path(source).expanduser()
    for candidate in (path, *(path / name for name in MANIFESTS)):
        if candidate.is_file() and candidate.suffix.lower() in (".csv", ".parquet"):
            return candidate
    raise FileError(
        f"{path} {'holds no manifest.csv' if path.exists() else 'does not exist'}; annotated pictures come from a "
        "manifest, as datasets/<name>/prepare.py writes it, or from demo:stills, demo:crowd or demo:solids"
    )
