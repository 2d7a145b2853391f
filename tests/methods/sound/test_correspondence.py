"""L3-Net, AVE-Net and AVOL-Net: their losses, their shapes, what they can learn, and what they must not."""

import math

import pytest
import torch
from buzzing import SPEC, world
from every import OF_PAIRS, SOUNDING, make

from avssl.methods import AVE, AVOL, L3, CrossModalNCE
from avssl.methods.sound.base import JointEmbedder, Localizer, PairScorer
from avssl.nets import SmallSound, SmallVision, SpectrogramMask
from avssl.transforms import Flip

METHODS = (L3, AVE, AVOL)


def made(kind, seed=0, **settings):
    torch.manual_seed(seed)
    method = kind(SmallVision(widths=(4, 4, 8, 8)), SmallSound(widths=(4, 4, 8, 8), spec=SPEC), **settings)
    with torch.no_grad():
        method.eval().score_pairs(torch.rand(2, 1, 3, 32, 32), torch.randn(2, 1, 1600))  # fills what is lazy
    return method.train()


def train(method, steps, cue=True):
    optimiser = torch.optim.AdamW(method.parameters(), lr=1e-2)
    for step in range(steps):
        loss = method(world(32, step, cue)[0])["loss"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        method.after_step(step + 1, steps=100)
    return method.eval()


@pytest.mark.parametrize("kind", METHODS)
def test_what_belongs_together_is_learned_and_no_cue_stays_at_chance(kind):
    scores = train(made(kind), 60).measure([world(64, 1000)[0], world(64, 1001)[0]])
    assert scores["accuracy_other_class"] > 0.95 and scores["accuracy"] <= scores["ceiling"] + 0.05
    blind = train(made(kind), 30, cue=False).measure([world(64, 1000 + i, cue=False)[0] for i in range(6)])
    assert blind["auc"] == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("negatives", [1, 3, 99])
@pytest.mark.parametrize("kind", METHODS)
def test_the_loss_of_a_batch_equals_a_slow_writing(kind, negatives):
    method = made(kind, negatives=negatives).eval()
    data, _ = world(6, 3)
    from avssl.methods.sound.pairs import partners

    key, count = torch.cat([data["key"], torch.zeros(6, 1, dtype=torch.long)], 1), min(negatives, 5)
    partner = [partners(key, torch.arange(6), places).tolist() for places in range(1, count + 1)]
    total = 0.0
    with torch.no_grad():
        for picture in range(6):
            for sound, truth in ((picture, 1), *((one[picture], 0) for one in partner)):
                logit = method.score_pairs(data["frames"][picture].float()[None, 0] / 255, data["sound"][sound]).item()
                total -= math.log(1 / (1 + math.exp(-logit if truth else logit))) / (12 if truth else 12 * count)
        assert method(data)["loss"].item() == pytest.approx(total, rel=1e-4)


def test_the_sign_of_the_distance_cannot_flip():
    method = made(AVE)
    optimiser = torch.optim.SGD([method.weight], lr=1e3)
    for _ in range(20):  # whatever the gradient says
        pictures, sounds = torch.randn(2, 128), torch.randn(2, 128)
        logits = method.decide(torch.nn.functional.normalize(pictures), torch.nn.functional.normalize(sounds))
        optimiser.zero_grad()
        (-(logits.sum())).backward()
        method.weight.grad.neg_()
        optimiser.step()
    unit = torch.eye(128)[:2]
    near, far = method.decide(unit, unit), method.decide(unit, -unit)
    assert (near >= far).all()


def test_embeddings_are_unit_vectors_of_128_numbers():
    method = made(AVE).eval()
    with torch.no_grad():
        found = [method.embed_pictures(torch.rand(3, 1, 3, 32, 32)), method.embed_sounds(torch.randn(3, 1, 1600))]
    for vectors in found:
        assert vectors.shape == (3, 128)
        torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))


def test_a_distance_of_the_margin_is_undecided_before_training():
    method = made(AVE, margin=1.0)
    angle = torch.tensor(math.pi / 3)  # unit vectors this far apart are at distance 1
    one, other = torch.zeros(1, 128), torch.zeros(1, 128)
    one[0, 0], other[0, 0], other[0, 1] = 1, angle.cos(), angle.sin()
    assert method.decide(one, other).item() == pytest.approx(0, abs=1e-5)


def test_the_map_says_where_the_sound_comes_from():
    method = train(made(AVOL), 80)
    data, top = world(64, 2000)
    with torch.no_grad():
        maps = method.locate(data["frames"][:, 0].float() / 255, data["sound"][:, 0])
    rows = maps.shape[1]
    peak = maps.flatten(1).argmax(1) // maps.shape[2]
    assert ((peak < rows / 2) == top.bool()).float().mean() > 0.9


@pytest.mark.parametrize(("pool", "reached"), [("max", 1), ("logsumexp", 16)])
def test_the_maximum_moves_one_cell_and_the_soft_maximum_all(pool, reached):
    method = made(AVOL, pool=pool).eval()
    cells = torch.randn(1, 1, 128, 4, 4, requires_grad=True)
    method.decide(cells, torch.nn.functional.normalize(torch.randn(1, 128))).sum().backward()
    assert int((cells.grad.abs().sum(2) > 0).sum()) == reached


def test_the_soft_maximum_lies_between_mean_and_maximum_and_sharpens():
    method = made(AVOL, sharp=(1.0, 1000.0), anneal=10).eval()
    cells, sounds = torch.nn.functional.normalize(torch.randn(1, 1, 128, 3, 3), dim=2), torch.zeros(1, 128)
    sounds[0, 0] = 1
    logits = method.compare(cells, sounds).flatten()
    method.after_step(0, steps=100)
    assert logits.mean() - 1e-5 <= method.decide(cells, sounds) <= logits.max()
    method.after_step(10, steps=100)
    assert method.decide(cells, sounds).item() == pytest.approx(logits.max().item(), abs=0.05)


@pytest.mark.parametrize("kind", METHODS)
def test_views_are_drawn_for_training_alone(kind):
    method = made(kind, views=[Flip(1.0)])
    data, _ = world(4, 0)
    seen = []
    method.encoder.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    method(data)
    method.eval()(data)
    torch.testing.assert_close(seen[0], seen[1].flip(-1))


def test_settings_that_cannot_be_are_told():
    with pytest.raises(ValueError, match="has no layer 'conv9'"):
        made(AVOL, layer="conv9")
    with pytest.raises(ValueError, match="pool max or logsumexp"):
        made(AVOL, pool="mean")


@pytest.mark.parametrize("kind", [*METHODS, CrossModalNCE])
def test_masks_hide_strips_in_training_alone_and_depend_on_keys(kind):
    data, _ = world(4, 0)
    losses = []
    for masks in (None, SpectrogramMask(time=20, frequency=8), SpectrogramMask(time=20, frequency=8)):
        method = made(kind, masks=masks)
        losses.append((method.train()(data)["loss"].item(), made(kind, masks=masks).eval()(data)["loss"].item()))
    assert losses[1] == losses[2] and losses[0][0] != losses[1][0] and losses[0][1] == losses[1][1]


def test_methods_answer_what_their_streams_can():
    pairs, space, places = (
        {name for name in SOUNDING if isinstance(make(name), kind)} for kind in (PairScorer, JointEmbedder, Localizer)
    )
    assert pairs == set(OF_PAIRS)
    assert space == {"AVE", "AVTS", "CMA", "CrossModalNCE", "bank"}
    assert places == {"AVOL"}
