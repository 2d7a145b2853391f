"""Pairs are scored from what is made of each side alone, once, whatever the method."""

import numpy as np
import pytest
import torch
from every import MOVING, OF_PAIRS, SIDE, make

from avssl.evaluation.sound.clips import score_numbered
from avssl.inference.loading import Loaded, pair_scorer
from avssl.methods.sound.base import PairScorer, SidedScorer

SEEN, PLAYED = torch.tensor([0, 0, 1, 2, 2, 1]), torch.tensor([3, 0, 1, 1, 2, 3])


def material(name):
    torch.manual_seed(1)
    frames = torch.randint(0, 256, (3, MOVING.get(name, (1, 1))[1], 3, SIDE, SIDE), dtype=torch.uint8)
    return frames, torch.randn(4, 1, 800)


@pytest.mark.parametrize("name", OF_PAIRS)
@torch.no_grad()
def test_pairs_by_number_score_as_pairs_row_by_row(name):
    method, (frames, sound) = make(name).eval(), material(name)
    found = score_numbered(method, (frames, sound), (SEEN, PLAYED), torch.zeros(3, 1, dtype=torch.int64))
    expected = method.score_pairs(frames[SEEN].float() / 255, sound[PLAYED])
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert len(found.unique()) > 1


@pytest.mark.parametrize("name", OF_PAIRS)
def test_each_picture_is_looked_at_once_and_each_sound_heard_once(name):
    method, (frames, sound) = make(name).eval(), material(name)
    assert isinstance(method, SidedScorer)
    heard, seen, look = [], [], method.side_of_pictures
    method.sound.register_forward_pre_hook(lambda _, inputs: heard.append(len(inputs[0])))
    method.side_of_pictures = lambda pictures: seen.append(len(pictures)) or look(pictures)
    score_numbered(method, (frames, sound), (SEEN, PLAYED), torch.zeros(3, 1, dtype=torch.int64))
    assert heard == [4] and seen == [3]


class Louder:
    """Scores pairs and makes nothing of a side alone, as anybody's own method may."""

    encoder, sound, views = None, None, ()

    def score_pairs(self, pictures, sound):
        return pictures.mean((1, 2, 3, 4)) - sound.abs().mean((1, 2))


def test_methods_that_only_score_pairs_are_asked_pair_by_pair():
    frames, sound = material("AVE")
    assert isinstance(Louder(), PairScorer) and not isinstance(Louder(), SidedScorer)
    found = score_numbered(Louder(), (frames, sound), (SEEN, PLAYED), torch.zeros(3, 1, dtype=torch.int64))
    torch.testing.assert_close(found, Louder().score_pairs(frames[SEEN].float() / 255, sound[PLAYED]))


@pytest.mark.parametrize("name", ["AVE", "XDC"])
@torch.no_grad()
def test_moments_of_a_recording_score_as_pairs_row_by_row(name, tmp_path):
    method, (frames, sound) = make(name).eval(), material(name)
    taught = Loaded(method=method, size=None, seconds=0.1, within=np.zeros(1), folder=tmp_path, device="cpu")
    chosen = np.array([True, False, True])
    found = pair_scorer(taught, frames)(chosen, sound[:2])
    expected = method.score_pairs(frames[torch.from_numpy(chosen)].float() / 255, sound[:2])
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)
