"""Manifests, folder trees, arrays and lists, broken in every way that chance finds: answered in one line, and soon."""

import gzip
import io
import json
import os
import zlib

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from scipy.io import savemat

from avssl.data import DataError, IdxPictures, Scenes, find_recordings
from avssl.data.arrays import read_keypoints
from avssl.data.persons import Persons
from avssl.data.recordings import PICTURES
from avssl.data.sets import audioset, imagenet, kinetics, moments, mpii, vggss
from avssl.data.sets.base import SetError
from avssl.data.sets.jhmdb import joints_in
from avssl.data.texts import read_json, read_xml
from avssl.evaluation.sound.boxes import read_boxes
from avssl.files import FileError

COUNT = 20  # inputs of each kind
CELLS = ("", " ", "a.mp4", "cat ", "01", "1", "-1", "nan", "1e999", "dog | ?cat", "0 0 1 1", "0 0 1 inf x", '"', "é",
         "\0", ",", "\n", "\r", "\u2028", "9" * 5000, "../..", "x" * 300)  # fmt: skip
NAMES = (
    "path",
    "label",
    "labels",
    "split",
    "start",
    "end",
    "group",
    "votes",
    "sounding",
    "boxes",
    "keypoints",
    "",
    "path ",
)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1")


def broken(rng, data):
    """Return bytes with some of them changed, cut off, doubled or put in; as often as not as they were."""
    data = bytearray(data)
    for _ in range(rng.integers(0, 4)):
        place, kind = int(rng.integers(0, len(data) + 1)), rng.integers(0, 4)
        if kind == 0:
            del data[place:]
        elif kind == 1:
            data[place : place + 1] = bytes(rng.integers(0, 256, 1).tolist())
        elif kind == 2:
            data[place:place] = bytes(rng.integers(0, 256, int(rng.integers(1, 9))).tolist())
        else:
            data[place:place] = data[: int(rng.integers(0, 40))]
    return bytes(data)


def manifests(rng):
    """Return the bytes of a CSV file."""
    names = rng.choice(NAMES, rng.integers(1, 6), replace=bool(rng.integers(0, 2))).tolist()
    rows = [["path", *names], *([*rng.choice(CELLS, rng.integers(len(names), len(names) + 3))] for _ in range(4))]
    quote = bool(rng.integers(0, 2))
    cells = [[f'"{cell}"' if quote and '"' not in cell else cell for cell in row] for row in rows]
    text = rng.choice(["\n", "\r\n", "\r"]).join(rng.choice([",", ", "]).join(row) for row in cells)
    return broken(rng, text.encode(rng.choice(ENCODINGS), "replace"))


def parquets(rng):
    """Return the bytes of a Parquet file."""
    kinds = (
        lambda: rng.choice(["a.mp4", "b ", ""], 3).tolist(),
        lambda: rng.choice([1.0, np.nan, np.inf], 3).tolist(),
        lambda: [b"a", b"\xff", None],
        lambda: [["cat", "dog"], [], None],
        lambda: [[[0.0, 1.0]], [[np.nan, 1.0]], []],
    )
    names = ["path", *rng.choice([*NAMES[1:9], "points", "visible", "skeleton"], 4, replace=False)]
    parquet.write_table(pa.table({str(name): kinds[rng.integers(0, 5)]() for name in names}), out := io.BytesIO())
    return broken(rng, out.getvalue())


def arrays(rng):
    """Return the bytes of an ``.npz`` file."""
    kind = rng.choice(["f4", "f8", "i8", "?", "U3", "c8", "M8[s]"])
    frames, joints = (int(value) for value in rng.integers(0, 4, 2))
    values = rng.standard_normal((frames, joints, rng.integers(1, 4)))
    shaped = {"keypoints": values, "visible": values[..., 0] > 0, "boxes": values[:, 0] if joints else values}
    shaped["classes"] = np.arange(frames)
    wanted = rng.choice(list(shaped), rng.integers(1, 5), replace=False)
    np.savez(out := io.BytesIO(), **{name: shaped[name].astype("f4").astype("i8").astype(kind) if kind == "M8[s]"
             else shaped[name].astype(kind) for name in wanted})  # fmt: skip
    return broken(rng, out.getvalue())


