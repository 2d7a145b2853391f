"""Videos: items are keyed looks at recordings, bad files follow the policy, key points follow the size."""

import csv
import re

import av
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from avssl.data import Endless, Videos, collate
from avssl.media.errors import MediaError
from avssl.sampling import MotionWeighted, OrderedFrames, RandomClip, UniformClips, frames

FRAMES, HEIGHT, WIDTH = 40, 48, 64


def film(path, frames=FRAMES, size=(HEIGHT, WIDTH)):
    """Write a video whose frame ``i`` is filled with the grey ``40 + 4 * i``, apart from a white corner."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "10", "g": "12"})
        stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
        for i in range(frames):
            image = np.full((*size, 3), 40 + 4 * i, dtype=np.uint8)
            image[:16, :16] = 255
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("videos")
    for name in ("run/a", "run/b", "jump/c", "jump/d"):
        film(root / f"{name}.mp4")
    return root


def grey(items):
    return (items["frames"][..., 0, -8:, -8:].float().mean((-1, -2)) - 40) / 4


def test_an_item_holds_the_frames_that_the_sampler_chose(folder):
    item = Videos(folder, UniformClips(count=2, frames=3, stride=frames(2)))[1]
    assert item["frames"].shape == (2, 3, 3, HEIGHT, WIDTH) and item["frames"].dtype == torch.uint8
    torch.testing.assert_close(grey(item), item["index"].float(), atol=0.6, rtol=0)
    torch.testing.assert_close(item["times"], item["index"].double() / 25)
    assert item["valid"].all() and item["label"] == 0 and item["path"].endswith("jump/d.mp4")
    assert item["key"].tolist() == [0, 0, 1]


@pytest.mark.parametrize(("size", "shape"), [(24, (24, 32)), ((20, 30), (20, 30)), (None, (HEIGHT, WIDTH))])
def test_frames_come_at_the_size_asked_for(folder, size, shape):
    assert Videos(folder, UniformClips(count=1, frames=2, stride=frames(1)), size=size)[0]["frames"].shape[-2:] == shape


def test_chance_belongs_to_seed_epoch_and_index(folder):
    videos = Videos(folder, RandomClip(frames=2, stride=frames(1)), seed=3)
    again = Videos(folder, RandomClip(frames=2, stride=frames(1)), seed=3)
    assert all(torch.equal(videos[5, i]["frames"], again[5, i]["frames"]) for i in range(4))
    starts = {int(videos[epoch, 0]["index"][0, 0]) for epoch in range(12)}
    assert len(starts) > 5


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_the_number_of_workers_changes_nothing(folder, workers):
    videos = Videos(folder, RandomClip(frames=2, stride=frames(1)))
    loader = DataLoader(videos, 3, sampler=Draws(8), num_workers=workers, collate_fn=collate)
    seen = [
        (path, int(start))
        for batch in loader
        for path, start in zip(batch["path"], batch["index"][:, 0, 0], strict=True)
    ]
    keys = [key for key, _ in zip(Endless(4), range(8), strict=False)]
    assert seen == [(videos[key]["path"], int(videos[key]["index"][0, 0])) for key in keys]


class Draws(torch.utils.data.Sampler):
    """The first draws of an endless order."""

    def __init__(self, count):
        self.count = count

    def __iter__(self):
        return (key for key, _ in zip(Endless(4), range(self.count), strict=False))

    def __len__(self):
        return self.count


def test_a_bad_file_raises_or_is_told_by_policy(folder, tmp_path):
    (tmp_path / "good.mp4").write_bytes((folder / "run/a.mp4").read_bytes())
    (tmp_path / "bad.mp4").write_text("no video")
    sampler = UniformClips(count=1, frames=2, stride=frames(1))
    with pytest.raises(MediaError, match=r"bad\.mp4"):
        Videos(tmp_path, sampler)[0]
    skipping = Videos(tmp_path, sampler, on_bad="skip")
    batch = collate([skipping[0], skipping[1]])
    assert len(batch["frames"]) == 1 and batch["path"][0].endswith("good.mp4")
    (failure,) = batch["failures"]
    assert failure["path"].endswith("bad.mp4") and "bad.mp4" in failure["error"]
    assert collate([skipping[0]]).keys() == {"failures"}


def test_a_recording_too_short_for_the_sampler_is_named(tmp_path):
    film(tmp_path / "short.mp4", frames=4)
    with pytest.raises(ValueError, match=r"short\.mp4: .*at least 5 frames"):
        Videos(tmp_path, OrderedFrames(gaps=(1, 1)))[0]


def test_start_and_end_restrict_the_recording(folder, tmp_path):
    (tmp_path / "m.csv").write_text(f"path,start,end\n{folder}/run/a.mp4,0.4,0.8\n{folder}/run/a.mp4,5,6\n")
    videos = Videos(tmp_path / "m.csv", RandomClip(frames=2, stride=frames(1)))
    seen = torch.cat([videos[epoch, 0]["index"].flatten() for epoch in range(60)])
    assert set(seen.tolist()) == set(range(10, 20))
    item = videos[0]
    torch.testing.assert_close(item["times"], item["index"].double() / 25)
    with pytest.raises(ValueError, match=re.escape("no frame lies between 5.0 s and 6.0 s; the recording lasts 1.600")):
        videos[1]


def test_key_points_follow_the_frames_and_the_size(folder, tmp_path):
    places = np.stack([np.array([[7.5, 7.5], [i, 47.0]], dtype=np.float32) for i in range(FRAMES)])
    np.savez(tmp_path / "a.npz", keypoints=places, visible=np.ones((FRAMES, 2), dtype=bool))
    with open(tmp_path / "m.csv", "w", newline="") as file:
        csv.writer(file).writerows([["path", "keypoints"], [folder / "run/a.mp4", "a.npz"]])
    item = Videos(tmp_path / "m.csv", UniformClips(count=2, frames=3, stride=frames(2)), size=(24, 32))[0]
    assert item["keypoints"].shape == (2, 3, 2, 2) and item["visible"].all()
    # the middle of the 16 px corner is the middle of the 8 px corner; pixel centres, so (x + 0.5) / 2 - 0.5
    torch.testing.assert_close(item["keypoints"][..., 0, :], torch.full((2, 3, 2), 3.5))
    torch.testing.assert_close(item["keypoints"][..., 1, 0], (item["index"].float() + 0.5) / 2 - 0.5)


def test_motion_reaches_the_sampler(folder):
    sampler = MotionWeighted(sampler=RandomClip(frames=2, stride=frames(1)))
    with pytest.raises(ValueError, match="MotionWeighted weighs by motion: set motion to 'difference'"):
        Videos(folder, sampler)
    assert Videos(folder, sampler, motion="difference")[0]["frames"].shape[:2] == (1, 2)


def test_frames_of_different_sizes_say_what_to_set(folder, tmp_path):
    film(tmp_path / "small.mp4", size=(32, 32))
    (tmp_path / "big.mp4").write_bytes((folder / "run/a.mp4").read_bytes())
    videos = Videos(tmp_path, UniformClips(count=1, frames=2, stride=frames(1)))
    with pytest.raises(ValueError, match=r"different shapes .*big\.mp4 .*small\.mp4; set size=\[height, width\]"):
        collate([videos[0], videos[1]])


def test_an_index_outside_ends_iteration(folder):
    videos = Videos(folder, UniformClips(count=1, frames=1, stride=frames(1)))
    assert len(list(videos)) == len(videos) == 4
