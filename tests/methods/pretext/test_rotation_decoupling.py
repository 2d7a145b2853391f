"""Feature decoupling: what cannot be told from upright counts little, and the second half forgets the turn."""

import math

import numpy as np
import pytest
import torch

from avssl.methods import RotationDecoupling
from avssl.methods.banks import noise_entries
from avssl.methods.pretext.rotation import turns
from avssl.methods.pretext.rotation_decoupling import recall, turn_weights
from avssl.nets import SmallNet
from avssl.transforms import Draws

SIDE = 16


def batch_of(pictures, first=0, epoch=0):
    """Return a batch as `Pictures` would make it of uint8 ``(N, 3, H, W)``."""
    key = torch.stack([torch.tensor([0, epoch, first + number]) for number in range(len(pictures))])
    return {"frames": pictures[:, None, None], "key": key}


def lit_from_above(count, rng):
    """Return pictures that are bright above and dark below, each in a colour of its own, before noise."""
    light = np.linspace(200, 50, SIDE)[None, None, :, None] * rng.uniform(0.4, 1.2, (count, 3, 1, 1))
    return torch.from_numpy((light + rng.normal(0, 10, (count, 3, SIDE, SIDE))).clip(0, 255).astype(np.uint8))


def discs(count, rng):
    """Return pictures that look alike from all sides, before noise: discs of one brightness."""
    along = np.linspace(-1, 1, SIDE)
    inside = along[:, None] ** 2 + along[None] ** 2 < rng.uniform(0.3, 0.8, (count, 1, 1, 1))
    shade = np.where(inside, 200, 60) + rng.normal(0, 20, (count, 3, SIDE, SIDE))
    return torch.from_numpy(shade.clip(0, 255).astype(np.uint8))


def small(pictures=64, **settings):
    torch.manual_seed(0)
    return RotationDecoupling(SmallNet(dim=16, width=4), pictures=pictures, **({"noise": 16, "dim": 8} | settings))


def weights_of(method, pictures):
    with torch.no_grad():
        turned, _ = method.halves(turns(pictures.float() / 255))
        return turn_weights(method.estimator(turned), method.gamma).view(-1, 4)


