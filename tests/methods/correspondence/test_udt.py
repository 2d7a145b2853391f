"""UDT: the cycle closes where nothing is lost, pseudo labels carry no gradient, and weights are those of the paper."""

import pytest
import torch
from torch.nn import functional as F

from avssl.methods import UDT
from avssl.nets import FilterNet, SmallNet

KEYS = torch.tensor([[0, 0, index] for index in range(5)])


def clips(items=5, step=3, seed=0):
    """Return three frames of a texture that moves by (step, -step) px a frame as a whole."""
    chance = torch.Generator().manual_seed(seed)
    wide = F.interpolate(torch.rand(items, 3, 20, 20, generator=chance), (60, 60), mode="bilinear")
    return torch.stack(
        [wide[..., 10 + step * time : 50 + step * time, 10 - step * time : 50 - step * time] for time in range(3)], 1
    )


def udt(**settings):
    torch.manual_seed(0)
    return UDT(FilterNet(dim=8, width=8), **({"layer": "conv2", "size": 21} | settings))


def test_what_moves_is_found_and_the_way_back_ends_at_the_start():
    found = udt(drop=0.0).eval()({"frames": clips()[:, None], "key": KEYS})
    assert found["drift"] == 0 and float(found["moved"].detach()) == pytest.approx(3 * 2**0.5, abs=0.01)
    still = udt(drop=0.0, motion=False).eval()({"frames": clips(step=0)[:, None], "key": KEYS})
    assert still["moved"] == 0 and still["loss"] < 0.05
    noise = udt(drop=0.0, motion=False).eval()(torch.rand(5, 3, 3, 40, 40))
    assert noise["loss"] > 2 * still["loss"] and noise["drift"] > 1


def test_the_gradient_goes_through_the_last_filter_alone(monkeypatch):
    from avssl.methods.correspondence import udt as module

    made = []
    fit = module.fit
    monkeypatch.setattr(module, "fit", lambda *given: made.append(torch.is_grad_enabled()) or fit(*given))
    method = udt()
    method({"frames": clips()[:, None], "key": KEYS})["loss"].backward()
    assert made == [False, False, True]
    assert all(one.grad is not None and one.grad.abs().sum() > 0 for one in method.parameters())


def test_the_worst_share_of_a_batch_does_not_count():
    losses, counts = torch.tensor([1.0, 9.0, 2.0, 5.0, 3.0]), torch.ones(5)
    assert udt(drop=0.2).easier(losses, counts).tolist() == [1, 0, 1, 1, 1]
    assert udt(drop=0.4).easier(losses, counts).tolist() == [1, 0, 1, 0, 1]
    assert udt(drop=0.0).easier(losses, counts).tolist() == [1] * 5
    assert udt(drop=0.9).easier(losses, counts).sum() == 1 and udt(drop=0.9).easier(losses[:1], counts[:1]).sum() == 1
    padded = torch.tensor([1.0, 0.0, 1.0, 1.0, 1.0])
    assert udt(drop=0.2).easier(losses, padded).tolist() == [1, 1, 1, 0, 1]  # what is padded takes no place


def test_still_windows_weigh_less_than_moving_ones():
    frames = torch.cat([clips(1), clips(1, step=0, seed=1).expand(4, -1, -1, -1, -1)])
    frames[0, 2] = torch.rand(3, 40, 40, generator=torch.Generator().manual_seed(1))  # the moving one is lost
    batch = {"frames": frames[:, None], "key": KEYS}
    weighted, plain = (udt(drop=0.0, motion=motion).eval()(batch)["loss"] for motion in (True, False))
    assert weighted > 3 * plain


def test_clips_of_two_frames_and_of_many_are_taken_and_padded_ones_do_not_count():
    assert udt()(torch.rand(2, 2, 3, 40, 40))["loss"].requires_grad
    long = clips()[:, [0, 0, 1, 1, 2]]
    batch = {"frames": long[:, None], "key": KEYS}
    torch.testing.assert_close(
        udt().eval()(batch)["loss"], udt().eval()({"frames": long[:, None, [0, 2, 4]], "key": KEYS})["loss"]
    )
    valid = torch.ones(5, 1, 5, dtype=torch.bool)
    valid[3:, :, 4] = False
    part = {"frames": long[:3, None], "key": KEYS[:3]}
    torch.testing.assert_close(
        udt(drop=0.0).eval()(batch | {"valid": valid})["loss"], udt(drop=0.0).eval()(part)["loss"]
    )


def test_what_cannot_be_is_refused_in_one_line():
    with pytest.raises(ValueError, match="UDT goes from frame to frame and needs clips of at least 2 frames"):
        udt()(torch.rand(2, 3, 40, 40))
    with pytest.raises(ValueError, match=r"frames of 16x16 px hold no window of 21 px"):
        udt()(torch.rand(2, 3, 3, 16, 16))
    with pytest.raises(ValueError, match="gives vectors"):
        UDT(SmallNet(dim=8, width=2), layer="fc")
    with pytest.raises(ValueError, match=r"drop in \[0, 1\)"):
        udt(drop=1.0)
