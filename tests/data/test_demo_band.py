"""The demo band: what is heard is what is seen to be played, and nothing else tells them together."""

import numpy as np
import pytest

from avssl.data.demo.band import INSTRUMENTS, prepare
from avssl.data.demo.band.instruments import canvas, dress, from_hsv, player
from avssl.data.demo.band.playing import SUSTAINED, TEMPI, gesture, play
from avssl.data.demo.band.scenes import film
from avssl.data.demo.band.synthesis import LOWEST, RATE, build, level, string
from avssl.data.recordings import find_recordings
from avssl.media import open_video


def loudness(wave, step=160):
    return np.sqrt((wave[: len(wave) // step * step].reshape(-1, step) ** 2).mean(1))


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_a_note_is_heard_when_the_hand_touches(instrument):
    rises, waits = [], []
    for number in range(12):
        scene = film((5, number), instrument, preset="easy", size=48)
        heard = loudness(scene.sound)
        for start, _ in scene.notes:
            place = round(start * 100)
            if 6 < place < len(heard) - 8:
                rises.append(heard[place : place + 6].max())
                waits.append(heard[place - 4 : place].mean())
    assert np.mean(rises) > 1.15 * np.mean(waits)


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_the_playing_part_moves_between_rest_and_contact(instrument):
    where = canvas(dress(np.random.default_rng(0), (0.6, 0.7), None), (0, 0), 72)
    rest, touch = player(instrument, where, 0.0), player(instrument, where, 1.0)
    assert rest.any() and touch.any() and (rest != touch).mean() > 0.01


def test_all_recordings_are_equally_loud_whatever_plays():
    means = {name: np.mean([np.log(level(film((1, i), name).sound)) for i in range(12)]) for name in INSTRUMENTS}
    assert max(means.values()) - min(means.values()) < 1.0  # 12 draws of a gain of +-6 dB each


def test_sound_and_picture_come_from_streams_of_their_own(monkeypatch):
    before = film((2, 3), "harp", preset="easy")
    monkeypatch.setattr("avssl.data.demo.band.scenes.dress", lambda rng, *rest: dress(np.random.default_rng(8), *rest))
    after = film((2, 3), "harp", preset="easy")
    assert np.array_equal(before.sound, after.sound) and not np.array_equal(before.frames, after.frames)


def test_the_same_seed_gives_the_same_recording_and_another_seed_another():
    one, two, other = film((1, 1), "bell"), film((1, 1), "bell"), film((1, 2), "bell")
    assert np.array_equal(one.frames, two.frames) and np.array_equal(one.sound, two.sound)
    assert not np.array_equal(one.sound, other.sound)


def test_held_out_recordings_of_the_full_world_have_other_tempi_and_pitches():
    rng = np.random.default_rng(0)
    for half in (0, 1):
        places = [12 * np.log2(build(rng, half).pitch / LOWEST) for _ in range(50)]
        assert {round(place) % 2 for place in places} == {half}
    slow, fast = TEMPI["drum"]
    for half in (0, 1):
        for _ in range(20):
            notes = play(rng, "drum", 60.0, half)
            tempo = 1 / np.mean(np.diff([note.start for note in notes]))
            place = 8 * np.log(tempo / slow) / np.log(fast / slow)
            assert abs((place - half + 0.5) % 2 - 1) < 0.9  # within half a band of its middle, up to the mean's spread


def test_a_duet_shows_two_instruments_and_sounds_one():
    scene = film((3, 0), "drum", second="organ")
    assert scene.classes.tolist() == [INSTRUMENTS.index("drum"), INSTRUMENTS.index("organ")]
    assert scene.boxes.shape == (2, 4)
    widths = scene.boxes[:, 2:] - scene.boxes[:, :2]
    assert (widths > 8).all() and (scene.boxes >= 0).all() and (scene.boxes <= 72).all()


def test_notes_are_in_order_and_within_the_recording():
    for instrument in INSTRUMENTS:
        notes = play(np.random.default_rng(1), instrument, 3.0)
        starts = [note.start for note in notes]
        assert starts == sorted(starts) and notes and all(note.start < note.end <= 3.5 for note in notes)


def test_held_notes_keep_the_hand_down():
    notes = play(np.random.default_rng(1), "organ", 3.0)
    middle = np.array([(note.start + note.end) / 2 for note in notes])
    assert (gesture(notes, middle, sustained=True) > 0.8).all()
    assert "organ" in SUSTAINED and (gesture(notes, middle, sustained=False) < 0.5).any()


def test_a_plucked_string_has_its_pitch():
    wave = string(np.random.default_rng(0), 220.0, 1.0, 0.996, 1.0)[4000:]
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave)), 1 << 17))
    hertz = np.fft.rfftfreq(1 << 17, 1 / RATE)
    low = hertz < 300
    assert hertz[low][spectrum[low].argmax()] == pytest.approx(220, rel=0.01)


def test_hues_go_round():
    assert [from_hsv(hue, 1, 1).round(3).tolist() for hue in (0, 1 / 3, 2 / 3)] == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_the_files_are_real_and_in_sync(tmp_path):
    folder = prepare("full", tmp_path, train=3, val=0, heldout=2, duet=1, progress=False)
    found, classes = find_recordings(folder, "train")
    assert len(found) == 3 and len(set(classes)) >= 3 and set(classes) <= set(INSTRUMENTS)
    scene = film((0, 0), classes[found[0].label])
    with open_video(folder / "train" / "00000.mp4") as video:
        assert (video.info.codec, video.info.sound.codec, len(video)) == ("h264", "aac", 75)
        sound = video.sound(np.array([[0.0, 3.0]]), RATE)
        frames = video.frames(range(75)).data.numpy()
    heard = sound.data[0, 0].numpy()
    lags = range(-80, 81)
    match = [float(np.dot(heard[2000:40000], scene.sound[2000 + lag : 40000 + lag])) for lag in lags]
    assert abs(lags[int(np.argmax(match))]) <= 16  # a millisecond
    assert np.abs(frames.transpose(0, 2, 3, 1).astype(int) - scene.frames).mean() < 8


def test_an_unknown_preset_is_refused():
    with pytest.raises(ValueError, match="preset='hard' is unknown; choose easy or full"):
        prepare("hard")
