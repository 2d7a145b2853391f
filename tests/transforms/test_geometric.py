"""Labels of places go through the same window as the frames: masks by the nearest pixel, points and boxes exactly."""

import pytest
import torch
from torch.nn import functional as F

import avssl.transforms as package
from avssl.transforms import (
    Crop,
    Draws,
    Flip,
    GainOffset,
    Grey,
    MultiView,
    RandAugment,
    RandomResizedCrop,
    Resize,
    Trim,
)
from avssl.transforms.base import Transform, apply_views
from avssl.transforms.geometric import Geometric, Window, apply_with_labels, whole

HEIGHT, WIDTH = 20, 28
EXACT = [Crop((12, 16)), Crop(14, scope="frame"), Trim(3), Flip(0.5), Flip(0.5, scope="frame")]
EVERY = [*EXACT, Resize((40, 30)), RandomResizedCrop((24, 18), (0.2, 0.6)), RandomResizedCrop(32, scope="frame")]


def masks(tuples=4, frames=3):
    numbers = torch.tensor([0, 1, 2, 255], dtype=torch.uint8)
    generator = torch.Generator().manual_seed(0)
    return numbers[torch.randint(0, 4, (tuples, frames, HEIGHT, WIDTH), generator=generator)]


def ramps(tuples=4, frames=3):
    """Frames whose red tells x and whose green tells y, as shares of 64 pixels."""
    x = (torch.arange(WIDTH) / 64).expand(HEIGHT, WIDTH)
    y = (torch.arange(HEIGHT) / 64)[:, None].expand(HEIGHT, WIDTH)
    return torch.stack([x, y, x * 0]).expand(tuples, frames, -1, -1, -1).contiguous()


def value_at(frames, points):
    """What frames show at points, read bilinearly, as (x, y) of the ramps."""
    size = torch.tensor([frames.shape[-1], frames.shape[-2]])
    grid = ((points + 0.5) / size * 2 - 1).flatten(0, 1)[:, :, None]
    seen = F.grid_sample(frames.flatten(0, 1), grid.float(), align_corners=False, padding_mode="border")
    return seen[:, :2, :, 0].mT.unflatten(0, frames.shape[:2]) * 64


def name_of(view):
    return f"{type(view).__name__} {getattr(view, 'scope', '')}"


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("view", EXACT, ids=name_of)
def test_the_crop_of_a_mask_is_the_mask_of_the_crop(view, train, keys):
    painted = masks()
    frames = (painted / 255)[:, :, None].expand(-1, -1, 3, -1, -1).contiguous()
    seen, labels = apply_with_labels([view], frames, {"masks": painted}, Draws(keys(4)), train)
    assert labels["masks"].dtype == torch.uint8
    assert torch.equal((seen[:, :, 0] * 255).round().byte(), labels["masks"])


@pytest.mark.parametrize("view", EVERY, ids=name_of)
def test_masks_take_the_pixel_at_each_place_and_nothing_is_mixed(view, keys):
    painted = masks()
    window = view.window(ramps(), Draws(keys(4)))
    found = window.carry({"masks": painted})["masks"]
    boxes = window.boxes.expand(4, 3, 4)
    flipped = torch.zeros(4, 3) if window.flipped is None else window.flipped.expand(4, 3)
    for item, frame in ((0, 0), (1, 2), (3, 1)):
        top, left, height, width = boxes[item, frame].tolist()
        for row in range(0, window.size[0], 5):
            for column in range(0, window.size[1], 5):
                across = window.size[1] - 1 - column if flipped[item, frame] else column
                y = top + int((row + 0.5) * height / window.size[0])
                x = left + int((across + 0.5) * width / window.size[1])
                assert found[item, frame, row, column] == painted[item, frame, y, x]


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("view", EVERY, ids=name_of)
def test_points_lie_where_their_pixels_went(view, train, keys):
    points = torch.tensor([[10.0, 9.0], [14.25, 10.5], [float("nan"), 3.0]]).expand(4, 3, 3, 2)
    seen, labels = apply_with_labels([view], ramps(), {"keypoints": points}, Draws(keys(4)), train)
    there = labels["keypoints"]
    size = torch.tensor([seen.shape[-1], seen.shape[-2]])
    inside = ((there > 1.5) & (there < size - 2.5)).all(-1)  # at the rim values are repeated
    assert inside.any()
    torch.testing.assert_close(value_at(seen, there)[inside], points[inside], atol=2e-3, rtol=0)
    assert there[..., 2, 0].isnan().all()


