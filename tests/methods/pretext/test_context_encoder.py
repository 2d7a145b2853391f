"""The context encoder fills what can be known from around, and nothing else; its loss is that of a slow writing."""

import math

import numpy as np
import pytest
import torch

from avssl.methods import ContextEncoder
from avssl.methods.inputs import pictures_of
from avssl.nets import AlexNet, ResNet, SmallNet
from avssl.nets.inpainting import ChannelwiseFull

SIZE = 16


def keys(count, epoch=0):
    return torch.stack([torch.tensor([0, epoch, number]) for number in range(count)])


def batch_of(pictures, epoch=0):
    return {"frames": pictures[:, None, None], "key": keys(len(pictures), epoch)}


def small(**settings):
    torch.manual_seed(0)
    return ContextEncoder(SmallNet(dim=16, width=8), **{"size": SIZE, "overlap": 1, "width": 8} | settings)


def slopes(count, rng):
    """Return pictures whose light rises along a direction of their own: what is around a hole tells what is in it."""
    along = np.linspace(-1, 1, SIZE)
    angle = rng.uniform(0, 2 * np.pi, (count, 1, 1, 1))
    light = np.cos(angle) * along[:, None] + np.sin(angle) * along[None]
    shade = 128 + 80 * light * rng.uniform(0.5, 1, (count, 3, 1, 1))
    return torch.from_numpy(shade.clip(0, 255).astype(np.uint8))


def of_noise(count, rng):
    return torch.from_numpy(rng.integers(0, 256, (count, 3, SIZE, SIZE), dtype=np.uint8))


def learned(make, steps=70, **settings):
    """Train on pictures that `make` makes, and return the error on others over that of their mean colour."""
    rng, method = np.random.default_rng(0), small(**settings)
    own, *judge = (group["params"] for group in method.parameter_groups())
    optimizers = [torch.optim.AdamW(own, lr=1e-2), *(torch.optim.AdamW(group, lr=1e-3) for group in judge)]
    for step in range(steps):
        found = method(batch_of(make(16, rng), epoch=step))
        (found["loss"] + found.get("adversary_loss", 0)).backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    method.eval()
    with torch.no_grad():
        found = method(batch_of(make(128, np.random.default_rng(1)), epoch=-1))
    return (found["error"] / found["mean_error"]).item()


