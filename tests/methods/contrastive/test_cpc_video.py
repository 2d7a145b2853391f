"""DPC: its blocks, its recurrent predictions, its negatives, and what it can learn."""

import math

import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from avssl.methods import DPC
from avssl.nets import SmallClips, SmallNet

WIDTHS = (4, 4, 8, 8)


def made(encoder=None, **settings):
    torch.manual_seed(0)
    method = DPC(encoder or SmallClips(widths=WIDTHS), **{"blocks": 5, "steps": 2, "dim": 6} | settings)
    for part in method.modules():  # without statistics of data, maps hardly differ
        if isinstance(part, _BatchNorm):
            part.momentum = 1.0
    method(torch.rand(8, method.blocks, 3, 32, 32))
    nn.init.normal_(method.target.weight, std=3)
    return method.eval()


def slow(method, clips):
    """Return the loss by loops over clips, predicted blocks, places and candidates."""
    each = clips.shape[1] // method.blocks
    held = []  # of each clip, block and place
    for clip in clips:
        blocks = clip.split(each)
        maps = [method.encoder.taps(block[None], [method.layer])[method.layer][0].mean(1) for block in blocks]
        held.append([[method.target(cell) for cell in one.flatten(1).T] for one in maps])
    seen, losses = method.blocks - method.steps, []
    candidates = [
        (clip, block, place)
        for clip in range(len(clips))
        for block in range(seen, method.blocks)
        for place in range(len(held[0][0]))
    ]
    for clip, one in enumerate(held):
        for place in range(len(one[0])):
            state = torch.zeros(1, 6)
            for block in range(seen):
                state = method.cell(one[block][place].relu()[None], state)
            for block in range(seen, method.blocks):
                asked = method.predict(state)
                logits = {where: float(asked[0] @ held[where[0]][where[1]][where[2]]) for where in candidates}
                losses.append(math.log(sum(map(math.exp, logits.values()))) - logits[clip, block, place])
                state = method.cell(asked.relu(), state)
    return sum(losses) / len(losses)


@torch.no_grad()
def test_the_loss_is_one_softmax_over_clips_places_and_times_with_predictions_fed_back():
    method, clips = made(), torch.rand(3, 10, 3, 32, 32)
    found = method(clips)
    assert abs(found["loss"].item() + math.log(found["chance"].item())) > 0.05
    assert math.isclose(found["loss"].item(), slow(method, clips), rel_tol=1e-5)
    assert math.isclose(found["chance"].item(), 1 / (3 * 2 * 4), rel_tol=1e-6)


@torch.no_grad()
def test_predictions_never_see_the_blocks_that_they_are_of():
    method, clips = made(), torch.rand(2, 10, 3, 32, 32)
    later, earlier = clips.clone(), clips.clone()
    later[:, 6:] = 0
    earlier[:, 4:6] = 0
    predicted = []
    method.predict.register_forward_hook(lambda _module, _inputs, output: predicted.append(output))
    losses = [method(one)["loss"] for one in (clips, later, earlier)]
    before, after, moved = (torch.stack(predicted[first : first + 2]) for first in (0, 2, 4))
    assert before.equal(after) and not torch.allclose(before, moved, atol=1e-3) and losses[0] != losses[1]
    assert not torch.allclose(before[0], before[1], atol=1e-3)  # the second goes on from the first


@torch.no_grad()
def test_an_encoder_of_pictures_sees_each_frame_of_a_block_and_clips_of_an_item_are_no_negatives():
    method, clips = made(SmallNet(dim=8, width=2)), torch.rand(2, 10, 3, 32, 32)
    assert method.layer == "conv3"
    held = method.targets(clips)
    maps = method.encoder.taps(clips[0, 2:4], ["conv3"])["conv3"].mean(0)
    torch.testing.assert_close(held[0, 1], method.target(maps.flatten(1).T), rtol=1e-4, atol=1e-4)
    found = method(clips[:, None].expand(-1, 2, -1, -1, -1, -1))
    torch.testing.assert_close(found["chance"], method(clips)["chance"] * 2 / 3)  # the other item has two clips


def test_the_cell_and_the_predictor_begin_orthogonal():
    method = made()
    for weight in (method.predict[0].weight, method.predict[2].weight):
        torch.testing.assert_close(weight @ weight.T, torch.eye(6), atol=1e-5, rtol=0)
    assert all((weight == 0).all() for name, weight in method.cell.named_parameters() if "bias" in name)


@pytest.mark.parametrize("frames", [3, 6, 11])
def test_clips_that_cannot_be_cut_in_equal_blocks_are_refused_in_one_line(frames):
    with pytest.raises(ValueError, match=f"^clips of {frames} frames cannot be cut in 5 equal blocks; [^\n]*$"):
        made()(torch.rand(2, frames, 3, 32, 32))


def test_settings_that_cannot_be_are_refused_in_one_line():
    with pytest.raises(ValueError, match="more blocks than steps; got 5, 6 and 5"):
        made(steps=5)
    with pytest.raises(ValueError, match=r"^layer: fc gives no maps; there is conv1, conv2, conv3, fc$"):
        made(SmallNet(dim=8, width=2), layer="fc")
    with pytest.raises(ValueError, match="has no layer 'conv9'"):
        made(layer="conv9")


def films(step, cue):
    """Return clips of one colour each; without the cue, each block has the colour of any clip."""
    chance = torch.Generator().manual_seed(step)
    colours = torch.rand(8, 3, generator=chance)
    blocks = [colours if cue else colours[torch.randperm(8, generator=chance)] for _ in range(3)]
    clips = torch.stack(blocks, 1).repeat_interleave(2, 1)[..., None, None].expand(-1, -1, -1, 16, 16)
    return (clips + 0.05 * torch.randn(clips.shape, generator=chance)).clamp(0, 1)


def test_what_goes_on_is_learned_and_exchanged_blocks_stay_at_chance():
    found = []
    for cue in (True, False):
        torch.manual_seed(0)
        method = DPC(SmallClips(widths=(4, 8, 8, 16)), blocks=3, steps=1, dim=16)
        optimizer = torch.optim.Adam(method.parameters(), lr=3e-3)
        for step in range(40):
            loss = method(films(step, cue))["loss"]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        later = [method(films(step, cue)) for step in range(100, 106)]
        found.append({name: sum(one[name].item() for one in later) / 6 for name in ("loss", "accuracy")})
    assert found[0]["accuracy"] > 0.35 and found[0]["loss"] < 1.5  # chance 1 / 8
    assert found[1]["accuracy"] < 0.3 and found[1]["loss"] > math.log(8) - 0.15