def test_frames_are_those_of_the_views_alone_by_the_same_draws(keys):
    views = [Trim(2), Crop((14, 20)), GainOffset(0.3, 0.2, scope="frame"), Flip(), RandomResizedCrop(16)]
    plain = apply_views(views, ramps(), Draws(keys(4)), True)
    seen, labels = apply_with_labels(views, ramps(), {"masks": masks()}, Draws(keys(4)), True)
    assert torch.equal(plain, seen) and labels["masks"].shape == (4, 3, 16, 16)
    assert set(labels["masks"].unique().tolist()) <= {0, 1, 2, 255}


def test_labels_of_an_item_do_not_depend_on_its_batch(keys):
    views = [Crop(14), Flip(), RandomResizedCrop(10)]
    labels = {"masks": masks(), "keypoints": torch.rand(4, 3, 2, 2) * 15, "boxes": torch.rand(4, 3, 4) * 9}
    _, together = apply_with_labels(views, ramps(), labels, Draws(keys(4)), True)
    part = {name: value[2:3] for name, value in labels.items()}
    _, alone = apply_with_labels(views, ramps(1), part, Draws(keys(4)[2:3]), True)
    assert all(torch.equal(together[name][2:3], value) for name, value in alone.items())


def test_boxes_keep_left_of_right_when_they_are_mirrored_cut_and_resized():
    window = Window(boxes=torch.tensor([[[2, 4, 10, 20]]]), flipped=torch.tensor([[True]]), size=(20, 40))
    found = window.carry({"boxes": torch.tensor([[[4.0, 2.0, 14.0, 7.0], [float("nan")] * 4]])})["boxes"]
    assert found[0, 0].tolist() == [20.0, 0.0, 40.0, 10.0] and found[0, 1].isnan().all()


def test_views_that_change_no_place_leave_labels_alone(keys):
    labels = {"masks": masks(), "keypoints": torch.rand(4, 3, 2, 2), "boxes": torch.rand(4, 3, 4)}
    _, found = apply_with_labels([Grey(), GainOffset(0.3, 0.2)], ramps(), labels, Draws(keys(4)), True)
    assert all(found[name] is value for name, value in labels.items())


def test_each_transform_tells_where_things_go_or_that_they_stay():
    kinds = [getattr(package, name) for name in package.__all__]
    made = [one for one in kinds if isinstance(one, type) and issubclass(one, Transform) and one is not Transform]
    unknown = {one.__name__ for one in made if not issubclass(one, Geometric) and not one.keeps_places}
    assert len(made) > 14 and unknown == {"RandAugment"}


def test_what_cannot_be_carried_is_answered_in_one_line(keys):
    class Own(Transform):
        def __call__(self, frames, draws, train=True):
            return frames

    for view in (RandAugment(), Own()):
        wanted = rf"{type(view).__name__} may move what is seen and does not tell where to, so masks cannot follow"
        with pytest.raises(ValueError, match=wanted):
            apply_with_labels([view], ramps(), {"masks": masks()}, Draws(keys(4)), True)
        apply_with_labels([view], ramps(), {}, Draws(keys(4)), True)
    with pytest.raises(ValueError, match="labels 'depth' cannot be carried through views; masks, keypoints, boxes can"):
        apply_with_labels([Flip()], ramps(), {"depth": masks()}, Draws(keys(4)), True)


def test_a_view_of_an_item_carries_its_labels(keys):
    recipes = [[RandomResizedCrop(24, (0.3, 0.8)), GainOffset(0.0, 0.0), Flip()], [Flip(1.0), Resize((30, 20))]]
    points = torch.tensor([[10.0, 9.0], [14.25, 10.5]]).expand(4, 3, 2, 2)
    for view in MultiView(recipes)(ramps(), keys(4)):
        there = view.carry({"keypoints": points, "masks": masks()})
        size = torch.tensor([view.frames.shape[-1], view.frames.shape[-2]])
        inside = ((there["keypoints"] > 1.5) & (there["keypoints"] < size - 2.5)).all(-1)
        assert inside.any() and there["masks"].shape[-2:] == view.frames.shape[-2:]
        torch.testing.assert_close(value_at(view.frames, there["keypoints"])[inside], points[inside], atol=2e-3, rtol=0)
    with pytest.raises(ValueError, match="RandAugment may move what is seen"):
        MultiView([[Flip(), RandAugment()]])(ramps(), keys(4))[0].carry({"masks": masks()})


def test_the_whole_is_a_window_too():
    assert whole(ramps()).tolist() == [[[0, 0, HEIGHT, WIDTH]]] * 4
