"""A motion profile is high where things move, blind to flicker, and computed once a file."""

import sys

import numpy as np
import pytest

from avssl.media import BackendUnavailable, motion, motion_profile, open_video
from avssl.sampling import MotionWeighted, RandomClip, rng_for
from tests.media.filming import film_grey


def scene(moves: np.ndarray) -> np.ndarray:
    """A textured background and a bright square that moves by ``moves`` pixels from frame to frame."""
    height, width = 64, 96
    rows, columns = np.mgrid[:height, :width]
    background = 100 + 30 * np.sin(rows / 5) * np.cos(columns / 7)
    pictures = []
    for left in np.cumsum(moves).astype(int):
        picture = background.copy()
        picture[20:40, 5 + left : 25 + left] = 220
        pictures.append(picture)
    return np.stack(pictures)


MOVES = np.r_[np.zeros(20), np.full(20, 3), np.zeros(20)]


@pytest.mark.parametrize("method", ["difference", "farneback"])
def test_the_profile_is_high_exactly_while_a_square_moves(tmp_path, method):
    if method == "farneback":
        pytest.importorskip("cv2")
    profile = motion_profile(film_grey(tmp_path / "square.mp4", scene(MOVES)), method)
    assert profile.dtype == np.float32 and profile.shape == (60,) and (profile >= 0).all()
    still, moving = np.r_[profile[:19], profile[41:]], profile[20:39]
    assert moving.min() > 5 * still.max()


@pytest.mark.parametrize("flicker", ["level", "gain"])
def test_flicker_of_the_whole_picture_is_not_motion(tmp_path, flicker):
    pictures = scene(MOVES)
    strength = np.random.default_rng(0).uniform(-1, 1, (60, 1, 1))
    flickering = pictures + 20 * strength if flicker == "level" else pictures * (1 + 0.15 * strength)
    plain = motion_profile(film_grey(tmp_path / "plain.mp4", pictures))
    profile = motion_profile(film_grey(tmp_path / "flicker.mp4", flickering.clip(0, 255)))
    seen = np.abs(np.diff(flickering.mean((1, 2)))).mean()
    still = np.r_[profile[:19], profile[41:]].mean()
    assert seen > 8 > 5 * still  # what rounding and the codec leave
    assert profile[20:39].mean() > 2.5 * still
    assert np.corrcoef(profile, plain)[0, 1] > 0.85


def test_a_cut_counts_on_both_of_its_sides_and_nowhere_else(tmp_path):
    still = scene(np.zeros(12))
    profile = motion_profile(film_grey(tmp_path / "cut.mp4", np.r_[still[:6], still[:6, ::-1, ::-1]]))
    assert set(np.argsort(profile)[-2:]) == {5, 6} and np.sort(profile)[-3] < 0.1 * profile.max()


def test_one_frame_does_not_move(tmp_path):
    assert motion_profile(film_grey(tmp_path / "one.mp4", scene(np.zeros(1)))).tolist() == [0.0]


def test_every_frame_is_decoded_once_in_stretches_of_bounded_length(tmp_path, monkeypatch):
    monkeypatch.setattr(motion, "AT_ONCE", 16)
    decoded, asked = [], []
    read = motion.Reader.frames

    def counting(reader, indices):
        found = read(reader, indices)
        decoded.append(reader.report.decoded)
        asked.extend(indices)
        return found

    monkeypatch.setattr(motion.Reader, "frames", counting)
    path = film_grey(tmp_path / "square.mp4", scene(MOVES))
    motion_profile(path)
    assert asked == list(range(60)) and sum(decoded) == 60 and len(decoded) == 3


def test_a_second_look_does_not_open_the_file_and_a_changed_file_is_looked_at_anew(tmp_path, monkeypatch):
    path = film_grey(tmp_path / "square.mp4", scene(MOVES))
    first = motion_profile(path)
    with monkeypatch.context() as patch:
        patch.setattr(motion, "open_video", lambda *_, **__: pytest.fail("opened"))
        np.testing.assert_array_equal(motion_profile(path), first)
    film_grey(path, scene(MOVES[:30]))
    assert motion_profile(path).shape == (30,)


def test_a_broken_cache_is_made_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("AVSSL_CACHE", str(tmp_path / "cache"))
    path = film_grey(tmp_path / "square.mp4", scene(MOVES))
    first = motion_profile(path)
    (kept,) = (tmp_path / "cache" / "motion").rglob("*.npy")
    kept.write_bytes(kept.read_bytes()[:40])
    np.testing.assert_array_equal(motion_profile(path), first)
    assert not list((tmp_path / "cache" / "motion").rglob("*.part"))


def test_any_source_and_any_open_reader_will_do(tmp_path):
    path = film_grey(tmp_path / "square.mp4", scene(MOVES))
    first = motion_profile(path)
    np.testing.assert_array_equal(motion_profile(path.read_bytes()), first)
    with open_video(path, size=(20, 20)) as video:
        np.testing.assert_array_equal(motion_profile(video, cache=False), first)


def test_flow_without_opencv_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(BackendUnavailable, match=r'pip install -e "\.\[opencv\]"'):
        motion_profile(film_grey(tmp_path / "square.mp4", scene(MOVES[:3])), "farneback")
    with pytest.raises(ValueError, match="'difference' or 'farneback'"):
        motion_profile(tmp_path / "square.mp4", "optical")  # type: ignore[arg-type]


def test_a_sampler_weighted_by_motion_looks_where_it_moves(tmp_path):
    path = film_grey(tmp_path / "square.mp4", scene(MOVES))
    with open_video(path) as video:
        timeline = video.timeline.with_motion(motion_profile(path))
    sampler = MotionWeighted(sampler=RandomClip(frames=4))
    middles = [sampler(timeline, rng_for(0, 0, draw)).index.mean() for draw in range(40)]
    assert np.mean([(16 <= middle <= 44) for middle in middles]) > 0.9
