"""Features of a data set: all encoders and layers in one pass, each row what it says, nothing computed twice."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from avssl.config import ConfigError
from avssl.data import Dataset
from avssl.evaluation.baselines import Pixels
from avssl.features.cache import FeatureCache
from avssl.features.extraction import Asked, _Work, extract
from avssl.features.layers import unit
from avssl.features.rows import Recipe, pooled
from avssl.features.sharing import Share
from avssl.nets import SmallNet


class Films(Dataset):
    """Noise: three clips of two frames an item, the last frame of which is padding; counts what is read."""

    classes = ("cat", "dog")
    stop_at: int | None = None
    state = "as it was"

    def __init__(self, count=5, side=16, bad=()):
        self.count, self.side, self.bad, self.reads = count, side, bad, []

    def __len__(self):
        return self.count

    def fingerprint(self, index):
        return f"item {index}, {self.state}"

    def __getitem__(self, key):
        index = key[1]
        if index == self.stop_at:
            raise KeyboardInterrupt
        self.reads.append(index)
        if index in self.bad:
            return {"failure": {"path": f"{index}.mp4", "error": "broken"}}
        chance = torch.Generator().manual_seed(index)
        frames = torch.randint(0, 256, (3, 2, 3, self.side, self.side), dtype=torch.uint8, generator=chance)
        valid = torch.tensor([[True, True], [True, True], [True, False]])
        times = torch.arange(6, dtype=torch.float64).view(3, 2) / 2
        about = {"label": index % 2, "path": f"{index}.mp4", "group": f"film {index // 2}"}
        return {"frames": frames, "valid": valid, "times": times} | about


def net():
    torch.manual_seed(0)
    return SmallNet(width=4, dim=8).eval()


def ask(*layers):
    return {"net": Asked(net(), layers or ("output",))}


def test_an_items_vector_is_the_mean_over_its_true_frames_of_clips():
    found = extract(ask(), Films(), Recipe(), FeatureCache(), quiet=True, batch=4, piece=2)
    item = Films()[0, 3]
    with torch.no_grad():
        expected = net()(unit(item["frames"][item["valid"]])).mean(0)
    torch.testing.assert_close(torch.from_numpy(found.features["net"]["output"][3]), expected)


@pytest.mark.parametrize(("unit_of", "rows"), [("item", 5), ("clip", 15), ("frame", 25)])
def test_there_is_a_row_for_each_unit_and_it_says_what_it_is(unit_of, rows):
    found = extract(ask(), Films(), Recipe(unit=unit_of), FeatureCache(), quiet=True).rows
    assert len(found) == rows
    assert found.classes == ("cat", "dog") and set(found.label) == {0, 1}
    assert found.group[0] == "film 0" and found.path[-1] == "4.mp4"
    last = {"item": (-1, 0.0, 2.0), "clip": (2, 2.0, 2.0), "frame": (2, 2.0, 2.0)}[unit_of]
    assert (found.clip[-1], found.start[-1], found.end[-1]) == last


def test_every_layer_of_every_encoder_comes_from_one_read_of_the_data():
    data = Films()
    asked = {"net": Asked(net(), ("conv1", "conv3", "output")), "pixels": Asked(Pixels(8))}
    found = extract(asked, data, Recipe(max_features=64), FeatureCache(), quiet=True)
    assert sorted(data.reads) == list(range(5))
    assert [found.features["net"][layer].shape for layer in asked["net"].layers] == [
        (5, 4, 4, 4),
        (5, 16, 2, 2),
        (5, 8),
    ]
    assert found.features["pixels"]["output"].shape == (5, 192)


def test_taps_equal_the_layers_own_maps_whatever_else_is_asked():
    whole = extract(
        ask("conv2", "output"), Films(), Recipe(unit="frame", max_features=None), FeatureCache(), quiet=True
    )
    item = Films()[0, 0]
    with torch.no_grad():
        expected = net().taps(unit(item["frames"][item["valid"]]), ["conv2"])["conv2"]
    torch.testing.assert_close(torch.from_numpy(whole.features["net"]["conv2"][:5]), expected)


def test_layers_and_the_output_come_from_one_pass_through_the_encoder():
    encoder, passes = net(), []
    encoder.trunk.register_forward_hook(lambda *_: passes.append(1))
    found = extract({"net": Asked(encoder, ("conv3", "output"))}, Films(), Recipe(), FeatureCache(), quiet=True)
    together = found.features["net"]
    assert len(passes) == 1
    for layer in ("conv3", "output"):
        alone = extract({"net": Asked(encoder, (layer,))}, Films(), Recipe(), FeatureCache(), quiet=True)
        assert np.array_equal(alone.features["net"][layer], together[layer])


def test_what_is_kept_belongs_to_the_names_of_its_classes(tmp_path):
    class Sorted(Films):
        def __getitem__(self, key):
            item = super().__getitem__(key)
            return item | {"label": self.classes.index(("cat", "dog")[item["label"]])}

    for Sorted.classes in (("cat", "dog"), ("dog", "cat")):  # the second time the same files are numbered anew
        rows = extract(ask(), Sorted(), Recipe(), FeatureCache(tmp_path), quiet=True).rows
        assert [rows.classes[label] for label in rows.label] == ["cat", "dog", "cat", "dog", "cat"]


def test_an_interrupted_extraction_goes_on_where_it_stopped(tmp_path, monkeypatch):
    plain = extract(ask(), Films(), Recipe(), FeatureCache(), quiet=True, piece=1)
    monkeypatch.setattr(Films, "stop_at", 3)
    with pytest.raises(KeyboardInterrupt):
        extract(ask(), Films(), Recipe(), FeatureCache(tmp_path), quiet=True, piece=1)
    monkeypatch.setattr(Films, "stop_at", None)
    again = Films()
    found = extract(ask(), again, Recipe(), FeatureCache(tmp_path), quiet=True, piece=1)
    assert again.reads == [3, 4]
    np.testing.assert_array_equal(found.features["net"]["output"], plain.features["net"]["output"])


def test_what_is_kept_is_not_read_again_but_new_layers_are_computed(tmp_path):
    first, second, third = Films(), Films(), Films()
    extract(ask("output"), first, Recipe(), FeatureCache(tmp_path), quiet=True)
    extract(ask("output"), second, Recipe(), FeatureCache(tmp_path), quiet=True)
    extract(ask("output", "conv1"), third, Recipe(), FeatureCache(tmp_path), quiet=True)
    assert (len(first.reads), len(second.reads), len(third.reads)) == (5, 0, 5)


def test_all_pieces_become_one_file_for_each_layer_and_one_for_the_rows(tmp_path):
    plain = extract(ask("output", "conv1"), Films(), Recipe(), FeatureCache(), quiet=True, piece=2)
    for layers, files in ((("output",), 2), (("output", "conv1"), 3)):
        extract(ask(*layers), Films(), Recipe(), FeatureCache(tmp_path), quiet=True, piece=2)
        assert len(list(tmp_path.iterdir())) == files
    again = Films()
    found = extract(ask("output", "conv1"), again, Recipe(), FeatureCache(tmp_path), quiet=True, piece=2)
    assert not again.reads
    for layer in ("output", "conv1"):
        np.testing.assert_array_equal(found.features["net"][layer], plain.features["net"][layer])
    assert found.rows.path.tolist() == plain.rows.path.tolist()


def test_layers_that_are_kept_are_not_computed_again_beside_new_ones(tmp_path, monkeypatch):
    extract(ask("output"), Films(), Recipe(), FeatureCache(tmp_path), quiet=True, piece=2)
    ran = []
    plain = _Work._run
    monkeypatch.setattr(_Work, "_run", lambda self, one, *given: ran.append(one.layers) or plain(self, one, *given))
    extract(ask("output", "conv1"), Films(), Recipe(), FeatureCache(tmp_path), quiet=True, piece=2)
    assert ran == [("conv1",)] * 3


def test_other_weights_other_recipes_and_changed_files_are_computed_anew(tmp_path, monkeypatch):
    kept, other = FeatureCache(tmp_path), {"net": Asked(SmallNet(width=4, dim=8))}
    extract(ask(), Films(), Recipe(), kept, quiet=True)
    for asked, recipe in ((ask(), Recipe(unit="clip")), (other, Recipe())):
        data = Films()
        extract(asked, data, recipe, kept, quiet=True)
        assert len(data.reads) == 5
    monkeypatch.setattr(Films, "state", "written again")
    data = Films()
    extract(ask(), data, Recipe(), kept, quiet=True)
    assert len(data.reads) == 5


def test_two_processes_share_the_work_and_both_see_the_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(Share, "wait", lambda self: None)
    whole = extract(ask(), Films(), Recipe(), FeatureCache(), quiet=True, piece=1)
    first, second = Films(), Films()
    with pytest.raises(ConfigError, match="all processes need that same folder"):
        extract(ask(), first, Recipe(), FeatureCache(tmp_path), quiet=True, piece=1, share=Share(0, 2))
    found = extract(ask(), second, Recipe(), FeatureCache(tmp_path), quiet=True, piece=1, share=Share(1, 2))
    assert (first.reads, second.reads) == ([0, 2, 4], [1, 3])
    np.testing.assert_array_equal(found.features["net"]["output"], whole.features["net"]["output"])


def test_loading_processes_change_nothing():
    alone = extract(ask(), Films(), Recipe(), FeatureCache(), quiet=True, piece=2)
    helped = extract(ask(), Films(), Recipe(), FeatureCache(), quiet=True, workers=1, piece=2)
    np.testing.assert_array_equal(alone.features["net"]["output"], helped.features["net"]["output"])


def test_a_bad_item_is_told_and_the_rest_goes_on():
    found = extract(ask(), Films(bad=(1,)), Recipe(), FeatureCache(), quiet=True)
    assert found.rows.item.tolist() == [0, 2, 3, 4]
    assert found.rows.failures == ({"path": "1.mp4", "error": "broken"},)


def test_patches_are_rows_with_their_place():
    found = extract(ask(), Films(count=1), Recipe(unit="frame", patch=(8, 4)), FeatureCache(), quiet=True).rows
    assert len(found) == 5 * 9
    assert found.box[:4].tolist() == [[0, 0, 8, 8], [4, 0, 12, 8], [8, 0, 16, 8], [0, 4, 8, 12]]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"data": Films(count=0)}, "the gallery set is empty"),
        ({"data": Films(count=2, bad=(0, 1))}, "none of the 2 items of the gallery set can be read; the first"),
        ({"recipe": Recipe(crop=40)}, "a crop of 40x40 does not fit into pictures of 16x16"),
        ({"asked": {"net": Asked(net(), ("conv9",))}}, "has no layer 'conv9'"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(change, complaint):
    given = {"asked": ask(), "data": Films(), "recipe": Recipe(), "cache": FeatureCache()} | change
    with pytest.raises(ConfigError, match=complaint):
        extract(**given, what="gallery", quiet=True)


def test_features_that_are_not_numbers_are_told_with_their_place():
    broken = net()
    with torch.no_grad():
        next(broken.parameters()).fill_(float("nan"))
    with pytest.raises(ConfigError, match=r"net: features of output are not finite for 5 of 5 rows .*first: 0\.mp4"):
        extract({"net": Asked(broken)}, Films(), Recipe(), FeatureCache(), quiet=True)


def test_maps_keep_their_grid_only_as_fine_as_allowed():
    maps = torch.rand(2, 8, 6, 6)
    assert pooled(maps, 8 * 9).shape == (2, 8, 3, 3)
    torch.testing.assert_close(pooled(maps, 1)[:, :, 0, 0], maps.mean((2, 3)))
    assert pooled(maps, None) is maps


class Meeting(Share):
    """A share of two threads: the second begins when the first waits for it, and who waits in vain complains."""

    here, arrived = threading.Barrier(2, timeout=20), threading.Event()

    def wait(self):
        self.arrived.set()
        self.here.wait()


@pytest.mark.parametrize("piece", [2, 64])
def test_processes_that_come_late_wait_for_each_other_as_often(tmp_path, piece):
    def late(share):
        assert share.arrived.wait(20)
        return extract(ask(), Films(), Recipe(), FeatureCache(tmp_path), quiet=True, piece=piece, share=share)

    Meeting.arrived.clear()
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(late, Meeting(1, 2))
        first = extract(ask(), Films(), Recipe(), FeatureCache(tmp_path), quiet=True, piece=piece, share=Meeting(0, 2))
        second = other.result()
    np.testing.assert_array_equal(first.features["net"]["output"], second.features["net"]["output"])