def idx_files(rng, dims):
    """Return the bytes of a packed or plain file of MNIST's form."""
    shape = [int(side) for side in rng.integers(0, 4, dims)]
    head = bytes((0, 0, rng.choice([8, 8, 8, 9]), dims)) + np.array(shape, ">u4").tobytes()
    return broken(rng, head + bytes(int(np.prod(shape))))


def matlab_files(rng):
    """Return the bytes of a MATLAB file with what readers ask for, in other shapes and types."""
    values = (np.zeros((2, 15, 3)), np.zeros((2, 15)), np.zeros(3), "text", {"a": 1.0}, np.array([], object), 7.0)
    entry = {"ILSVRC2012_ID": 1.0, "WNID": "n01", "words": "cat", "num_children": 0.0}
    entry[str(rng.choice(list(entry)))] = values[rng.integers(0, len(values))]
    release = {"annolist": values[rng.integers(0, len(values))], "img_train": values[rng.integers(0, len(values))]}
    content = {"pos_img": values[rng.integers(0, len(values))], "synsets": [entry], "RELEASE": release}
    savemat(out := io.BytesIO(), content, do_compression=bool(rng.integers(0, 2)))
    return broken(rng, out.getvalue())


def json_files(rng):
    """Return the bytes of a JSON list of people or boxes."""
    values = (None, 1, -1, 1e999, "x", [], [1], [1, 2], [[0, 0, 1, 1]], [[0.1, 0.1, 0.2, 0.2]], {}, [["a"] * 4], True)
    names = ("file", "bbox", "class", "image", "center", "scale", "joints", "joints_vis")
    entries = [{name: values[rng.integers(0, len(values))] for name in names} for _ in range(2)]
    if rng.integers(0, 8) == 0:
        return b"[" * 100_000
    return broken(rng, json.dumps(entries).encode(rng.choice(ENCODINGS)))


def texts(rng):
    """Return the bytes of a list or table as official sets have them."""
    words = ("a/b.mp4", "cat,0", "0", "1", "youtube_id,time_start,time_end", "x,1,2,3", '"', "# c",
             "index,mid,display_name",
             "0,/m/1,Cat", 'x, 1, 2, "/m/1"', "é", "\0", "")  # fmt: skip
    lines = rng.choice(words, rng.integers(0, 6)).tolist()
    return broken(rng, "\n".join(lines).encode(rng.choice(ENCODINGS), "replace"))


def grow(rng, folder, depth=0):
    """Fill a folder with files, folders, links of all kinds and names of all kinds."""
    names = ["a", "b.jpg", "._b.jpg", ".c", "__MACOSX", "Thumbs.db", "é\n", "d.JPG", os.fsdecode(b"\xff.jpg"), "train"]
    for place in rng.permutation(len(names))[: rng.integers(0, 6)]:
        path, kind = folder / names[place], rng.integers(0, 4 if depth < 3 else 3)
        if kind == 0:
            path.touch()
        elif kind == 1:
            path.symlink_to(str(rng.choice(["..", ".", "a", "gone", "gone.jpg", "../a", "../.."])))
        elif kind == 2:
            path.symlink_to(path.name)
        else:
            path.mkdir()
            grow(rng, path, depth + 1)


def answered(call, *more):
    """Call what may refuse its input, in one line."""
    try:
        return call()
    except (FileError, DataError, *more) as error:
        told = str(error)
    assert told and "\n" not in told, told
    return None


@pytest.mark.parametrize("seed", range(COUNT))
def test_manifests_are_read_or_refused_in_one_line(tmp_path, seed):
    rng = np.random.default_rng(seed)
    for ending, content in (("csv", manifests(rng)), ("csv", manifests(rng)), ("parquet", parquets(rng))):
        (path := tmp_path / f"manifest.{ending}").write_bytes(content)
        answered(lambda path=path: find_recordings(path))
        answered(lambda path=path: Scenes(path))
    answered(lambda: Persons(tmp_path / "manifest.parquet"), ValueError)


