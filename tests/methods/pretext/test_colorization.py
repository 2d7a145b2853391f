"""Colorization: colours become bins as the paper says, rare ones weigh more, and form tells colour where it can."""

import math

import numpy as np
import pytest
import torch

from avssl.methods import Colorization
from avssl.methods.pretext.colorization import annealed, rebalanced, soft
from avssl.methods.rows import features_of
from avssl.nets import SmallNet
from avssl.transforms.lab import bins, lab_from_rgb, rgb_from_lab


def method(**settings):
    torch.manual_seed(0)
    return Colorization(SmallNet(dim=16, width=4), layers=["conv3", "fc"], **settings)


def batch_of(pictures, epoch=0):
    key = torch.stack([torch.tensor([0, epoch, number]) for number in range(len(pictures))])
    return {"frames": pictures[:, None, None], "key": key}


def striped(count, rng, told=True):
    """Return stripes, lying in red and standing in blue; where colour is not told, it is tossed."""
    lying = rng.random(count) < 0.5
    red = lying if told else rng.random(count) < 0.5
    wave = 110 + 60 * np.sign(np.sin(np.arange(16) * math.pi / 2 + 0.1))
    light = np.where(lying[:, None, None], wave[:, None], wave[None])
    colour = np.where(red[:, None], [1.2, 0.7, 0.7], [0.7, 0.8, 1.4])
    return torch.from_numpy((light[:, None] * colour[..., None, None]).clip(0, 255).astype(np.uint8))


def test_an_undecided_head_pays_log_313_whatever_the_weights():
    undecided = method()
    torch.nn.init.zeros_(undecided.head[-1].weight)
    torch.nn.init.zeros_(undecided.head[-1].bias)
    batch = batch_of(striped(8, np.random.default_rng(0)))
    for _ in range(2):
        assert undecided(batch)["loss"].item() == pytest.approx(math.log(313), rel=1e-5)
        undecided.before_epoch(features_of([batch]))


def test_soft_targets_are_those_of_a_loop():
    colours = torch.rand(20, 2) * 100 - 50
    centres = bins()
    for colour, found in zip(colours, soft(colours, centres), strict=True):
        distances = [math.dist(colour.tolist(), centre.tolist()) for centre in centres]
        five = sorted(range(313), key=distances.__getitem__)[:5]
        shares = {place: math.exp(-(distances[place] ** 2) / 50) for place in five}
        expected = [shares.get(place, 0) / sum(shares.values()) for place in range(313)]
        assert found.tolist() == pytest.approx(expected, abs=1e-5)


def test_weights_are_those_of_a_loop_one_on_average_and_rare_colours_weigh_more():
    centres = bins()
    prior = torch.rand(313, generator=torch.Generator().manual_seed(0)) ** 4
    prior /= prior.sum()
    smooth = [0.0] * 313
    for one in range(313):
        kernel = [math.exp(-(math.dist(centres[one].tolist(), other.tolist()) ** 2) / 50) for other in centres]
        for other in range(313):
            smooth[other] += prior[one].item() * kernel[other] / sum(kernel)
    weight = [1 / (share / 2 + 1 / 626) for share in smooth]
    mean = sum(share * each for share, each in zip(smooth, weight, strict=True))
    found = rebalanced(prior, centres)
    assert found.tolist() == pytest.approx([each / mean for each in weight], rel=1e-4)
    assert found[int(np.argmin(smooth))] == found.max()
    assert torch.allclose(rebalanced(prior, centres, uniform=1), torch.ones(313), atol=1e-4)


def test_the_loss_is_that_of_a_slow_writing():
    slow = method().eval()
    batch = batch_of(striped(3, np.random.default_rng(0)))
    slow.before_epoch(features_of([batch]))
    pictures = batch["frames"][:, 0, 0].float() / 255
    lab = lab_from_rgb(pictures)
    scores = slow.scores(torch.stack([slow_grey(light) for light in lab[:, 0]]))
    total = weights = 0.0
    side = 16 // scores.shape[-1]
    for number in range(3):
        for row in range(scores.shape[-2]):
            for column in range(scores.shape[-1]):
                cell = lab[number, 1:, row * side : (row + 1) * side, column * side : (column + 1) * side].mean((1, 2))
                logs = scores[number, :, row, column].log_softmax(0)
                weight = slow.weights()[((slow.bins - cell) ** 2).sum(1).argmin()].item()
                total -= weight * (soft(cell[None], slow.bins)[0] * logs).sum().item()
                weights += weight
    assert slow(batch)["loss"].item() == pytest.approx(total / weights, rel=1e-4)


