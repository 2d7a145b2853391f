"""Cues of single pictures and sounds, and what they tell of pairs."""

import numpy as np
import pytest
import torch

from avssl.audit.cues import PICTURE, SOUND, TOGETHER, chance_level, cue_scores, picture_cues, sound_cues


def cues(count, seed, shared=0.0):
    rng = np.random.default_rng(seed)
    pictures, sounds = rng.standard_normal((count, 5)), rng.standard_normal((count, 5))
    sounds[:, 0] += shared * pictures[:, 0]
    return pictures, sounds, np.roll(np.arange(count), 1)


def asked(shared):
    train, test = cues(400, 0, shared), cues(300, 1, shared)
    return tuple(zip(train, test, strict=True))


def test_cues_that_come_together_tell_pairs_and_others_do_not():
    scores = cue_scores(*asked(2.0))
    assert scores["brightness with loudness"] > 0.8 and scores[TOGETHER] > 0.75
    assert scores["contrast with onset"] < 0.6 and len(scores) == 26


def test_where_nothing_comes_together_no_cue_is_above_the_level_of_chance():
    pictures, sounds, partner = asked(0.0)
    recordings = tuple(torch.arange(len(rows)) for rows in sounds)
    level = chance_level(pictures, sounds, partner, clips=(1, 1), recording=recordings, times=5)
    assert 0.5 < level < 0.62 and max(cue_scores(pictures, sounds, partner).values()) < 0.62


def test_picture_cues_are_what_they_are_called():
    red = torch.zeros(1, 3, 8, 8)
    red[:, 0] = 0.6
    found = dict(zip(PICTURE, picture_cues(red)[0].tolist(), strict=True))
    assert found == pytest.approx(
        {"brightness": 0.2, "contrast": 0, "saturation": 0.6, "warmth": 0.6, "edges": 0}, abs=1e-6
    )


def test_sound_cues_are_what_they_are_called():
    wave = torch.sin(2 * torch.pi * 1000 * torch.arange(16000) / 16000)
    wave[:8000] = 0
    found = dict(zip(SOUND, sound_cues(wave[None, None])[0].tolist(), strict=True))
    assert found["loudness"] == pytest.approx(np.log(0.5), abs=1e-3) and found["peak"] == pytest.approx(0, abs=1e-3)
    assert found["onset"] == pytest.approx(0.5, abs=1e-3) and found["centroid"] == pytest.approx(1 / 8, abs=0.01)
    assert found["zero crossings"] == pytest.approx(1000 / 16000, rel=0.2)
