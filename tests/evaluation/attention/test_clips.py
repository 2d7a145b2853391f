"""Attention over clips: each frame has the map that looks at it, by hand-made cases."""

import pytest
import torch
from torch import nn

from avssl.config import ConfigError
from avssl.data import Dataset
from avssl.evaluation import Attention
from avssl.evaluation.attention.maps import layer_activation, motion, nearest_in_time, occlusion, upsample
from avssl.nets import Encoder, SmallClips, SmallNet
from avssl.nets.clips import ClipEncoder

FRAMES, SIDE = 4, 20


def place(clip, frame):
    """Where the dot is, (x, y)."""
    return 2 + 4 * frame, 4 + 5 * clip


class Dot(Dataset):
    """Two clips an item, in each a bright dot that runs to the right; a second joint stands still far below."""

    def __init__(self, padded=(), frames=FRAMES):
        self.padded, self.frames = padded, frames

    def __len__(self):
        return 2

    def __getitem__(self, key):
        clips = torch.zeros(2, self.frames, 3, SIDE, SIDE, dtype=torch.uint8)
        points = torch.zeros(2, self.frames, 2, 2)
        for clip in range(2):
            for frame in range(self.frames):
                x, y = place(clip, frame)
                clips[clip, frame, :, y, x] = 200
                points[clip, frame] = torch.tensor([[x, y], [x, y + 10]])
        valid = torch.ones(2, self.frames, dtype=torch.bool)
        for clip, frame in self.padded:
            valid[clip, frame] = False
        times = torch.arange(2 * self.frames, dtype=torch.float64).view(2, -1) / 10
        return {"frames": clips, "valid": valid, "times": times, "keypoints": points, "path": f"{key[1]}.mp4"}


class Bright(ClipEncoder):
    """Sees how bright each pixel is of every so manieth frame."""

    def __init__(self, stride=1):
        trunk = nn.Sequential(nn.Conv3d(3, 1, 1, (stride, 1, 1), bias=False), nn.AdaptiveMaxPool3d(1), nn.Flatten())
        super().__init__(trunk, 1, {"map": "0", "vector": "2"}, (0.0,) * 3, (1.0,) * 3)
        nn.init.ones_(trunk[0].weight)


class BrightPictures(Encoder):
    """The same of pictures."""

    def __init__(self):
        trunk = nn.Sequential(nn.Conv2d(3, 1, 1, bias=False), nn.AdaptiveMaxPool2d(1), nn.Flatten())
        super().__init__(trunk, 1, {"map": "0"}, (0.0,) * 3, (1.0,) * 3)
        nn.init.ones_(trunk[0].weight)


def attend(encoder, data=None, **settings):
    return Attention(data or Dot(), **({"initialisations": 1, "quiet": True, "num_shown": 1} | settings))(encoder)


@pytest.mark.parametrize(
    ("looks_at", "expected"),
    [
        ([0.0, 2.0, 4.0], [0, 0, 1, 1, 2, 2]),  # strides of two from the first frame; ties to the earlier
        ([0.5, 2.5, 4.5], [0, 0, 1, 1, 2, 2]),  # between frames
        ([1.0], [0] * 6),
        ([-1.0, 3.0, 7.0], [0, 0, 1, 1, 1, 1]),
    ],
)
def test_each_frame_has_the_map_that_looks_nearest_to_it(looks_at, expected):
    maps = torch.arange(len(looks_at)).view(1, -1, 1, 1).float()
    assert nearest_in_time(maps, torch.tensor(looks_at), 6).flatten().tolist() == expected


