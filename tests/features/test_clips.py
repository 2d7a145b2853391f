"""Features of clips: an encoder of clips sees each clip whole, beside encoders of pictures in the same pass."""

import numpy as np
import pytest
import torch

from avssl.config import ConfigError
from avssl.evaluation.baselines import Pixels, baselines, calibrated, pool_of
from avssl.features.cache import FeatureCache
from avssl.features.command import extract_features
from avssl.features.extraction import Asked, extract
from avssl.features.layers import Extractor, last_map, unit
from avssl.features.rows import Recipe, batches, pooled, rows_of
from avssl.nets import LogMel, SmallClips, SmallNet, VideoResNet
from tests.features.moving import FRAMES, SIDE, Moving


def small():
    torch.manual_seed(0)
    return SmallClips((4, 4, 6, 8), moments=2).eval()


def taken(data, recipe, **settings):
    asked = {"clips": Asked(small(), ("conv2", "output")), "pixels": Asked(Pixels(8))}
    return extract(asked, data, recipe, FeatureCache(), quiet=True, **settings)


@pytest.mark.parametrize("batch", [1, 2 * FRAMES, 256])
def test_a_clips_vector_is_that_of_the_whole_clip_and_an_items_the_mean_over_clips(batch):
    data = Moving(3)
    clips, items = (taken(data, Recipe(unit=unit_of), batch=batch) for unit_of in ("clip", "item"))
    with torch.inference_mode():
        expected = torch.stack([small()(unit(data[0, index]["frames"])) for index in range(3)])
    assert clips.features["clips"]["output"].shape == (6, small().dim)
    torch.testing.assert_close(torch.from_numpy(clips.features["clips"]["output"]), expected.flatten(0, 1))
    torch.testing.assert_close(torch.from_numpy(items.features["clips"]["output"]), expected.mean(1))
    assert clips.rows.clip.tolist() == [0, 1] * 3 and items.rows.clip.tolist() == [-1] * 3


def test_the_pictures_beside_are_averaged_over_the_clip_and_the_data_are_read_once():
    data = Moving(2)
    found = taken(data, Recipe(unit="clip"))
    assert data.reads == 2
    frames = unit(data[0, 1]["frames"][1])
    torch.testing.assert_close(torch.from_numpy(found.features["pixels"]["output"][3]), Pixels(8)(frames).mean(0))


