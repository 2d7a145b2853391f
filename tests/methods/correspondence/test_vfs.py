"""VFS: views are far frames, other videos are negatives where that is asked for."""

import pytest
import torch

from avssl.losses import info_nce, negative_cosine
from avssl.methods import VFS
from avssl.methods.correspondence.vfs import far_frames
from avssl.nets import MapNet
from avssl.transforms import RandomResizedCrop

KEYS = torch.tensor([[0, 0, index] for index in range(4)])


def vfs(**settings):
    torch.manual_seed(0)
    return VFS(
        MapNet(dim=8, width=4), [RandomResizedCrop(24, (0.2, 1.0))], **({"hidden": 16, "bottleneck": 4} | settings)
    )


def test_frames_are_of_different_stretches_of_the_video():
    frames = torch.arange(10.0).view(1, 10, 1, 1, 1).expand(4, -1, 3, 2, 2)
    found = far_frames(frames, KEYS, 3, train=True)[:, :, 0, 0, 0, 0]
    assert found.shape == (4, 3) and len({tuple(row) for row in found.tolist()}) > 1
    assert all(
        low <= one < high
        for row in found.tolist()
        for one, (low, high) in zip(row, ((0, 3), (3, 6), (6, 10)), strict=True)
    )
    assert far_frames(frames, KEYS, 3, train=False)[0, :, 0, 0, 0, 0].tolist() == [0, 3, 6]
    assert far_frames(frames[:, :2], KEYS, 3, train=True)[0, :, 0, 0, 0, 0].tolist() == [0, 1]


def test_each_frame_of_a_video_is_predicted_from_each_other():
    method, frames = vfs(frames=3).eval(), torch.rand(4, 1, 9, 3, 32, 32)
    _, views = method.views_of({"frames": frames, "key": KEYS})
    assert [view.clip for view in views] == [0, 1, 2]
    rows = method.embed(views)
    wanted = [negative_cosine(method.predictor(rows[a]), rows[b]) for a in range(3) for b in range(3) if a != b]
    torch.testing.assert_close(method({"frames": frames, "key": KEYS})["loss"], torch.stack(wanted).mean())


def test_other_videos_are_negatives_and_clips_of_the_same_recording_are_none():
    method, frames = vfs(contrast=True).eval(), torch.rand(4, 1, 2, 3, 32, 32)
    alone = {"frames": frames, "key": KEYS}
    _, views = method.views_of(alone)
    one, other = method.embed(views)
    ways = info_nce(method.predictor(one), other, 0.2) + info_nce(method.predictor(other), one, 0.2)
    torch.testing.assert_close(method(alone)["loss"], ways / 2)
    same = method(alone | {"path": ["a.mp4"] * 4})["loss"]
    torch.testing.assert_close(same, torch.zeros(()), atol=1e-6, rtol=0)


def test_too_few_frames_or_videos_are_refused_in_one_line():
    with pytest.raises(ValueError, match="at least 2 views"):
        vfs(frames=1)
    with pytest.raises(ValueError, match="VFS compares items, and got 1"):
        vfs()(torch.rand(1, 4, 3, 32, 32))
    with pytest.raises(ValueError, match="temperature must be above 0; got 0"):
        vfs(temperature=0)