@pytest.mark.parametrize("stride", [1, 2])
def test_the_activation_of_a_clip_is_that_of_the_frame_a_cell_looks_at(stride):
    clips = torch.rand(2, 6, 3, 5, 5)
    maps = layer_activation(Bright(stride).eval(), clips, "map", power=2)
    by_hand = torch.stack([clips[:, stride * (frame // stride)].sum(1) ** 2 for frame in range(6)], 1)
    torch.testing.assert_close(maps, by_hand)


def test_peaks_follow_what_moves_beside_motion_centre_and_chance():
    scores = attend(Bright())
    assert scores.numbers["trained/map/pointing"] == 1.0
    assert scores.numbers["motion/pointing"] > scores.numbers["chance/pointing"]
    assert [row["row"] for row in scores.table] == ["random", "trained", "centre", "motion", "chance"]
    items = scores.tables["items"]
    assert len(items) == 2 * 2 * FRAMES
    assert [(row["clip"], row["frame"]) for row in items[3:6]] == [(0, 3), (1, 0), (1, 1)]
    for row in items:
        assert (row["trained/map/x"], row["trained/map/y"]) == place(row["clip"] % 2, row["frame"])
    assert scores.protocol["clips"] == "4 of 4 frames" and scores.protocol["frames"] == 16


def test_an_encoder_that_sees_every_second_frame_is_late_in_the_others():
    items = attend(Bright(stride=2)).tables["items"]
    assert [row["trained/map/x"] for row in items[:FRAMES]] == [2, 2, 10, 10]
    assert [row["trained/map/on"] for row in items[:FRAMES]] == [1, 0, 1, 0]


def test_padding_is_seen_but_counts_nowhere():
    data = Dot(padded=[(0, 3), *((1, frame) for frame in range(FRAMES))])
    scores = attend(Bright(stride=2), data)
    items = scores.tables["items"]
    assert [(row["clip"], row["frame"]) for row in items] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert scores.numbers["trained/map/pointing"] == pytest.approx(2 / 3)
    assert scores.protocol["clips"] == "2 of 4 frames"


def test_hiding_a_square_for_some_frames_moves_the_output_where_and_when_the_encoder_looks():
    class First(nn.Module):
        def forward(self, clips):  # (N, 3, frames, H, W)
            corner = clips[:, :, :2, :8, :8].mean((1, 2, 3, 4))
            return torch.stack([corner, torch.ones_like(corner)], 1)

    encoder = ClipEncoder(First(), 2, {}, (0.0,) * 3, (1.0,) * 3)
    clip = torch.zeros(1, 6, 3, 16, 16)
    clip[:, :, :, :8, :8] = 1
    found = occlusion(encoder, clip, side=8, step=8, length=2, stride=2).clone()
    assert found.shape == (1, 6, 2, 2)
    assert (found[0, :2, 0, 0] > 0.05).all()
    found[0, :2, 0, 0] = 0
    assert found.abs().max() < 1e-6
    torch.testing.assert_close(occlusion(encoder, clip, 8, 8, batch=1), occlusion(encoder, clip, 8, 8))


def test_occlusion_of_clips_of_one_frame_is_that_of_pictures():
    images = torch.rand(2, 3, 12, 12)
    encoder = BrightPictures()
    torch.nn.init.uniform_(encoder.trunk[0].weight, -1, 1)
    other = Bright()
    other.trunk[0].weight.data = encoder.trunk[0].weight.data[:, :, None]
    clips = occlusion(other, images[:, None], 4, 2)
    torch.testing.assert_close(clips[:, 0], occlusion(encoder, images, 4, 2))


def test_both_kinds_run_on_any_encoder_of_clips():
    for kind, layer in (("activation", "conv4"), ("occlusion", "output")):
        scores = attend(SmallClips((4, 4, 6, 8)), kind=kind)
        assert f"trained/{layer}/pointing" in scores.numbers
        assert scores.protocol["hidden square"] == (
            "0.25 of the shorter side, 0.25 of the frames" if kind == "occlusion" else None
        )


def test_clips_are_turned_whole_and_every_turn_is_drawn():
    scores = attend(Bright(), turned=True)
    assert scores.numbers["trained/map/alike"] == pytest.approx(1.0, abs=1e-5)
    assert scores.numbers["trained/map/pointing"] == 1.0
    items = scores.tables["items"]
    assert [(row["clip"], row["frame"], row["turn"]) for row in items[3:6]] == [(0, 0, 270), (0, 1, 0), (0, 1, 90)]
    assert scores.pictures["map"].height > 3 * attend(Bright()).pictures["map"].height


def test_a_row_of_pictures_beside_clips_has_its_own_peaks(monkeypatch):
    monkeypatch.setattr("avssl.evaluation.baselines.load_weights", lambda path, like: others[path].eval())
    torch.manual_seed(0)
    others = {"net": SmallNet(width=4, dim=8), "film": Bright()}
    for kind in ("activation", "occlusion"):
        beside = attend(SmallClips((4, 4, 6, 8)), kind=kind, extra={"one": "net"}).tables["items"]
        alone = attend(others["net"], kind=kind).tables["items"]
        layer = "conv3" if kind == "activation" else "output"
        for axis in "xy":
            one = [row[f"one/{layer}/{axis}"] for row in beside]
            assert one == [row[f"trained/{layer}/{axis}"] for row in alone]
    with pytest.raises(ConfigError, match=r"^evaluator\.extra\.one, beside .* Bright takes clips$"):
        attend(BrightPictures(), extra={"one": "film"})


def test_every_frame_is_drawn_under_its_own_map_and_each_clip_on_a_sheet(monkeypatch):
    sheets = {}

    def table(lines, title):
        sheets[title] = lines
        return title

    monkeypatch.setattr("avssl.evaluation.attention.drawing.picture_table", table)
    pictures = attend(Bright(), num_shown=None).pictures
    assert list(pictures) == [f"map_{number:03d}" for number in range(4)]
    assert pictures["map_003"].endswith("\n1.mp4, 0.40 to 0.70 s")
    for number, title in enumerate(pictures.values()):
        drawn = sheets[title]["trained"]
        brightest = drawn.sum(1).reshape(FRAMES, -1).argmax(1)
        assert [(at % SIDE, at // SIDE) for at in brightest] == [place(number % 2, frame) for frame in range(FRAMES)]
    assert list(attend(Bright(), Dot(), num_shown=2).pictures) == ["map_000", "map_001"]


def test_maps_of_a_clip_have_one_scale():
    maps = torch.tensor([1.0, 3.0, 2.0, 5.0]).view(1, 2, 1, 2)
    large = upsample(maps, (1, 2))
    torch.testing.assert_close(large.flatten(), torch.tensor([0.0, 0.5, 0.25, 1.0]))
    assert torch.equal(upsample(maps[:, 1], (8, 8)), upsample(maps[:, 1:], (8, 8))[:, 0])


def test_motion_is_where_a_frame_differs_from_both_beside_it():
    clips = torch.zeros(1, 4, 3, 4, 4, dtype=torch.uint8)
    clips[0, 2, :, 1, 2] = 90
    found = motion(clips, torch.ones(1, 4, dtype=torch.bool))
    assert found[0, :, 1, 2].tolist() == [0, 0, 90, 90] and found.sum() == 180  # the last has one neighbour alone
    assert motion(clips, torch.tensor([[True, True, False, True]])).sum() == 0
    assert motion(clips[:, :1], torch.ones(1, 1, dtype=torch.bool)).abs().sum() == 0


def test_layers_without_places_and_clips_of_two_lengths_are_refused_in_one_line():
    with pytest.raises(ConfigError, match=r"^layers: layer 'vector' gives vectors, .* or kind: occlusion$"):
        attend(Bright(), layers=["vector"])

    class Two(Dot):
        def __getitem__(self, key):
            self.frames = 3 + key[1]
            return super().__getitem__(key)

    with pytest.raises(ConfigError, match=r"^the clips differ in length \(\[3, 4\] frames\); sample equal ones$"):
        attend(Bright(), Two())
    with pytest.raises(ValueError, match="a square for 9 frames every 1 does not fit into clips of 4 frames"):
        occlusion(Bright(), torch.rand(1, 4, 3, 8, 8), 4, 4, length=9)
    with pytest.raises(ValueError, match="length too"):
        Attention(Dot(), length=0.0)
