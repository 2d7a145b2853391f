"""Boxes followed through small films: what moves is followed, floors stand beside, counts are those of benchmarks."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from avssl.config import ConfigError
from avssl.data import Dataset
from avssl.evaluation import BoxTracking
from avssl.evaluation.propagation.maps import Windows
from avssl.evaluation.tracking.targets import box_of, read_targets
from avssl.evaluation.tracking.trackers import ByMasks, boxes_around
from avssl.features.propagation.settings import Propagation
from avssl.metrics.tracks import centre_errors, frame_overlaps, otb_success
from avssl.nets import MapNet, SmallClips

FRAMES, SIDE = 8, 48


class Moving(Dataset):
    """A textured square that moves by (3, 1) pixels a frame over a still texture."""

    def __init__(self, videos=2, boxes=True, masks=False, bad=None, hidden=None, lost=False):
        self.videos, self.boxes, self.masks, self.bad, self.hidden, self.lost = videos, boxes, masks, bad, hidden, lost

    def __len__(self):
        return self.videos

    def __getitem__(self, key):
        _, index = key if isinstance(key, tuple) else (0, key)
        if index == self.bad:
            return {"failure": {"path": "bad.mp4", "error": "empty"}}
        chance = torch.Generator().manual_seed(index)
        ground, thing = (
            F.interpolate(torch.rand(1, 3, side // 3, side // 3, generator=chance), (side, side))[0]
            for side in (SIDE, 12)
        )
        film, boxes = (ground * 100).to(torch.uint8).repeat(FRAMES, 1, 1, 1), torch.zeros(FRAMES, 4)
        masks = torch.zeros(FRAMES, SIDE, SIDE, dtype=torch.uint8)
        for time in range(FRAMES):
            left, top = 6 + 3 * time, 12 + time
            film[time, :, top : top + 12, left : left + 12] = (thing * 255).to(torch.uint8)
            boxes[time], masks[time, top : top + 12, left : left + 12] = (
                torch.tensor([left, top, left + 12, top + 12]),
                1,
            )
        if self.hidden is not None:
            boxes[self.hidden] = torch.nan
        if self.lost:
            boxes[0] = torch.nan
        item = {
            "frames": film[None],
            "valid": torch.ones(1, FRAMES, dtype=torch.bool),
            "path": f"{index}.mp4",
            "group": "",
        }
        item |= {"boxes": boxes[None]} if self.boxes else {}
        return item | ({"masks": masks[None]} if self.masks else {})


USUAL = {
    "size": 36,
    "rate": 0.05,
    "scales": [1.0],
    "pixels": 3,
    "initialisations": 1,
    "num_shown": 1,
    "quiet": True,
}


def scored(data, **settings):
    torch.manual_seed(0)
    return BoxTracking(data, **(USUAL | {"context": 3, "radius": 16} | settings))(MapNet(dim=8, width=4))


@pytest.fixture(scope="module")
def scores():
    return scored(Moving())


def test_rows_are_a_still_box_filters_on_pixels_and_encoders_by_filter_and_by_masks(scores):
    rows = [line["row"] for line in scores.table]
    assert rows == ["still", "grey filter", "RGB filter", "random", "trained", "random masks", "trained masks"]
    assert set(scores.pictures) == {"strip_0"} and len(scores.tables["targets"]) == 2 * len(rows)


def test_rows_by_masks_can_be_left_out_and_the_others_stay_the_same(scores):
    found = scored(Moving(), masks=False)
    assert [line["row"] for line in found.table] == ["still", "grey filter", "RGB filter", "random", "trained"]
    assert all(scores.numbers[name] == value for name, value in found.numbers.items())


def test_a_filter_on_pixels_follows_what_moves_and_a_still_box_does_not(scores):
    numbers = scores.numbers
    for row in ("grey filter", "RGB filter"):
        assert numbers[f"{row}/success"] > 0.97 and numbers[f"{row}/precision@3"] == 1
    assert numbers["still/success"] < 0.3 and numbers["still/precision@3"] == 0
    assert numbers["RGB filter/otb:success"] == pytest.approx(20 / 21)
    assert numbers["RGB filter/got10k:sr@0.75"] == 1 and numbers["still/got10k:ao"] == numbers["still/success"]


def test_a_propagated_box_follows_what_moves():
    targets = read_targets(Moving(), 0, None, None)
    settings = Propagation(context=3, radius=16)
    found = ByMasks(maps=Windows(8, 4), settings=settings, about="pixels")(targets)
    assert found.shape == targets.boxes.shape and (found[:, 0] == targets.boxes[:, 0]).all()
    assert centre_errors(found, targets.boxes).max() < 4 and frame_overlaps(found, targets.boxes).min() > 0.2


@pytest.mark.parametrize("feedback", ["soft", "hard"])
def test_boxes_that_are_propagated_together_are_those_of_each_alone(feedback):
    targets = read_targets(Moving(), 0, None, None)
    two = np.concatenate([targets.boxes, targets.boxes[::-1] + 14])
    tracker = ByMasks(maps=Windows(8, 4), settings=Propagation(context=3, radius=16, feedback=feedback), about="")
    together = tracker(replace(targets, boxes=two))
    alone = [tracker(replace(targets, boxes=box[None]))[0] for box in two]
    assert np.allclose(together, alone, atol=1e-4) and not np.allclose(together[0], together[1], atol=5)


def test_the_first_frame_counts_by_otb_and_not_by_ours(scores):
    boxes = np.stack([[6 + 3 * t, 12 + t, 18 + 3 * t, 24 + t] for t in range(FRAMES)]).astype(float)
    overlaps = frame_overlaps(boxes[:1].repeat(FRAMES, 0), boxes)
    assert scores.numbers["still/success"] == pytest.approx(overlaps[1:].mean())
    assert scores.numbers["still/otb:success"] == pytest.approx(otb_success(overlaps))
    assert scores.numbers["still/otb:precision@3"] == pytest.approx(1 / FRAMES)


def test_frames_whose_box_is_unknown_do_not_count():
    whole, part = scored(Moving(1)), scored(Moving(1, hidden=FRAMES - 1))
    assert part.numbers["RGB filter/success"] > 0.97
    assert part.numbers["still/success"] > whole.numbers["still/success"]  # the farthest frame is left out


def test_masks_make_boxes_that_they_fill_or_squares_around_their_middle():
    data = Moving(boxes=False, masks=True)
    found = read_targets(data, 0, None, None)
    assert found.boxes.shape == (1, FRAMES, 4) and found.boxes[0, 1].tolist() == [9, 13, 21, 25]
    assert read_targets(data, 0, [[1]], 6).boxes[0, 1].tolist() == [12, 16, 18, 22]
    assert box_of(np.zeros((4, 4), bool)) != box_of(np.zeros((4, 4), bool))  # NaN


def test_a_box_around_a_mask_is_that_of_a_rectangle_and_stays_when_it_is_lost():
    masks = np.zeros((4, 30, 30), bool)
    masks[1, 4:10, 8:20], masks[3, 5:6, 7:8] = True, True
    found = boxes_around(masks, np.array([1.0, 2, 3, 4]))
    assert found.tolist()[0] == [1, 2, 3, 4] and np.allclose(found[1], [8, 4, 20, 10]) and (found[2] == found[1]).all()
    assert np.allclose(found[3], [7, 5, 8, 6])


def test_an_interrupted_evaluation_goes_on_and_finds_the_same(tmp_path, monkeypatch, scores):
    torch.manual_seed(0)
    evaluator = BoxTracking(Moving(), context=3, radius=16, **USUAL)
    net = MapNet(dim=8, width=4)
    first = evaluator(net, folder=tmp_path)
    monkeypatch.setattr("avssl.evaluation.tracking.trackers.ByFilter.__call__", lambda *_: pytest.fail("computed anew"))
    assert evaluator(net, folder=tmp_path).numbers == first.numbers == scores.numbers


def test_videos_that_cannot_be_followed_are_told():
    told = scored(Moving(3, bad=1)).notes
    assert any("1 videos could not be followed; the first: bad.mp4 (empty)" in note for note in told)
    with pytest.raises(ConfigError, match=r"none of the 1 videos .* needs two frames or more, and a box in the first"):
        scored(Moving(1, lost=True))
    with pytest.raises(ConfigError, match=r"neither boxes \(set tracks: true\) nor masks"):
        scored(Moving(1, boxes=False))


def test_bad_settings_are_answered_in_one_line():
    for wrong, said in (
        ({"padding": 0.5}, "padding is at least 1"),
        ({"pixels": 0}, "pixels above 0"),
        ({"preset": "own"}, "there is no 'own'"),
    ):
        with pytest.raises(ConfigError, match=said):
            scored(Moving(1), **wrong)
    for name in ("still", "trained masks"):
        with pytest.raises(ConfigError, match=rf"{name}: there is a row of that name already"):
            scored(Moving(1), others={name: MapNet(dim=8, width=4)})
    with pytest.raises(ConfigError, match="needs an encoder of pictures"):
        BoxTracking(Moving(1), quiet=True)(SmallClips(widths=(4, 4, 8, 8)))
