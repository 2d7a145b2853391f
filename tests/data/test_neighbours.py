"""Items beside a neighbour: which, in which order, from which file."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from avssl import config
from avssl.data import DataError, Dataset, WithNeighbours, collate, write_neighbours
from avssl.data.items import items_of
from avssl.data.recordings import Recording

TABLE = np.array([[1, 2], [2, 3], [3, 0], [0, 1]])


class Pictures(Dataset):
    """Four pictures whose every value is their number."""

    def __init__(self, names="abcd", bad=None, clips=1, odd=None):
        self.recordings = [Recording(path=Path(f"/pictures/{name}.png")) for name in names]
        self.classes, self.bad, self.clips, self.odd = ["no", "yes"], bad, clips, odd

    def __len__(self):
        return len(self.recordings)

    def __getitem__(self, key):
        epoch, index = key if isinstance(key, tuple) else (0, key)
        if not 0 <= index < len(self):
            raise IndexError(index)
        if index == self.bad:
            return {"failure": {"path": str(index), "error": "broken"}}
        side = 6 if index == self.odd else 4
        return {
            "frames": torch.full((self.clips, 1, 3, side, side), index, dtype=torch.uint8),
            "times": torch.zeros(self.clips, 1, dtype=torch.float64),
            "valid": torch.ones(self.clips, 1, dtype=torch.bool),
            "box": torch.zeros(4),
            "label": index % 2,
            "path": str(index),
            "key": torch.tensor([0, epoch, index]),
        }


def test_an_item_stands_before_a_neighbour_that_each_epoch_draws_anew():
    data = WithNeighbours(Pictures(), TABLE)
    drawn = {epoch: data[epoch, 1] for epoch in range(40)}
    for epoch, item in drawn.items():
        assert item["frames"].shape == (2, 1, 3, 4, 4) and item["valid"].shape == (2, 1)
        assert item["frames"][0].unique().tolist() == [1] and item["frames"][1].unique().tolist() == [item["neighbour"]]
        assert item["key"].tolist() == [0, epoch, 1] and item["label"] == 1 and item["path"] == "1"
    shares = np.bincount([item["neighbour"] for item in drawn.values()], minlength=4) / 40
    assert shares[[0, 1]].sum() == 0 and 0.25 < shares[2] < 0.75
    again = WithNeighbours(Pictures(), TABLE)
    assert [again[epoch, 1]["neighbour"] for epoch in range(40)] == [item["neighbour"] for item in drawn.values()]
    other = WithNeighbours(Pictures(), TABLE, seed=1)
    assert [other[epoch, 1]["neighbour"] for epoch in range(40)] != [item["neighbour"] for item in drawn.values()]
    assert collate([data[index] for index in range(4)])["frames"].shape == (4, 2, 1, 3, 4, 4) and len(list(data)) == 4


def test_count_draws_among_the_nearest_and_none_is_never_drawn():
    assert {WithNeighbours(Pictures(), TABLE, count=1)[epoch, 0]["neighbour"] for epoch in range(20)} == {1}
    some = TABLE.copy()
    some[0, 0] = -1
    assert {WithNeighbours(Pictures(), some)[epoch, 0]["neighbour"] for epoch in range(20)} == {2}
    some[0] = -1
    with pytest.raises(DataError, match=r"item 0 \(0\) has no neighbour; find neighbours anew"):
        WithNeighbours(Pictures(), some)[0]


def test_what_cannot_be_read_beside_an_item_fails_as_it_does():
    data = WithNeighbours(Pictures(bad=3), TABLE, count=1)
    assert data[3] == Pictures(bad=3)[3] and data[2] == Pictures(bad=3)[3] and "frames" in data[0]


def test_files_bring_what_was_written_and_are_refused_for_other_data(tmp_path):
    path = tmp_path / "near.safetensors"
    write_neighbours(path, Pictures(), TABLE)
    data = WithNeighbours(Pictures(), path)
    assert data.neighbours.tolist() == TABLE.tolist() and data.classes == ["no", "yes"]
    assert items_of(data) == items_of(WithNeighbours(Pictures(), TABLE))
    assert items_of(data) != items_of(WithNeighbours(Pictures(), TABLE[::-1].copy()))
    assert config.describe(data)["neighbours"] == str(path)
    with pytest.raises(DataError, match="has neighbours of data of 4 items, and these have 3"):
        WithNeighbours(Pictures("abc"), path)
    with pytest.raises(DataError, match="has neighbours of 4 other items: names, labels or their order differ"):
        WithNeighbours(Pictures("abdc"), path)


def test_fingerprints_change_with_an_item_and_with_its_neighbours():
    ours, other = WithNeighbours(Pictures(), TABLE), WithNeighbours(Pictures("abcx"), TABLE)
    assert ours.fingerprint(0) == other.fingerprint(0)  # d is no neighbour of a
    assert all(ours.fingerprint(index) != other.fingerprint(index) for index in (1, 2, 3))


@pytest.mark.parametrize(
    ("table", "settings", "said"),
    [
        (TABLE[:3], {}, r"a row of indices for each of 4 items; got int64 \(3, 2\)"),
        (TABLE.astype(float), {}, "got float64"),
        (TABLE[:, :0], {}, r"got int64 \(4, 0\)"),
        (TABLE + 1, {}, "neighbours are items from 0 to 3, -1 for none; got 1 to 4"),
        (TABLE - 2, {}, "got -2 to 1"),
        (TABLE, {"count": 3}, "count is from 1 to the 2 neighbours that are known; got 3"),
        ("/nowhere/near.safetensors", {}, "does not exist; find neighbours first, with: python tools/neighbours.py"),
    ],
)
def test_neighbours_that_cannot_be_are_refused_in_one_line(table, settings, said):
    with pytest.raises(DataError, match=said) as found:
        WithNeighbours(Pictures(), table, **settings)
    assert "\n" not in str(found.value)


def test_files_that_are_none_are_refused_in_one_line(tmp_path):
    path = tmp_path / "near.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"no readable \.safetensors file"):
        WithNeighbours(Pictures(), path)
    save_file({"label": np.zeros(4)}, path)
    with pytest.raises(DataError, match="holds no neighbours; find them with"):
        WithNeighbours(Pictures(), path)


def test_clips_and_sizes_that_cannot_stand_together_are_refused_in_one_line():
    with pytest.raises(DataError, match="each needs one clip, and both one size"):
        WithNeighbours(Pictures(odd=1), TABLE, count=1)[0]
    with pytest.raises(DataError, match="each needs one clip"):
        WithNeighbours(Pictures(clips=2), TABLE)[0]


def test_neighbours_of_the_same_are_the_same_file_byte_for_byte(tmp_path):
    made = set()
    for _ in range(16):
        write_neighbours(tmp_path / "table.safetensors", Pictures(), TABLE)
        made.add((tmp_path / "table.safetensors").read_bytes())
    assert len(made) == 1
