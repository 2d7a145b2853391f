"""Neighbours of all items: against brute force, with a file that training reads, for too few items."""

import numpy as np
import pytest
import torch

from avssl import config
from avssl.config import ConfigError
from avssl.data import WithNeighbours
from avssl.features.neighbours import find_neighbours, neighbours_of_items
from avssl.nets import SmallNet
from avssl.training.export import write_export
from tests.evaluation.retrieval.worlds import Colors

RNG = np.random.default_rng(0)


def slow(features, count):
    units = features / np.linalg.norm(features, axis=1, keepdims=True)
    found = []
    for row, unit in enumerate(units):
        others = sorted((other for other in range(len(units)) if other != row), key=lambda o: -(unit @ units[o]))
        found.append(others[:count])
    return found


@pytest.mark.parametrize("count", [1, 5, 39])
def test_neighbours_are_those_of_brute_force_without_the_item(count):
    features = RNG.normal(size=(40, 6)).astype(np.float32)
    assert neighbours_of_items(features, np.arange(40), 40, count).tolist() == slow(features.astype(float), count)


def test_equal_items_are_neighbours_of_each_other_and_never_of_themselves():
    found = neighbours_of_items(np.ones((5, 3), np.float32), np.arange(5), 5, 2)
    assert all(row not in near for row, near in enumerate(found.tolist())) and found[3].tolist() == [0, 1]


def test_items_that_could_not_be_read_have_no_neighbours_and_are_none():
    found = neighbours_of_items(RNG.normal(size=(4, 3)).astype(np.float32), np.array([0, 2, 3, 5]), 6, 2)
    assert found[[1, 4]].tolist() == [[-1, -1]] * 2 and set(found[[0, 2, 3, 5]].flatten()) <= {0, 2, 3, 5}
    with pytest.raises(ConfigError, match="4 neighbours of each item are asked for, and 4 items that can be read have"):
        neighbours_of_items(RNG.normal(size=(4, 3)).astype(np.float32), np.array([0, 2, 3, 5]), 6, 4)


class Stills(Colors):
    """One clip of one frame an item."""

    def __getitem__(self, key):
        item = super().__getitem__(key)
        return item | {name: item[name][:1, :1] for name in ("frames", "times", "valid")}


def weights_in(folder):
    torch.manual_seed(0)
    encoder = SmallNet(dim=8, width=2).eval()
    return write_export(folder / "net.safetensors", config.describe(encoder), encoder.trunk.state_dict(), {})


def test_the_tool_writes_files_that_training_reads_and_prints_how_many_are_of_one_class(tmp_path, capsys):
    data, held_out = Stills(count=12), Stills(count=9, first=12)
    folder = find_neighbours(
        data, held_out, count=3, held_out_count=2, weights=weights_in(tmp_path), out=tmp_path / "near", device="cpu",
        runs=tmp_path,
    )  # fmt: skip
    near = WithNeighbours(data, folder / "data.safetensors").neighbours
    assert near.shape == (12, 3)
    assert WithNeighbours(held_out, folder / "held_out.safetensors").neighbours.shape == (9, 2)
    share = (near % 3 == np.arange(12)[:, None] % 3).mean()
    said = capsys.readouterr().out
    assert "12 x 3; of an item's own class:" in said and f"{share:.1%} of 3" in said


def test_fewer_items_than_neighbours_are_refused_in_one_line(tmp_path):
    settings = {"weights": weights_in(tmp_path), "out": tmp_path / "near", "device": "cpu", "runs": tmp_path}
    with pytest.raises(ConfigError, match=r"data: 20 neighbours .* 12 items have from 1 to 11; set count"):
        find_neighbours(Stills(count=12), **settings)
    with pytest.raises(ConfigError, match=r"held_out: 5 neighbours .* 4 items have from 1 to 3; set held_out_count"):
        find_neighbours(Stills(count=12), Stills(count=4), count=2, **settings)
