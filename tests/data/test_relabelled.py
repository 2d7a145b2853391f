"""Labels attached later: by index, from arrays or files, refused where they are of other data."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from avssl import config
from avssl.data import DataError, Dataset, Relabelled, collate, write_labels
from avssl.data.items import items_of
from avssl.data.recordings import Recording

SOFT = np.array([[0.25, 0.75], [1, 0], [0, 0], [0.5, 0.5]], np.float32)


class Films(Dataset):
    """Four items of which one cannot be read."""

    def __init__(self, names="abcd", bad=None):
        self.recordings = [Recording(path=Path(f"/films/{name}.mp4"), label=1) for name in names]
        self.classes, self.bad = ["no", "yes"], bad

    def __len__(self):
        return len(self.recordings)

    def __getitem__(self, key):
        _, index = key if isinstance(key, tuple) else (0, key)
        if index == self.bad:
            return {"failure": {"path": "x", "error": "broken"}}
        return {"frames": torch.zeros(1), "label": 1, "labels": torch.ones(2), "group": "g", "path": "p"}


def test_labels_and_weights_are_attached_by_index_and_all_else_stays():
    data = Relabelled(Films(), np.array([0, -1, 1, 0]), np.array([1.0, 0.5, 2.0, 0.0]))
    assert [data[3, i]["label"] for i in range(4)] == [0, -1, 1, 0]
    batch = collate([data[0, i] for i in range(4)])
    assert batch["label"].dtype == torch.int64 and batch["weight"].dtype == torch.float32
    assert batch["weight"].tolist() == [1, 0.5, 2, 0]
    assert data[0].keys() == {"frames", "label", "weight", "group", "path"} and data[0]["group"] == "g"
    assert len(data) == 4 and data.classes == ["no", "yes"]
    with pytest.raises(IndexError):
        data[4]


def test_soft_labels_are_rows_of_which_the_label_is_the_greatest():
    data = Relabelled(Films(), SOFT)
    assert [data[i]["label"] for i in range(4)] == [1, 0, -1, 0]
    assert data[0]["soft"].tolist() == [0.25, 0.75] and data[0]["weight"] == 1


def test_names_of_classes_stay_where_all_labels_are_among_them():
    assert Relabelled(Films(), np.array([0, 1, 2, 0])).classes == []
    assert Relabelled(Films(), np.eye(4, 3, dtype=np.float32)).classes == []


def test_an_item_that_cannot_be_read_stays_a_failure():
    assert Relabelled(Films(bad=2), np.zeros(4, np.int64))[1, 2] == Films(bad=2)[1, 2]


def test_fingerprints_and_digests_change_with_what_is_attached():
    one, same, other = (Relabelled(Films(), np.array(labels)) for labels in ([0, 1, 0, 1], [0, 1, 0, 1], [0, 1, 0, 0]))
    assert items_of(one) == items_of(same) != items_of(other)
    assert items_of(Relabelled(Films("abcx"), np.array([0, 1, 0, 1]))) != items_of(one)
    assert one.fingerprint(3) == same.fingerprint(3) != other.fingerprint(3)
    assert one.fingerprint(0) == other.fingerprint(0) and one.fingerprint(0).startswith(Films().fingerprint(0))


@pytest.mark.parametrize("ending", ["safetensors", "npz", "parquet"])
@pytest.mark.parametrize("labels", [np.array([1, -1, 0, 1]), SOFT], ids=["numbers", "soft"])
def test_files_bring_what_was_written_and_are_refused_for_other_data(tmp_path, ending, labels):
    path, weights = tmp_path / f"labels.{ending}", np.array([1, 0.5, 0.25, 0], np.float32)
    write_labels(path, Films(), labels, weights)
    found, wanted = Relabelled(Films(), path), Relabelled(Films(), labels, weights)
    assert found.digest == wanted.digest and found[0].keys() == wanted[0].keys()
    with pytest.raises(DataError, match=r"labels\.\w+ has labels of data of 4 items, and these have 3"):
        Relabelled(Films("abc"), path)
    with pytest.raises(DataError, match=r"has labels of 4 other items: names, labels or their order differ"):
        Relabelled(Films("abdc"), path)


def test_items_that_a_file_leaves_out_have_no_label_and_no_weight(tmp_path):
    save_file({"item": np.array([2, 0]), "label": np.array([5, 7])}, tmp_path / "some.safetensors")
    data = Relabelled(Films(), tmp_path / "some.safetensors")
    assert data.labels.tolist() == [7, -1, 5, -1] and data.weights.tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"item": [0, 4], "label": [0, 0]}, "items go from 0 to 4, and the data have 4, from 0"),
        ({"item": [0, -1], "label": [0, 0]}, "items go from -1 to 0"),
        ({"item": [1, 1], "label": [0, 0]}, "an item stands twice"),
        ({"item": [0, 1], "label": [0]}, "each row needs an item"),
        ({"item": [0.5, 1.0], "label": [0, 0]}, "each row needs an item"),
        ({"label": [0, 0]}, "there is no item; it has label"),
        ({"item": [0, 1]}, "there is no label or soft; it has item"),
        ({"item": [0, 1], "label": [0, -2]}, "labels are at least 0, or -1 for none; got -2"),
        ({"item": [0, 1], "label": [0.5, 1.0]}, "labels are whole numbers"),
        ({"item": [0, 1], "soft": [[0.5, 0.1], [0, 1]]}, "sum to 1, or zeros for none; item 0 has others"),
        ({"item": [0, 1], "label": [0, 1], "weight": [1.0, np.nan]}, "weights are finite and at least 0"),
    ],
)
@pytest.mark.parametrize("ending", ["safetensors", "npz"])
def test_a_file_that_cannot_be_labels_is_one_line(tmp_path, columns, told, ending):
    arrays = {name: np.array(values) for name, values in columns.items()}
    path = tmp_path / f"labels.{ending}"
    save_file(arrays, path) if ending == "safetensors" else np.savez(path, **arrays)
    with pytest.raises(DataError, match=told) as error:
        Relabelled(Films(), path)
    assert "\n" not in str(error.value) and "labels." in str(error.value)


@pytest.mark.parametrize("name", ["a.safetensors", "a.npz", "a.parquet", "a.csv", "gone.npz"])
def test_what_is_no_file_of_labels_is_one_line(tmp_path, name):
    if not name.startswith("gone"):
        (tmp_path / name).write_bytes(b"neither nor")
    with pytest.raises(DataError, match=r"readable|cannot be read|are read from|does not exist") as error:
        Relabelled(Films(), tmp_path / name)
    assert "\n" not in str(error.value)


def test_arrays_of_other_sizes_are_refused():
    with pytest.raises(DataError, match=r"one label for each of 4 items is needed; got an array of \(3,\)"):
        Relabelled(Films(), np.zeros(3, np.int64))
    with pytest.raises(DataError, match=r"weights: one weight for each of 4 items is needed"):
        Relabelled(Films(), np.zeros(4, np.int64), np.ones(3))


def test_a_config_names_the_data_and_the_file():
    settings = {
        "name": "Relabelled",
        "data": {"name": "Noise", "count": 4, "size": [8, 8]},
        "labels": "clusters.safetensors",
    }
    with pytest.raises(ValueError, match=r"clusters\.safetensors does not exist"):
        config.make(settings, "avssl.data.Dataset")
    described = config.describe(Relabelled(Films(), np.zeros(4, np.int64)))
    assert described["name"] == "Relabelled" and described["labels"] == config.UNRECORDED


def test_labels_of_the_same_are_the_same_file_byte_for_byte(tmp_path):
    made = set()
    for _ in range(16):
        write_labels(tmp_path / "labels.safetensors", Films(), SOFT)
        made.add((tmp_path / "labels.safetensors").read_bytes())
    assert len(made) == 1