@pytest.mark.parametrize("hole", ["centre", "blocks", "shapes"])
def test_the_losses_are_those_of_a_slow_writing(hole):
    method = small(hole=hole).eval()
    torch.nn.init.normal_(method.adversary.layers[-1].weight)
    pictures = of_noise(3, np.random.default_rng(0))
    _, own = pictures_of(batch_of(pictures))
    seen = method.fill(pictures.float() / 255, own)
    made = method.decoder(method.encoder.taps(seen.masked, ["conv3"])["conv3"])
    weighted = total = 0.0
    squares, count = 0.0, int(seen.hole.sum()) * 3
    for n in range(3):
        for row in range(SIZE):
            for column in range(SIZE):
                near = seen.hole[n, 0, max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
                weight = 1 if seen.hole[n, 0, row, column] else 10 if near.any() else 0
                error = (made[n, :, row, column] - seen.truth[n, :, row, column]).square().sum().item()
                weighted, total = weighted + weight * 4 * error, total + 3 * weight
                squares += error if weight == 1 else 0.0
    box = slice(3, 13) if hole == "centre" else slice(0, SIZE)
    cut = [pictures[..., box, box] for pictures in (seen.truth, made)]
    yes, no = (method.adversary(pictures).sigmoid() for pictures in cut)
    found = method(batch_of(pictures))
    fooled = -no.log().mean().item()
    assert found["reconstruction"].item() == pytest.approx(weighted / total, rel=1e-4)
    assert found["loss"].item() == pytest.approx(0.999 * weighted / total + 0.001 * fooled, rel=1e-4)
    assert found["adversary_loss"].item() == pytest.approx(-(yes.log().mean() + (1 - no).log().mean()).item(), rel=1e-4)
    assert found["error"].item() == pytest.approx(squares / count, rel=1e-4)
    assert found["told"].item() == pytest.approx(((yes > 0.5).sum() + (no <= 0.5).sum()).item() / 6)


def test_a_judge_that_cannot_decide_costs_log_two_and_twice_that():
    method = small()
    torch.nn.init.zeros_(method.adversary.layers[-1].weight)
    torch.nn.init.zeros_(method.adversary.layers[-1].bias)
    found = method(batch_of(of_noise(4, np.random.default_rng(0))))
    assert found["fooled"].item() == pytest.approx(math.log(2))
    assert found["adversary_loss"].item() == pytest.approx(2 * math.log(2))


def test_each_loss_reaches_its_own_parameters_alone():
    method = small()
    found = method(batch_of(of_noise(4, np.random.default_rng(0))))
    found["loss"].backward(retain_graph=True)
    assert all(parameter.grad is None for parameter in method.adversary.parameters())
    assert all(parameter.grad is not None for parameter in method.decoder.parameters())
    method.zero_grad()
    found["adversary_loss"].backward()
    assert all(parameter.grad is not None for parameter in method.adversary.parameters())
    assert all(parameter.grad is None for name, parameter in method.named_parameters() if "adversary" not in name)


def test_every_parameter_is_in_one_group_and_none_is_marked_without_an_adversary():
    groups = small().parameter_groups()
    assert [group.get("optimizer") for group in groups] == [None, "adversary"]
    assert sum(len(group["params"]) for group in groups) == len(list(small().parameters()))
    (alone,) = small(adversarial=0.0).parameter_groups()
    assert "adversary" not in alone


def test_the_channelwise_layer_is_a_full_layer_for_each_channel():
    layer, maps = ChannelwiseFull(3, 4), torch.rand(2, 3, 2, 2)
    torch.nn.init.normal_(layer.bias)
    for n in range(2):
        for channel in range(3):
            expected = maps[n, channel].flatten() @ layer.weight[channel] + layer.bias[channel]
            torch.testing.assert_close(layer(maps)[n, channel].flatten(), expected)
    assert sum(parameter.numel() for parameter in layer.parameters()) == 3 * 4**2 + 3 * 4


def test_filled_pictures_differ_from_the_truth_in_holes_alone_and_masked_ones_hold_nothing_there():
    method = small().eval()
    shown = method.fill(torch.rand(4, 3, SIZE, SIZE), keys(4))
    outside = ~shown.hole.expand_as(shown.truth)
    assert torch.equal(shown.filled[outside], shown.truth[outside])
    assert torch.equal(shown.masked[outside], shown.truth[outside])
    hidden = (shown.masked - method.encoder.mean)[~outside]
    assert hidden.abs().max() == 0
    again = method.fill(torch.where(outside, shown.truth, torch.rand(())), keys(4))
    assert torch.equal(again.filled, shown.filled)  # what was taken away cannot be seen


@pytest.mark.parametrize(
    ("encoder", "size", "layer"),
    [
        (lambda: SmallNet(dim=16, width=4), 36, None),
        (lambda: SmallNet(dim=16, width=4), 36, "fc"),
        (lambda: ResNet(depth=18), 64, None),
        (AlexNet, 227, None),
    ],
)
def test_every_encoder_with_maps_fills_pictures_of_its_size(encoder, size, layer):
    method = ContextEncoder(encoder(), size=size, hole="centre", layer=layer, width=4).eval()
    assert method.encoder.training is False
    found = method(batch_of(torch.zeros(2, 3, size, size, dtype=torch.uint8)))
    assert all(value.isfinite() for value in found.values())
    if isinstance(method.encoder, AlexNet):
        assert method.decoder.layers[0].weight.shape == (256, 36, 36)  # the paper's 6 x 6 cells of 256 channels


def test_slopes_are_filled_better_than_by_the_mean_colour_and_noise_is_not():
    assert learned(slopes) < 0.3
    assert learned(of_noise, steps=25) > 0.97


def test_pictures_of_another_size_are_refused_with_what_to_do():
    with pytest.raises(ValueError, match=r"fills pictures of 16 x 16 px; got 20 x 24; set its size"):
        small()(batch_of(torch.zeros(2, 3, 20, 24, dtype=torch.uint8)))


def test_impossible_settings_are_refused():
    for settings in ({"share": 1.0}, {"adversarial": -0.1}, {"overlap": -1}, {"width": 0}):
        with pytest.raises(ValueError, match="needs share in"):
            small(**settings)
    with pytest.raises(ValueError, match="has no layer 'conv9'"):
        small(layer="conv9")