@pytest.mark.parametrize("seed", range(COUNT))
def test_folder_trees_are_listed_or_refused_in_one_line(tmp_path, seed):
    (root := tmp_path / "above" / "root").mkdir(parents=True)
    grow(np.random.default_rng(seed), root)
    told, again = (answered(lambda: find_recordings(root, endings=PICTURES)) for _ in range(2))
    assert told == again
    answered(lambda: imagenet.read(root))


@pytest.mark.parametrize("seed", range(COUNT))
def test_arrays_are_read_or_refused_in_one_line(tmp_path, seed):
    rng = np.random.default_rng(seed)
    for _ in range(3):
        (path := tmp_path / "a.npz").write_bytes(arrays(rng))
        answered(lambda path=path: read_keypoints(path, 2))
        answered(lambda path=path: read_boxes(path))


@pytest.mark.parametrize("seed", range(COUNT))
def test_idx_files_are_read_or_refused_in_one_line(tmp_path, seed):
    rng = np.random.default_rng(seed)
    for name, dims in (("images-idx3-ubyte", 3), ("labels-idx1-ubyte", 1)):
        plain = idx_files(rng, dims)
        if rng.integers(0, 2):
            (tmp_path / f"train-{name}").write_bytes(plain)
        else:
            (tmp_path / f"train-{name}.gz").write_bytes(broken(rng, gzip.compress(plain)))
    (tmp_path / "classes.txt").write_bytes(texts(rng))
    pictures = answered(lambda: IdxPictures(tmp_path, "trainval"), ValueError)
    assert pictures is None or pictures[0]["frames"].ndim == 5


@pytest.mark.parametrize("seed", range(COUNT))
def test_files_of_matlab_are_read_or_refused_in_one_line(tmp_path, seed):
    rng = np.random.default_rng(seed)
    content = matlab_files(rng)
    (path := tmp_path / "joint_positions.mat").write_bytes(content)
    answered(lambda: joints_in(path))
    (tmp_path / imagenet.DEVKIT).mkdir(parents=True)
    (tmp_path / imagenet.DEVKIT / imagenet.META).write_bytes(content)
    (tmp_path / imagenet.DEVKIT / imagenet.TRUTH).write_bytes(texts(rng))
    (tmp_path / "val").mkdir()
    (tmp_path / "val" / "a_00000001.JPEG").touch()
    answered(lambda: imagenet.read(tmp_path))
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").touch()
    (tmp_path / mpii.OFFICIAL).write_bytes(content)
    answered(lambda: mpii.read(tmp_path))


@pytest.mark.parametrize("seed", range(COUNT))
def test_lists_and_tables_of_sets_are_read_or_refused_in_one_line(tmp_path, seed):
    rng = np.random.default_rng(seed)
    (tmp_path / vggss.TABLE).write_bytes(json_files(rng))
    answered(lambda: vggss.read(tmp_path))
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "x").touch()
    (tmp_path / "valid.json").write_bytes(json_files(rng))
    answered(lambda: mpii.read(tmp_path))
    for name in (
        moments.CATEGORIES,
        "trainingSet.csv",
        audioset.CLASSES,
        audioset.TABLES["eval"],
        "train.csv",
        "x.xml",
    ):
        (tmp_path / name).write_bytes(texts(rng))
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "abcdefghijk.mp4").touch()
    for read in (moments.read, audioset.read, kinetics.read):
        answered(lambda read=read: read(tmp_path))
    answered(lambda: read_xml(tmp_path / "x.xml"))
    answered(lambda: read_json(tmp_path / vggss.TABLE))


def test_what_is_made_by_chance_is_the_same_in_every_run():
    made = [[kind(np.random.default_rng(3)) for kind in (manifests, arrays, json_files, texts)] for _ in range(2)]
    assert [zlib.crc32(one) for one in made[0] if one[:2] != b"PK"] == [
        zlib.crc32(one) for one in made[1] if one[:2] != b"PK"
    ]  # archives hold the time
    assert issubclass(SetError, FileError)
