"""Rows that see or hear nothing, and the grid of the pictures."""

import math
from functools import partial

import pytest
import torch

from avssl.audit.blind import Grid, Learner, narrowed, picture_only, shuffled_pairs, sound_only
from avssl.audit.cues import chance_level
from avssl.audit.sound import audit, widened
from avssl.data import Videos
from avssl.data.demo.band.world import prepare
from avssl.methods import AVE, ShuffleAndLearn
from avssl.nets import SmallNet, SmallSound, SmallVision, SpectrogramSpec
from avssl.sampling import Segments, WithSound
from avssl.training.optim import AdamW

SPEC = SpectrogramSpec(window=64, hop=32, fft=64, mels=16)


def batch(number, videos=4, samples=800):
    chance = torch.Generator().manual_seed(number)
    return {
        "frames": torch.randint(0, 255, (videos, 2, 1, 3, 16, 16), dtype=torch.uint8, generator=chance),
        "sound": torch.randn(videos, 2, 1, samples, generator=chance),
        "key": torch.tensor([[0, number, video] for video in range(videos)]),
        "path": [f"{number}/{video}" for video in range(videos)],
    }


def test_nothing_is_left_of_what_a_row_must_not_know():
    (blind,), (deaf,) = list(sound_only([batch(0)])), list(picture_only([batch(0)]))
    assert blind["frames"].unique().tolist() == [128] and torch.equal(blind["sound"], batch(0)["sound"])
    assert deaf["sound"].flatten(0, 2).unique(dim=0).shape[0] == 1 and deaf["sound"].std() > 0


def test_shuffled_pairs_have_the_sounds_of_the_batch_before():
    found = list(shuffled_pairs([batch(0), batch(1), batch(2, videos=3)]))
    assert torch.equal(found[0]["sound"], batch(0)["sound"]) and torch.equal(found[0]["frames"], batch(1)["frames"])
    assert torch.equal(found[1]["sound"], batch(1)["sound"][:3]) and found[1]["path"] == ["2/0", "2/1", "2/2"]


def grid_batch(number, clicks):
    """Noise, with clicks every 40 samples in step with the grid, or none."""
    made = batch(number, videos=16, samples=880)
    if clicks:
        made["sound"] *= 0.05
        made["sound"][..., ::40] += 3
    return made


@pytest.mark.parametrize(("clicks", "least", "most"), [(True, 0.75, 1.0), (False, 0.38, 0.62)])
def test_sound_that_shows_the_grid_is_told_and_noise_is_not(clicks, least, most):
    torch.manual_seed(0)
    method = Grid(SmallSound(widths=(8, 8, 16, 16), spec=SpectrogramSpec(window=16, hop=4, fft=16, mels=None)), 800)
    learner = Learner(method, torch.optim.AdamW(method.parameters(), lr=3e-3), iter)
    for step in range(60):
        learner.learn(grid_batch(step, clicks), step, 100)
    with torch.no_grad():
        found = learner.measure([grid_batch(1000 + number, clicks) for number in range(6)])
    assert least <= found["accuracy"] <= most


def test_widened_windows_hold_the_plain_ones_in_their_middle(tmp_path):
    folder = prepare("easy", tmp_path, train=2, val=0, heldout=0, progress=False)
    for align in ("start", "centre"):
        sampler = WithSound(sampler=Segments(count=1), seconds=1.0, align=align, edge="mask")
        plain = Videos(folder / "manifest.csv", sampler, size=(16, 16), sound_rate=16000)
        wide, samples, half = widened(plain)
        assert (samples, half) == (16000, 640)
        (cut,) = narrowed([{"sound": wide[0, 1]["sound"]}], half)
        torch.testing.assert_close(cut["sound"], plain[0, 1]["sound"], atol=1e-3, rtol=0)


def test_the_whole_audit_runs_and_writes(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("avssl.audit.sound.chance_level", partial(chance_level, times=1))
    folder = prepare("easy", tmp_path / "band", train=4, val=0, heldout=4, progress=False)
    sampler = WithSound(sampler=Segments(count=2), seconds=0.5, align="centre", edge="shift")
    sets = [
        Videos(folder / "manifest.csv", sampler, split, size=(32, 32), sound_rate=16000)
        for split in ("train", "heldout")
    ]
    method = AVE(SmallVision(widths=(4, 4, 4, 4)), SmallSound(widths=(4, 4, 4, 4)))
    settings = {"data": sets[0], "held_out": sets[1], "optim": AdamW(lr=1e-3), "out": tmp_path / "run", "workers": 0}
    scores = audit(method=method, batch_size=4, rounds=2, items=8, **settings)
    assert scores["doubles"] == 0 and 0 <= scores["sound only/accuracy"] <= 1 and "sound off the grid/loss" in scores
    assert math.isfinite(scores["cues/by chance"])
    assert "recordings that are there twice: 0" in capsys.readouterr().out
    assert (tmp_path / "run/audit/rows.csv").read_text().count("\n") == 6


def test_a_method_that_scores_no_pairs_is_refused(tmp_path):
    with pytest.raises(ValueError, match="ShuffleAndLearn does not score pairs"):
        audit(
            data=None,
            held_out=None,
            method=ShuffleAndLearn(SmallNet(dim=8, width=2)),
            optim=AdamW(lr=1e-3),
            out=tmp_path,
        )
