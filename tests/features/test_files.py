"""Features on disk say what they are, and come back as they went."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from avssl.config import ConfigError
from avssl.features.cache import FeatureCache
from avssl.features.extraction import Asked, extract
from avssl.features.files import read_features, write_features
from avssl.features.rows import Recipe
from avssl.nets import SmallNet
from tests.evaluation.worlds import Dots


@pytest.fixture
def found():
    asked = {"encoder": Asked(SmallNet(width=4, dim=8), ("conv3", "output"))}
    return extract(asked, Dots(3), Recipe(unit="frame"), FeatureCache(), quiet=True)


def test_what_was_written_is_read_back(found, tmp_path):
    write_features(tmp_path, found.features["encoder"], found.rows)
    features, rows = read_features(tmp_path, "conv3")
    np.testing.assert_array_equal(features, found.features["encoder"]["conv3"])
    for name in ("path", "item", "clip", "start", "end", "label", "group", "keypoints", "visible"):
        np.testing.assert_array_equal(getattr(rows, name), getattr(found.rows, name), name)
    assert rows.box is None and rows.labels is None and rows.classes == found.rows.classes


def test_a_file_names_its_layer(found, tmp_path):
    write_features(tmp_path, found.features["encoder"], found.rows)
    assert read_features(tmp_path / "output.npy")[0].shape == (6, 8)


def test_features_of_other_programs_need_a_path_alone(tmp_path):
    np.save(tmp_path / "theirs.npy", np.zeros((2, 4), np.float32))
    parquet.write_table(pa.table({"path": ["a.wav", "b.wav"]}), tmp_path / "index.parquet")
    _, rows = read_features(tmp_path)
    assert (
        rows.item.tolist() == [0, 1] and rows.group.tolist() == ["a.wav", "b.wav"] and rows.label.tolist() == [-1, -1]
    )


def test_names_of_classes_are_kept_with_the_labels(found, tmp_path):
    names = ("a\nline", "[]", "")
    write_features(tmp_path, found.features["encoder"], replace(found.rows, classes=names))
    assert read_features(tmp_path, "output")[1].classes == names


def test_names_in_files_written_before_are_read(found, tmp_path):
    write_features(tmp_path, found.features["encoder"], found.rows)
    table = parquet.read_table(tmp_path / "index.parquet")
    parquet.write_table(table.replace_schema_metadata({b"avssl.classes": b"cat\ndog"}), tmp_path / "index.parquet")
    assert read_features(tmp_path, "output")[1].classes == ("cat", "dog")


def test_labels_of_other_programs_may_be_names(tmp_path):
    np.save(tmp_path / "theirs.npy", np.zeros((4, 4), np.float32))
    about = {"path": ["a", "b", "c", "d"], "label": ["red", "blue", None, "red"]}
    parquet.write_table(pa.table(about), tmp_path / "index.parquet")
    _, rows = read_features(tmp_path)
    assert rows.classes == ("blue", "red") and rows.label.tolist() == [1, 0, -1, 1]


def test_what_is_not_there_or_does_not_fit_is_told(found, tmp_path):
    with pytest.raises(ConfigError, match=r"holds no features: it has no index\.parquet"):
        read_features(tmp_path)
    write_features(tmp_path, found.features["encoder"], found.rows)
    with pytest.raises(ConfigError, match="holds several layers: name one; there is conv3, output"):
        read_features(tmp_path)
    with pytest.raises(ConfigError, match=r"holds no conv4\.npy \(did you mean 'conv3'\?\)"):
        read_features(tmp_path, "conv4")
    np.save(tmp_path / "conv3.npy", np.zeros((2, 4)))
    with pytest.raises(ConfigError, match=r"conv3\.npy has 2 rows, its index\.parquet 6"):
        read_features(tmp_path, "conv3")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "theirs.npy").write_bytes(b""),
        lambda folder: (folder / "theirs.npy").write_bytes((folder / "theirs.npy").read_bytes()[:-4]),
        lambda folder: (folder / "theirs.npy").write_bytes((folder / "theirs.npy").read_bytes()[:20]),
        lambda folder: (folder / "theirs.npy").write_bytes(b"PK\x03\x04" + bytes(40)),
        lambda folder: np.save(folder / "theirs.npy", np.array(3.0)),
        lambda folder: np.save(folder / "theirs.npy", np.array(["a", "b"])),
        lambda folder: np.save(folder / "theirs.npy", np.array([{}, {}]), allow_pickle=True),
        lambda folder: (folder / "index.parquet").write_bytes(b"PAR1" * 9),
        lambda folder: (folder / "index.parquet").write_bytes((folder / "index.parquet").read_bytes()[:-9]),
        lambda folder: parquet.write_table(pa.table({"label": [None, 1]}), folder / "index.parquet"),
        lambda folder: parquet.write_table(pa.table({"box": [[1, 2], [3]]}), folder / "index.parquet"),
    ],
    ids=range(11),
)
def test_features_that_cannot_be_read_are_one_line(tmp_path, spoil):
    np.save(tmp_path / "theirs.npy", np.zeros((2, 4), np.float32))
    parquet.write_table(pa.table({"path": ["a.wav", "b.wav"]}), tmp_path / "index.parquet")
    spoil(tmp_path)
    with pytest.raises(ConfigError, match=r"extract the features again|is not as extraction writes it") as caught:
        read_features(tmp_path)
    assert "\n" not in str(caught.value)
