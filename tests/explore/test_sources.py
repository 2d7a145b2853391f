"""Features to explore: read from a folder, or extracted from a run where they are not there."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from avssl.config import ConfigError
from avssl.data import DataError, Pictures
from avssl.explore.media import Medium
from avssl.explore.sources import Source, drawing, open_sources, same_rows, thinned
from avssl.features.files import write_features
from avssl.installed import tool
from tests.explore.asking import rows_of


def written(folder, count=6, layers=("output",), **rows):
    features = {layer: np.full((count, 2), place, np.float32) for place, layer in enumerate(layers)}
    write_features(folder, features, rows_of([f"{number}.mp4" for number in range(count)], **rows))
    return folder


def source(folder, layer=None):
    return open_sources(folder, [layer])[0]


def test_of_a_folder_the_output_is_shown_or_the_only_layer_or_the_one_that_is_named(tmp_path):
    several = written(tmp_path / "several", layers=("layer1", "output"))
    one = written(tmp_path / "mine" / "features", layers=("layer3",))
    assert source(several).features[0, 0] == 1 and source(several).name == "several: output"
    assert source(several, "layer1").features[0, 0] == 0
    assert source(one).name == "mine: layer3" and source(one / "layer3.npy").name == "mine: layer3"


def test_two_layers_of_a_folder_are_two_sources_of_the_same_rows(tmp_path):
    first, second = open_sources(written(tmp_path, layers=("a", "b")), ["a", "b"])
    assert (first.features[0, 0], second.features[0, 0]) == (0, 1)
    same_rows(first, second)


def test_what_cannot_be_explored_is_told_in_one_line(tmp_path):
    with pytest.raises(ConfigError, match=f"does not exist; train a run, or write features .{tool('extract')}"):
        source(tmp_path / "none")
    with pytest.raises(ConfigError, match=r"neither a run .it has no config\.yaml. nor features"):
        source(tmp_path)
    folder = written(tmp_path / "features")
    with pytest.raises(ConfigError, match=r"data: .* holds features that are there already"):
        open_sources(folder, [None], data=SimpleNamespace())  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"no layer9\.npy; there is output"):
        source(folder, "layer9")
    write_features(folder, {"output": np.array([[1.0], [np.nan]])}, rows_of(["a", "b"]))
    with pytest.raises(ConfigError, match=r"output\.npy is not finite in 1 of 2 rows, first 1"):
        source(folder)
    (folder / "about.json").write_text("[")
    write_features(folder, {"output": np.ones((2, 1))}, rows_of(["a", "b"]))
    with pytest.raises(ConfigError, match=r"about\.json is not as extraction writes it"):
        source(folder)


@pytest.fixture
def run(tmp_path):
    """A run whose held-out data are three grey pictures."""
    from PIL import Image

    (tmp_path / "pictures").mkdir()
    for number in range(3):
        Image.new("RGB", (8, 6), (number * 50,) * 3).save(tmp_path / "pictures" / f"{number}.png")
    held_out = {"name": "Pictures", "source": str(tmp_path / "pictures")}
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text(json.dumps({"data": held_out | {"size": 4}, "held_out": held_out}))
    return tmp_path / "run"


def test_of_a_run_all_layers_are_extracted_at_once_from_what_it_held_out(run):
    asked = []

    def extract(data, out, layers, **more):
        asked.append((data, layers, more))
        return written(out, 3, layers)

    sources = open_sources(run, ["layer1", None], extract=extract, unit="clip")
    [(data, layers, more)] = asked
    assert [one.name for one in sources] == ["run: layer1", "run: output"] and layers == ("layer1", "output")
    assert isinstance(data, Pictures) and len(data) == 3 and data[0, 0]["frames"].shape[-1] == 8
    assert more["run"] == run and more["unit"] == "clip"


def test_data_that_is_given_comes_before_what_a_run_held_out(run):
    mine = Pictures(run.parent / "pictures", size=2)
    open_sources(run, [None], mine, extract=lambda data, out, **_: written(out) if data is mine else None)


def test_rows_must_be_the_same_for_two_maps(tmp_path):
    first = source(written(tmp_path / "a"))
    with pytest.raises(ConfigError, match="other: b: output has 5 rows, a: output 6; extract both from the same data"):
        same_rows(first, source(written(tmp_path / "b", 5)))
    with pytest.raises(ConfigError, match="differ in end"):
        same_rows(first, source(written(tmp_path / "c", end=1.0)))
    with pytest.raises(ConfigError, match="differ in box"):
        same_rows(first, source(written(tmp_path / "d", box=np.zeros((6, 4), np.int64))))


def test_too_many_rows_are_thinned_evenly_and_alike_with_all_that_is_known_of_them(tmp_path):
    whole = source(written(tmp_path, 200, label=np.arange(200)))
    some = thinned(whole, 50)
    assert len(some.rows) == len(some.features) == some.index.num_rows == 50
    assert some.rows.label.tolist() == [int(name.removesuffix(".mp4")) for name in some.index["path"].to_pylist()]
    assert (thinned(whole, 50).rows.label == some.rows.label).all() and 10 < (some.rows.label < 100).sum() < 40
    assert thinned(whole, 200) is whole


def test_an_item_in_no_file_of_its_own_is_drawn_by_its_data_set_at_the_moment_of_the_row(monkeypatch):
    frames = torch.arange(4, dtype=torch.uint8).view(2, 2, 1, 1, 1).expand(2, 2, 3, 2, 2)
    item = {"frames": frames, "times": torch.tensor([[0.0, 1.0], [2.0, 3.0]]).double()}
    item["valid"] = torch.tensor([[True, True], [True, False]])
    items = {(0, 0): item, (0, 1): {"failure": {"path": "b", "error": "b is broken"}}}
    monkeypatch.setattr("avssl.explore.sources.made", lambda settings, trust, where: items)
    one = Source(name="a", features=np.zeros((1, 1)), rows=rows_of(["packed/0"]), index=None, data={"name": "Packed"})
    draw = drawing(one)

    def shown(item, start, end):
        return draw(Medium(kind="drawn", path=None, start=start, end=end, item=item))

    assert [int(shown(0, start, end).max()) for start, end in ((0, 0), (0.5, 1.6), (1.5, 2.5), (3, 3))] == [0, 1, 2, 2]
    with pytest.raises(DataError, match="b is broken"):
        shown(1, 0, 0)


def test_nobody_is_needed_to_draw_what_lies_in_files_and_nobody_can_where_nothing_tells_of_the_data(tmp_path):
    (tmp_path / "a.png").touch()
    told = {"name": "a", "features": np.zeros((1, 1)), "index": None}
    assert drawing(Source(rows=rows_of([tmp_path / "a.png"]), data={"name": "Gone"}, **told)) is None
    assert drawing(Source(rows=rows_of(["packed/0"]), data=None, **told)) is None