@pytest.fixture(scope="module")
def taught():
    """A method that saw 48 pictures lit from above and 48 discs, many times."""
    rng = np.random.default_rng(0)
    pictures = torch.cat([lit_from_above(48, rng), discs(48, rng)])
    method = small(pictures=96, start=30, apart=0.1)
    optimizer = torch.optim.AdamW(method.parameters(), lr=1e-2)
    for step in range(60):
        chosen = torch.from_numpy(rng.permutation(96)[:32])
        batch = batch_of(pictures[chosen]) | {"key": torch.stack([chosen * 0, chosen * 0 + step, chosen], 1)}
        method(batch)["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
        method.after_step(step + 1, steps=100)
    return method.eval()


def test_pictures_without_an_orientation_count_less_when_turned(taught):
    rng = np.random.default_rng(1)
    lit, round_ones = weights_of(taught, lit_from_above(64, rng)), weights_of(taught, discs(64, rng))
    assert lit[:, 1:].mean() > 0.9
    assert round_ones[:, 1:].mean() < 0.5
    assert (lit[:, 0] == 1).all() and (round_ones[:, 0] == 1).all()


def test_turns_are_told_by_the_first_half_and_change_the_second_little(taught):
    pictures = lit_from_above(64, np.random.default_rng(2))
    with torch.no_grad():
        found = taught(batch_of(pictures))
        first, second = taught.halves(turns(pictures.float() / 255))
    assert found["accuracy"] > 0.9
    assert "apart" not in found  # pictures that were not trained on have no entry
    assert by_turning(second) < 0.5 < 0.8 < by_turning(first)


def by_turning(features):
    """Return the share of the variance of features that lies between the copies of a picture."""
    copies = features.unflatten(0, (-1, 4))
    return ((copies - copies.mean(1, keepdim=True)).var() / copies.flatten(0, 1).var(0).mean()).item()


def test_turns_of_discs_stay_at_chance(taught):
    with torch.no_grad():
        assert taught(batch_of(discs(256, np.random.default_rng(3))))["accuracy"].item() == pytest.approx(
            0.25, abs=0.05
        )


def test_an_undecided_estimate_gives_turned_copies_nothing_and_a_sure_one_all():
    undecided, sure = torch.zeros(4, 4), torch.eye(4) * 40
    assert turn_weights(undecided, 2.0).tolist() == pytest.approx([1, 0, 0, 0], abs=1e-6)
    assert turn_weights(sure, 2.0).tolist() == pytest.approx([1, 1, 1, 1])
    chances = torch.tensor([[0.7, 0.1, 0.1, 0.1], [0.1, 0.5, 0.2, 0.2], [0.5, 0.2, 0.2, 0.1], [0.2, 0.2, 0.2, 0.4]])
    ratios = [None, 3 * 0.1 / 0.9, 1, 3 * 0.2 / 0.8]
    assert turn_weights(chances.log(), 3.0).tolist() == pytest.approx([1] + [1 - r**3 for r in ratios[1:]], abs=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_is_that_of_a_slow_writing(weighted):
    method = small(pictures=20, start=0 if weighted else 1, alike=0.5, apart=2.0)
    method.constant.fill_(7.0)
    for part in method.encoder.modules():
        if isinstance(part, torch.nn.modules.batchnorm._BatchNorm):
            part.eval()  # statistics would otherwise tie pictures together
    pictures = lit_from_above(3, np.random.default_rng(0))
    batch, bank = batch_of(pictures, first=5), method.bank.rows.clone()
    key = torch.cat([batch["key"], torch.zeros(3, 1, dtype=torch.int64)], 1)
    noise = noise_entries(key, batch["key"][:, 2:], 16, 20)
    turned, estimated, alike, apart, stored = [], [], [], [], []
    for number, picture in enumerate(pictures.float() / 255):
        features = [method.encoder(picture.rot90(quarter, (1, 2))[None])[0] for quarter in range(4)]
        for quarter, feature in enumerate(features):
            scores, guess = method.head(feature[:8]).softmax(0), method.estimator(feature[:8]).softmax(0)
            upright = min(1.0, (guess[0] / guess[1:].mean()).item())
            weight = 1 - upright**2 if quarter and weighted else 1
            turned.append(-weight * scores[quarter].log().item())
            estimated.append(-guess[quarter].log().item())
        second = torch.stack([feature[8:] for feature in features])
        alike.append(((second - second.mean(0)) ** 2).mean().item())
        own = method.project(second.mean(0))
        own = own / own.norm()
        stored.append(own.detach())
        chance = lambda entry: (own @ bank[entry] / 0.07).exp().item() / 7.0  # noqa: B023, E731
        cost = -math.log(chance(5 + number) / (chance(5 + number) + 16 / 20))
        cost -= sum(math.log((16 / 20) / (chance(entry) + 16 / 20)) for entry in noise[number].tolist())
        apart.append(cost)
    found = method(batch)
    expected = np.mean(turned) + 0.5 * np.mean(alike) + 2 * np.mean(apart) + np.mean(estimated)
    assert found["loss"].item() == pytest.approx(expected, rel=1e-5)
    moved = torch.nn.functional.normalize(0.5 * bank[5:8] + 0.5 * torch.stack(stored), dim=1)
    assert torch.allclose(method.bank.rows[5:8], moved, atol=1e-6)
    assert torch.equal(method.bank.rows[8:], bank[8:])


def test_without_noise_pictures_are_told_from_the_whole_bank():
    method = small(pictures=20, noise=None)
    means, key = torch.rand(3, 8), torch.tensor([[0, 0, 4, 0], [0, 0, 5, 0], [0, 0, 19, 0]])
    bank, own = method.bank.rows.clone(), torch.nn.functional.normalize(method.project(means), dim=1).detach()
    chances = (own @ bank.T / 0.07).softmax(1)
    costs = [-chances[row, place].log().item() for row, place in enumerate((4, 5, 19))]
    loss = method.contrast(means, key)
    loss.backward()
    assert loss.item() == pytest.approx(np.mean(costs), rel=1e-5)
    method.bank.rows.zero_()
    assert method.contrast(means, key).item() == pytest.approx(math.log(20))


def test_heads_that_cannot_decide_cost_log_four_and_the_estimator_teaches_no_feature():
    method = small(apart=0.0, alike=0.0, start=9)
    for layer in (method.head, method.estimator):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    found = method(batch_of(discs(4, np.random.default_rng(0))))
    assert found["rotation"].item() == pytest.approx(math.log(4))
    found["loss"].backward()
    assert method.estimator.weight.grad.abs().sum() > 0
    assert all(not part.grad.any() for part in method.encoder.parameters())  # the head's weights are zero


def test_weights_begin_after_their_start():
    method, batch = small(start=3), batch_of(discs(4, np.random.default_rng(0)))
    before = method(batch)["rotation"].item()
    method.after_step(3, steps=100)
    assert method(batch)["rotation"].item() < before


def test_the_bank_is_the_same_whatever_batch_a_picture_is_in():
    key = torch.tensor([[0, 0, 4, 0], [0, 0, 9, 0]])
    both, alone = noise_entries(key, key[:, 2:3], 8, 30), noise_entries(key[1:], key[1:, 2:3], 8, 30)
    assert torch.equal(both[1:], alone)
    assert len(Draws(key)) == 2


def test_recall_counts_copies_whose_nearest_is_their_own():
    apart = torch.arange(3.0)[:, None, None] * 10 + torch.rand(3, 4, 2)
    assert recall(apart) == 1.0
    mixed = torch.tensor([[[0.0], [1.0], [50.0], [50.1]], [[0.1], [1.1], [90.0], [99.0]]])
    assert recall(mixed).item() == pytest.approx(4 / 8)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"gamma": 0.0}, "needs gamma and temperature > 0"),
        ({"noise": 0}, "noise >= 1"),
        ({"momentum": 1.0}, r"momentum in \[0, 1\); got 1.0"),
    ],
)
def test_impossible_numbers_are_refused(settings, complaint):
    with pytest.raises(ValueError, match=complaint):
        small(**settings)


def test_features_that_have_no_half_and_banks_that_are_too_small_are_refused():
    with pytest.raises(ValueError, match=r"split in two halves, and encoder\.dim is 9"):
        RotationDecoupling(SmallNet(dim=9, width=4), pictures=4)
    with pytest.raises(ValueError, match="picture number 7 and the bank 6 entries; set pictures to the number of pict"):
        small(pictures=6)(batch_of(discs(8, np.random.default_rng(0))))
