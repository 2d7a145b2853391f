"""Gather Fashion-MNIST, 70,000 grey pictures of 28 px in ten classes, from the package that Debian makes of it.

    python datasets/fashion_mnist/prepare.py                  # 31 MB to fetch and to keep
    python datasets/fashion_mnist/prepare.py --debs FOLDER    # from a package that you have

What is there and verified is never fetched again.
"""

import argparse
import hashlib
import sys
import tempfile
from pathlib import Path

from avssl.cache import cache_folder, whole
from avssl.data.sets.debian import Package, PackageError, fetch, files_of

PACKAGE = Package(
    name="dataset-fashion-mnist",
    version="0.0~git20200523.55506a9-1",
    pool="pool/main/d/dataset-fashion-mnist/dataset-fashion-mnist_0.0~git20200523.55506a9-1_all.deb",
    sha256="39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
    megabytes=31,
    licence="MIT",
)
FILES = {  # name -> sha256
    "t10k-images-idx3-ubyte.gz": "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa",
    "t10k-labels-idx1-ubyte.gz": "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05",
    "train-images-idx3-ubyte.gz": "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7",
    "train-labels-idx1-ubyte.gz": "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056",
}
CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


def is_there(root: Path) -> bool:
    """Return whether the four files are there, byte for byte as pinned."""
    return all(
        (root / name).is_file() and hashlib.sha256((root / name).read_bytes()).hexdigest() == sha256
        for name, sha256 in FILES.items()
    )


def gather(root: Path, debs: Path | None = None) -> None:
    """Put the four files into ``root``, each whole and verified, and the names of the classes beside them.

    Raises:
        PackageError: if the package cannot be had, or does not hold them.
    """
    with tempfile.TemporaryDirectory() as folder, files_of(fetch(PACKAGE, Path(folder), debs)) as archive:
        for member in archive:
            name = Path(member.name).name
            file = archive.extractfile(member) if name in FILES and member.isfile() else None
            if file is not None:
                content = file.read()
                if (came := hashlib.sha256(content).hexdigest()) != FILES[name]:
                    raise PackageError(f"{name} has sha256 {came}, not the pinned {FILES[name]}")
                with whole(root / name) as part:
                    part.write_bytes(content)
    if not is_there(root):
        raise PackageError(f"{PACKAGE.pin} lacks some of {', '.join(FILES)}")


def main(arguments: list[str] | None = None) -> int:
    usage = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usage.add_argument("--root", type=Path, help="folder for the four files (default: in the cache)")
    usage.add_argument("--debs", type=Path, help="a folder that holds the package already")
    options = usage.parse_args(arguments)
    root = options.root.expanduser() if options.root else cache_folder("fashion_mnist")
    root.mkdir(parents=True, exist_ok=True)
    try:
        if not is_there(root):
            gather(root, options.debs)
    except PackageError as error:
        print(error, file=sys.stderr)
        return 1
    (root / "classes.txt").write_text("".join(f"{name}\n" for name in CLASSES), encoding="utf-8")
    print(f"60,000 and 10,000 pictures are in {root}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
