"""The figures: the same bytes for a seed, joints that lie on the body, motion without drift or arrow."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avssl.data.demo import JOINTS, PARTS, STYLES, draw_figure, motion
from avssl.data.demo.figures import visible_joints
from avssl.data.demo.motion import LEFT, POSTURES, RIGHT, move

NAMES = [name for name, *_ in PARTS]
FRAMES, TRUTH = (
    "5d5264120baf2dad",
    "9ce8ed0bd1597060",
)  # a change of either needs a new VERSION in avssl/data/demo/world.py


def test_a_seed_gives_the_same_pictures_byte_for_byte():
    drawing = draw_figure((0, 0), frames=16)
    assert hashlib.sha256(drawing.frames.tobytes()).hexdigest()[:16] == FRAMES
    assert hashlib.sha256(drawing.keypoints.tobytes() + drawing.parts.tobytes()).hexdigest()[:16] == TRUTH


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**40), frames=st.integers(1, 5), size=st.integers(8, 80), style=st.sampled_from(STYLES))
def test_any_seed_length_and_size_can_be_drawn(seed, frames, size, style):
    drawing = draw_figure(seed, style=style, frames=frames, size=size)
    assert drawing.frames.shape == (frames, size, size, 3) and drawing.frames.dtype == np.uint8
    assert drawing.keypoints.shape == (frames, 14, 2) and drawing.keypoints.dtype == np.float32
    assert drawing.visible.shape == (frames, 14) and drawing.visible.dtype == bool
    assert drawing.parts.shape == (frames, size, size) and drawing.parts.max() <= len(PARTS)
    inside = (drawing.keypoints > -0.5 - 1 / 64) & (drawing.keypoints < size - 0.5 + 1 / 64)
    assert not (drawing.visible & ~inside.all(-1)).any()


def test_a_longer_recording_starts_with_the_shorter_one():
    short, long = draw_figure(5, frames=4), draw_figure(5, frames=9)
    assert np.array_equal(short.keypoints, long.keypoints[:4])
    assert np.array_equal(short.frames, long.frames[:4])


def test_the_scene_is_the_same_at_every_size():
    small, large = draw_figure(5, frames=3, size=48), draw_figure(5, frames=3, size=96)
    assert np.abs((small.keypoints + 0.5) * 2 - 0.5 - large.keypoints).max() <= 2 / 64
    shrunk = large.frames.reshape(3, 48, 2, 48, 2, 3).mean((2, 4))
    assert np.abs(shrunk - small.frames).mean() < 6


def test_twice_the_rate_shows_the_same_motion_at_twice_the_frames():
    slow, fast = draw_figure(5, frames=4, rate=25), draw_figure(5, frames=8, rate=50)
    assert np.array_equal(slow.keypoints, fast.keypoints[::2])


def test_visible_joints_lie_on_the_parts_that_they_belong_to():
    ends = {joint: {1 + i for i, (_, a, b, *_) in enumerate(PARTS) if joint in (a, *b.split())} for joint in JOINTS}
    shoulders = {1 + NAMES.index("torso"), 1 + NAMES.index("neck")}
    for seed in range(8):
        drawing = draw_figure(seed, frames=12)
        x, y = drawing.keypoints.round().astype(int).clip(0, 71).transpose(2, 0, 1)
        part = drawing.parts[np.arange(12)[:, None], y, x]
        for j, joint in enumerate(JOINTS):
            assert set(part[drawing.visible[:, j], j]) <= ends[joint] | shoulders, joint


def test_a_joint_is_hidden_by_a_nearer_part_and_outside_the_picture_only():
    points = np.full((1, 14, 2), 4.0, np.float32)
    points[0, JOINTS.index("rank")] = -3
    parts = np.full((1, 9, 9), 1 + NAMES.index("right upper arm"), np.uint8)
    hidden = {joint for joint, visible in zip(JOINTS, visible_joints(points, parts)[0], strict=True) if not visible}
    assert hidden == {"lsho", "lelb", "lwri", "lhip", "lkne", "lank", "rhip", "rkne", "rank"}


@pytest.mark.parametrize(("style", "shift"), [("mirrored", 0.0), ("alternating", 0.5)])
def test_a_style_ties_the_left_side_to_the_right(style, shift, monkeypatch):
    monkeypatch.setattr(motion, "PERIODS", (1.0, 1.0))  # seconds
    times = np.arange(20) / 20

    def swings(style):
        angles = motion.turn(np.random.default_rng(3), style, times)
        return angles - angles.mean(0)

    tied, free = swings(style), swings("free")
    assert np.allclose(np.roll(tied[:, RIGHT], -int(20 * shift), 0), tied[:, LEFT])
    assert np.allclose(tied[:, RIGHT], free[:, RIGHT]) and not np.allclose(tied[:, LEFT], free[:, LEFT])


def test_left_and_right_are_the_persons_own():
    means = np.mean([draw_figure(seed, frames=2, size=8).keypoints.mean(0) for seed in range(30)], 0)
    for joint in ("sho", "elb", "hip", "kne"):
        assert means[JOINTS.index("r" + joint), 0] < means[JOINTS.index("l" + joint), 0]
    assert means[0, 1] < means[1, 1] < means[JOINTS.index("rhip"), 1] < means[JOINTS.index("rank"), 1]


def test_motion_has_neither_drift_nor_arrow():
    times = np.arange(64) / 25
    bodies = np.stack([move(np.random.default_rng(seed), STYLES[seed % 3], times)[0] for seed in range(600)])
    drift = (bodies[:, 32:].mean(1) - bodies[:, :32].mean(1)).reshape(600, -1)
    assert np.abs(drift.mean(0) / (drift.std(0) / np.sqrt(600))).max() < 4.5  # standard errors, of 28 numbers
    steps = (bodies[:, 6:] - bodies[:, :-6]).reshape(600, 58, -1)
    lopsided = (steps**3).mean(1)  # rises as often and as fast as it falls
    assert np.abs(lopsided.mean(0) / (lopsided.std(0) / np.sqrt(600))).max() < 4.5


def test_an_arrow_lets_angles_change_faster_one_way_and_a_dial_says_how_much():
    told, skew, times = [], [], np.arange(100) / 25
    for arrow in (0.0, 0.35, 0.7):
        rngs = [np.random.default_rng(seed) for seed in range(100)]
        steps = np.stack([np.diff(motion.turn(rng, "free", times, arrow), axis=0) for rng in rngs])
        told.append(((steps**3).mean((1, 2)) > 0).mean())
        skew.append((steps**3).mean())
    assert told[0] == pytest.approx(0.5, abs=0.16) and told[1] > 0.9
    assert skew[2] > 1.3 * skew[1] > 10 * abs(skew[0])


def test_a_world_with_an_arrow_shares_bodies_and_colours_and_none_is_the_plain_one():
    plain, arrow = draw_figure(3, frames=2), draw_figure(3, frames=2, arrow=0.7)
    assert np.array_equal(draw_figure(3, frames=2, arrow=0.0).frames, plain.frames)
    assert not np.array_equal(arrow.keypoints, plain.keypoints)
    background = (plain.parts == 0) & (arrow.parts == 0)
    assert (np.abs(arrow.frames.astype(int) - plain.frames)[background] > 100).mean() < 0.01
    with pytest.raises(ValueError, match=r"arrow must be in \[0, 1\]; got 2"):
        draw_figure(0, arrow=2)


def test_brightness_does_not_tell_the_time():
    first, last = zip(*[draw_figure(seed, frames=64, size=16).frames[[0, -1]] for seed in range(40)], strict=True)
    change = np.mean(last, (1, 2, 3)) - np.mean(first, (1, 2, 3))
    assert abs(change.mean()) < 3.5 * change.std() / np.sqrt(40)


def test_figures_share_the_palette_of_their_parts_and_little_else():
    first, second = draw_figure((0, 1), frames=1), draw_figure((1, 1), frames=1)
    assert not np.array_equal(first.keypoints, second.keypoints)
    for part in (NAMES.index("torso"), NAMES.index("right thigh")):
        colors = [d.frames[d.parts == 1 + part].mean(0) / 255 for d in (first, second)]
        assert np.abs(colors[0] - colors[1]).max() < 0.55
        assert np.abs(colors[0] - np.array(PARTS[part][-1])).max() < 0.32
    wall = (first.parts == 0) & (second.parts == 0)
    assert np.abs(first.frames[wall].astype(float) - second.frames[wall]).mean() > 15


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"style": "moonwalk"}, "style='moonwalk' is unknown; choose one of free, mirrored, alternating"),
     ({"frames": 0}, "needs frames >= 1"), ({"size": 4}, "size=4"), ({"rate": 0}, "rate=0")],
)  # fmt: skip
def test_what_cannot_be_drawn_is_said(wrong, message):
    with pytest.raises(ValueError, match=message):
        draw_figure(0, **wrong)


def test_the_right_side_of_the_posture_is_the_mirror_of_the_left():
    assert np.array_equal(POSTURES[RIGHT], POSTURES[LEFT])