def slow_grey(light):
    from skimage.color import lab2rgb

    flat = np.stack([light.numpy(), np.zeros(light.shape), np.zeros(light.shape)], -1)
    return torch.from_numpy(lab2rgb(flat)).float().movedim(-1, 0)


def test_the_annealed_mean_goes_from_the_mode_to_the_mean():
    scores, centres = torch.randn(7, 313), bins()
    assert torch.allclose(annealed(scores, centres, 1), scores.softmax(1) @ centres, atol=1e-4)
    assert torch.allclose(annealed(scores, centres, 1e-4), centres[scores.argmax(1)], atol=1e-2)


def test_the_prior_is_the_data_s_taken_once_and_kept_with_the_weights():
    looks, batch = [], batch_of(striped(16, np.random.default_rng(0)))
    first = method()
    for _ in range(2):
        first.before_epoch(lambda extract: looks.append(1) or features_of([{"failures": []}, batch])(extract))
    assert looks == [1] and first.prior.sum().item() == pytest.approx(1)
    second = method()
    second.load_state_dict(first.state_dict())
    second.before_epoch(lambda extract: pytest.fail("looked again"))
    assert torch.equal(first.prior, second.prior) and torch.equal(first.weights(), second.weights())


def learned(told, steps=60):
    rng = np.random.default_rng(0)
    painter = method(hidden=32, rebalance=False)
    optimizer = torch.optim.AdamW(painter.parameters(), lr=1e-2)
    for step in range(steps):
        painter(batch_of(striped(32, rng, told), step))["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
    painter.eval()
    with torch.no_grad():
        return painter, painter(batch_of(striped(128, np.random.default_rng(1), told)))


def test_colour_is_learned_from_form_and_not_where_it_is_tossed():
    painter, scores = learned(told=True)
    assert scores["accuracy"] > 0.9
    pictures = striped(8, np.random.default_rng(2)).float() / 255
    drawn = painter.colorize(pictures)
    plain = pictures.mean(1, keepdim=True)
    assert (drawn - pictures).abs().mean() < 0.5 * (plain - pictures).abs().mean()
    assert learned(told=False)[1]["accuracy"].item() < 0.7


@pytest.mark.parametrize("size", [(7, 9), (33, 20)])
def test_drawn_pictures_keep_size_and_lightness_and_do_not_see_colour(size):
    painter = method().eval()
    pictures = torch.rand(2, 3, *size) * 0.2 + 0.4
    drawn = painter.colorize(pictures)
    assert drawn.shape == pictures.shape
    grey = lab_from_rgb(pictures)
    grey[:, 1:] = 0
    assert torch.allclose(painter.colorize(rgb_from_lab(grey)), drawn, atol=0.02)
    assert (lab_from_rgb(drawn)[:, 0] - lab_from_rgb(pictures)[:, 0]).abs().mean() < 1


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="temperature > 0; got hidden=128, temperature=0"):
        method(temperature=0)
    with pytest.raises(ValueError, match="has no layer 'conv9'"):
        Colorization(SmallNet(dim=8, width=4), layers=["conv9"])


def test_constant_rows_are_the_best_that_one_answer_for_all_cells_reaches():
    painter = method().eval()
    batch = batch_of(striped(6, np.random.default_rng(0)))
    painter.before_epoch(features_of([batch]))
    found = painter(batch)
    colour = torch.nn.functional.adaptive_avg_pool2d(lab_from_rgb(batch["frames"][:, 0, 0].float() / 255)[:, 1:], 4)
    colour = colour.movedim(1, -1).reshape(-1, 2)
    truth, nearest = soft(colour, bins()), torch.cdist(colour, bins()).argmin(1)
    weight = painter.weights()[nearest]
    answer = torch.zeros(313, requires_grad=True)
    optimizer = torch.optim.LBFGS([answer], max_iter=200, line_search_fn="strong_wolfe")

    def cost():
        optimizer.zero_grad()
        loss = (weight * -(truth * answer.log_softmax(0)).sum(1)).sum() / weight.sum()
        loss.backward()
        return loss

    optimizer.step(cost)
    assert found["constant_loss"].item() == pytest.approx(cost().item(), abs=0.02)
    share = max((nearest == place).float().mean().item() for place in nearest.unique())
    assert found["constant_accuracy"].item() == pytest.approx(share)
