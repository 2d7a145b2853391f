"""Clips as transforms show them, with the masks, key points and boxes that belong to them."""

import pytest
import torch

from avssl.data import DataError, Dataset, Viewed
from avssl.transforms import Crop, Flip, GainOffset, RandAugment

SIDE = 16


class Film(Dataset):
    """Clips whose red channel is the mask; a key point and a box on its one square."""

    def __init__(self, bad=()):
        self.bad = bad

    def __len__(self):
        return 3

    def __getitem__(self, key):
        epoch, index = key if isinstance(key, tuple) else (0, key)
        if index in self.bad:
            return {"failure": {"path": "bad", "error": "empty"}}
        masks = torch.zeros(2, 3, SIDE, SIDE, dtype=torch.uint8)
        masks[:, :, 6:10, 6:12], masks[..., 0] = 7, 255
        frames = torch.zeros(2, 3, 3, SIDE, SIDE, dtype=torch.uint8)
        frames[:, :, 0] = masks
        return {
            "frames": frames,
            "valid": torch.ones(2, 3, dtype=torch.bool),
            "masks": masks,
            "keypoints": torch.tensor([[6.0, 6.0], [1.0, 1.0]]).expand(2, 3, 2, 2),
            "visible": torch.ones(2, 3, 2, dtype=torch.bool),
            "boxes": torch.tensor([6.0, 6.0, 12.0, 10.0]).expand(2, 3, 4),
            "key": torch.tensor([0, epoch, index]),
            "path": f"{index}.mp4",
        }


def test_masks_points_and_boxes_follow_the_frames():
    item = Viewed(Film(), [Crop((8, 10))])[0]  # the middle: rows 4 to 12, columns 3 to 13
    assert item["frames"].shape == (2, 3, 3, 8, 10) and item["frames"].dtype == torch.uint8
    assert torch.equal(item["frames"][:, :, 0], item["masks"]) and set(item["masks"].unique().tolist()) == {0, 7}
    assert item["keypoints"][0, 0, 0].tolist() == [3.0, 2.0] and item["boxes"][1, 2].tolist() == [3.0, 2.0, 9.0, 6.0]


def test_what_is_out_of_sight_is_unknown_and_not_visible():
    item = Viewed(Film(), [Crop((8, 10))])[0]
    assert item["keypoints"][..., 1, :].isnan().all()
    assert item["visible"][..., 0].all() and not item["visible"][..., 1].any()
    assert not item["boxes"].isnan().any() and Viewed(Film(), [Crop((2, 2))])[0]["boxes"].isnan().any() == 0
    corner = Viewed(Film(), [Crop((3, 3))], train=True)
    assert any(corner[epoch, 0]["boxes"].isnan().any() for epoch in range(6))


def test_training_draws_by_key_and_clip_and_evaluation_not_at_all():
    drawn = Viewed(Film(), [Crop(8), Flip()], train=True)
    looks = [drawn[epoch, 0]["frames"] for epoch in range(4)]
    assert torch.equal(looks[0], drawn[0, 0]["frames"]) and not all(torch.equal(looks[0], one) for one in looks)
    assert any(not torch.equal(look[0], look[1]) for look in looks)  # clips of an item
    assert all(torch.equal(drawn[epoch, 1]["frames"][:, :, 0], drawn[epoch, 1]["masks"]) for epoch in range(4))
    still = Viewed(Film(), [Crop(8), Flip()])
    assert torch.equal(still[0, 0]["frames"], still[3, 0]["frames"])


def test_colours_alone_leave_labels_as_they_were():
    item, plain = Viewed(Film(), [GainOffset(0.3, 0.1)], train=True)[0], Film()[0]
    assert all(torch.equal(item[name], plain[name]) for name in ("masks", "keypoints", "boxes", "visible"))
    assert not torch.equal(item["frames"], plain["frames"])


def test_what_cannot_be_is_answered_and_failures_pass():
    with pytest.raises(DataError, match=r"0.mp4: RandAugment may move what is seen .* masks and keypoints and boxes"):
        Viewed(Film(), [RandAugment()], train=True)[0]
    assert "failure" in Viewed(Film(bad=[1]), [Crop(8)])[1]
    assert Viewed(Film(), [Crop(8)]).digest != Viewed(Film(), [Crop(9)]).digest