@pytest.mark.parametrize(("unit_of", "rows"), [("item", 2), ("clip", 2)])
def test_clips_of_padding_alone_do_not_count(unit_of, rows):
    found = taken(Moving(2, padded=True), Recipe(unit=unit_of))
    whole = taken(Moving(2), Recipe(unit="clip"))
    assert len(found.rows) == rows
    np.testing.assert_allclose(
        found.features["clips"]["output"], whole.features["clips"]["output"][::2], rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("unit_of", ["item", "clip"])
def test_rows_are_alike_for_both_kinds(unit_of):
    pictures, clips = (rows_of(Moving()[0, 3], 3, Recipe(unit=unit_of), kind) for kind in ("pictures", "clips"))
    assert pictures.about == clips.about and pictures.rows == clips.rows
    assert clips.frames.shape == (2, FRAMES, 3, SIDE, SIDE) and len(pictures.frames) == 2 * FRAMES
    for kind in (pictures, clips):
        sums = torch.zeros(kind.rows).index_add_(0, kind.place, kind.weights)
        torch.testing.assert_close(sums, torch.ones(kind.rows))


def test_broken_items_are_left_out_for_both_kinds():
    class Broken(Moving):
        def __getitem__(self, key):
            return {"failure": {"path": "x", "error": "broken"}} if key[1] == 1 else super().__getitem__(key)

    found = taken(Broken(3), Recipe())
    assert len(found.rows) == 2 and len(found.features["clips"]["output"]) == 2


def test_maps_of_clips_are_averaged_over_time_and_then_as_those_of_pictures():
    maps = torch.rand(2, 6, 5, 8, 8)
    torch.testing.assert_close(pooled(maps, 6 * 16), pooled(maps.mean(2), 6 * 16))
    assert pooled(maps, 6 * 16).shape == (2, 6, 4, 4) and pooled(maps, None).shape == maps.shape
    assert taken(Moving(2), Recipe(max_features=64)).features["clips"]["conv2"].shape == (2, 4, 4, 4)
    assert taken(Moving(2), Recipe(max_features=None)).features["clips"]["conv2"].shape == (2, 4, FRAMES, 6, 6)


@pytest.mark.parametrize(
    ("encoder", "recipe", "complaint"),
    [
        (SmallClips(), Recipe(unit="frame"), r"^unit: SmallClips takes clips, .* use clip or item$"),
        (SmallClips(), Recipe(stream="sound"), r"^stream: SmallClips takes clips, and cannot look at sound"),
        (LogMel(), Recipe(), r"^stream: LogMel takes sound, and cannot look at frames"),
    ],
)
def test_what_an_encoder_cannot_look_at_is_said_in_one_line(encoder, recipe, complaint):
    with pytest.raises(ConfigError, match=complaint):
        extract({"one": Asked(encoder)}, Moving(2), recipe, FeatureCache(), quiet=True)


def test_a_pass_holds_as_many_frames_as_asked_for():
    looks = [rows_of(Moving()[0, index], index, Recipe(), "clips") for index in range(5)]
    assert [len(part) for part in batches(looks, 4 * FRAMES)] == [4, 4, 2]
    assert [len(part) for part in batches(looks, 1)] == [1] * 10


def test_a_pool_of_clips_sets_the_statistics_of_random_encoders():
    data = Moving(4)
    pool = pool_of(data, count=6 * FRAMES, takes="clips")
    assert pool.shape == (6, FRAMES, 3, SIDE, SIDE) and pool.dtype == torch.uint8
    assert pool_of(data, count=1, crop=8, takes="clips").shape == (1, FRAMES, 3, 8, 8)
    encoder = calibrated(small(), pool, batch=3 * FRAMES)
    first = encoder.trunk.get_submodule("block1")
    normalized = encoder.normalized(unit(pool)).transpose(1, 2)
    torch.testing.assert_close(first[1].running_mean, first[0](normalized).mean((0, 2, 3, 4)), rtol=1e-4, atol=1e-5)
    assert set(baselines(pool)) == {"pixels", "hog"}


def test_clips_of_different_lengths_give_no_pool():
    class Uneven(Moving):
        def __getitem__(self, key):
            item = super().__getitem__(key)
            return {
                name: value[:, : 4 + key[1]] if name != "label" and name != "path" else value
                for name, value in item.items()
            }

    with pytest.raises(ConfigError, match=r"differ in length \(\[4, 5\] frames\)"):
        pool_of(Uneven(2), takes="clips")


def test_the_last_map_of_clips_and_frozen_features_of_clips():
    clips = Moving()[0, 0]["frames"]
    assert last_map(small(), clips) == "conv4"
    found = Extractor(FeatureCache(), quiet=True, batch=1)(small(), clips)
    assert found.shape == (2, small().dim)


@pytest.mark.parametrize("kind", ["r3d", "mc3", "r2plus1d"])
def test_video_networks_are_extracted_as_they_are(kind):
    torch.manual_seed(0)
    found = extract(
        {"net": Asked(VideoResNet(kind), ("layer4", "pool", "output"))}, Moving(1), Recipe(), FeatureCache(), quiet=True
    ).features["net"]
    assert found["pool"].shape == (1, 512, 1, 1) and found["layer4"].shape[:2] == (1, 512)
    np.testing.assert_allclose(found["pool"][..., 0, 0], found["output"], rtol=1e-4, atol=1e-5)


def test_pictures_are_extracted_as_before_beside_clips():
    asked = {"net": Asked(SmallNet(width=4, dim=8))}
    alone = extract(asked, Moving(2), Recipe(), FeatureCache(), quiet=True)
    beside = extract(asked | {"clips": Asked(small())}, Moving(2), Recipe(), FeatureCache(), quiet=True)
    np.testing.assert_array_equal(alone.features["net"]["output"], beside.features["net"]["output"])


def test_features_of_clips_are_written_to_files_as_those_of_pictures(tmp_path):
    folder = extract_features(Moving(2), encoder=small(), layers="all", unit="clip", out=tmp_path, device="cpu")
    assert np.load(folder / "output.npy").shape == (4, small().dim)
    assert np.load(folder / "conv1.npy").shape == (4, 4, 12, 12)
    with pytest.raises(ConfigError, match="unit: SmallClips takes clips"):
        extract_features(Moving(2), encoder=small(), unit="frame", out=tmp_path, device="cpu")
