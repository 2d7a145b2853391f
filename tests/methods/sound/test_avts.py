"""AVTS: false pairs out of step, what they weigh, the curriculum, and whether being in step is learned."""

import math

import pytest
import torch
from buzzing import SPEC

from avssl.methods import AVTS
from avssl.methods.sound.avts import between
from avssl.methods.sound.pairs import pairs_of
from avssl.methods.sound.per_moment import PerMoment
from avssl.methods.sound.shifts import KINDS, KindScores, halves, moments_of, negatives_of
from avssl.nets import SmallClips, SmallSound

FRAMES, FPS, RATE = 8, 10, 8000


def ticking(count, seed, cue=True, clips=3):
    """Recordings of which a light flashes when a click sounds; without the cue clicks come at any time."""
    chance = torch.Generator().manual_seed(seed)
    frames = torch.randint(0, 60, (count, clips, FRAMES, 3, 16, 16), dtype=torch.uint8, generator=chance)
    sound = 0.02 * torch.randn(count, clips, 1, FRAMES * RATE // FPS, generator=chance)
    for video in range(count):
        for clip in range(clips):
            flash, click = (int(torch.randint(0, FRAMES, (1,), generator=chance)) for _ in range(2))
            frames[video, clip, flash] += 180
            first = (flash if cue else click) * RATE // FPS
            sound[video, clip, 0, first : first + RATE // FPS] += 0.5 * torch.randn(RATE // FPS, generator=chance)
    starts = torch.arange(clips) * 1.0
    times = starts[None, :, None] + torch.arange(FRAMES)[None, None] / FPS
    key = torch.tensor([[seed, 0, video] for video in range(count)])
    return {"frames": frames, "sound": sound, "times": times.expand(count, -1, -1).double(), "key": key}


def made(seed=0, **settings):
    torch.manual_seed(seed)
    clips = SmallClips(widths=(4, 4, 8, 8), moments=FRAMES)
    return AVTS(clips, SmallSound(widths=(4, 4, 8, 8), spec=SPEC, moments=FRAMES), **({"gap": 0.0} | settings))


@pytest.mark.parametrize("loss", ["contrastive", "binary"])
def test_the_loss_equals_a_slow_writing(loss):
    method = made(loss=loss, hard=0.25, super_hard=0.1)
    method.after_step(10, steps=100)
    torch.manual_seed(0)
    batch = ticking(3, 0)
    batch["times"] = batch["times"] * torch.tensor([0.4, 1.0, 1.0])[:, None, None]
    batch["silent"] = torch.zeros(3, 3, dtype=torch.bool)
    batch["silent"][1, 1] = True
    pairs, moments = pairs_of(batch, (), False), moments_of(batch)
    distances = torch.rand(9, 9) * 2
    total = 0.0
    for kind, share in zip(KINDS, (0.65, 0.25, 0.1), strict=True):
        true, false = [], []
        for one in range(9):
            for other in range(9):
                if not (pairs.heard[one] and pairs.heard[other]) or one == other:
                    continue
                shift = abs(float(moments.start[one] - moments.start[other]))
                length = max(float(moments.length[one]), float(moments.length[other]))
                same = one // 3 == other // 3
                found = "easy" if not same else "hard" if shift >= length - 1e-6 else "super_hard"
                if found != kind or (kind == "super_hard" and shift < 0.2 - 1e-6):
                    continue
                near, far = float(distances[one, one]), float(distances[one, other])
                if loss == "contrastive":
                    true.append(near**2)
                    false.append(max(0.99 - far, 0) ** 2)
                else:
                    slope, bias = math.log1p(math.exp(method.slope.item())), method.bias.item()
                    true.append(math.log1p(math.exp(-(slope * (0.495 - near) + bias))))
                    false.append(math.log1p(math.exp(slope * (0.495 - far) + bias)))
        if true:
            total += share * (sum(true) / len(true) + sum(false) / len(false)) / 2
    found = method.cost(distances, negatives_of(pairs, moments, method.gap, method.least))
    assert found.item() == pytest.approx(total, rel=1e-5)


def test_the_curriculum_goes_from_easy_pairs_to_the_given_shares():
    method = made(hard=0.4, super_hard=0.2, start=100, ramp=50)
    for step, shares in ((0, (1, 0, 0)), (100, (1, 0, 0)), (125, (0.7, 0.2, 0.1)), (150, (0.4, 0.4, 0.2))):
        method.after_step(step, steps=100)
        assert method.shares.tolist() == pytest.approx(shares)
    again = made(hard=0.4, super_hard=0.2, start=100, ramp=50)
    again.load_state_dict(method.state_dict())
    assert again.shares.tolist() == pytest.approx((0.4, 0.4, 0.2))


def test_clips_and_windows_weigh_the_same_among_true_and_false_pairs():
    batch = ticking(2, 0)
    batch["times"][0] *= 0.7  # so that not every two clips are apart
    pairs = pairs_of(batch, (), False)
    hard = negatives_of(pairs, moments_of(batch), 0.0, 0.2)["hard"]
    assert torch.equal(hard, hard.T)
    ones = torch.arange(6.0)
    true, false = halves(ones, ones[:, None].expand(6, 6), hard)
    assert true.item() == pytest.approx(false.item())  # what a clip alone says tells nothing
    true, false = halves(ones, ones[None].expand(6, 6), hard)
    assert true.item() == pytest.approx(false.item())  # nor what a window alone says


def test_scores_equal_hand_made_ones():
    collected = KindScores()
    logits = torch.tensor([[1.0, -2.0], [3.0, 2.0]])
    which = torch.tensor([[False, True], [True, False]])
    collected.add(logits, {"easy": which, "hard": ~which & False, "super_hard": ~which & False})
    scores = dict(collected.scores())
    assert scores["accuracy_easy"] == pytest.approx(0.75)
    assert scores["choice_easy"] == pytest.approx(0.5)
    assert scores["auc_easy"] == pytest.approx(0.5)  # 1 > -2, 1 < 3, 2 > -2, 2 < 3
    assert "accuracy_hard" not in scores


def test_the_vector_of_a_moment_knows_the_neighbouring_moments_alone():
    torch.manual_seed(0)
    head, features = PerMoment(inputs=40, moments=10, dim=30), torch.randn(1, 40)
    other = features.clone().view(1, 4, 10)
    other[:, :, 7] += 1
    changed = (head(features) != head(other.flatten(1))).view(3, 10).any(0)
    assert changed.nonzero().flatten().tolist() == [6, 7, 8]
    with pytest.raises(ValueError, match="cannot be split into 7 moments"):
        PerMoment(inputs=40, moments=7, dim=28)


def test_being_in_step_is_learned_and_without_the_cue_stays_at_chance():
    scores = {}
    for cue in (True, False):
        method = made(hard=0.5, dim=8 * FRAMES, moments=FRAMES, gap=0.0).train()
        optimiser = torch.optim.AdamW(method.parameters(), lr=1e-2)
        for step in range(60):
            loss = method(ticking(8, step, cue))["loss"]
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            method.after_step(step + 1, steps=100)
        scores[cue] = method.eval().measure([ticking(32, 1000 + one, cue) for one in range(3)])
    assert scores[True]["auc_hard"] > 0.8
    assert scores[True]["auc_easy"] > 0.8
    assert 0.42 < scores[False]["auc_hard"] < 0.58


def test_one_clip_of_a_recording_is_an_error_that_says_what_to_set():
    with pytest.raises(ValueError, match="set count and frames_per_segment"):
        made()(ticking(4, 0, clips=1))
    with pytest.raises(ValueError, match="together at most 1"):
        made(hard=0.8, super_hard=0.4)


def test_unit_vectors_are_as_far_apart_as_they_are():
    one, other = torch.nn.functional.normalize(torch.randn(2, 5, 8), dim=2)
    assert torch.allclose(between(one, other), torch.cdist(one, other), atol=1e-4)
