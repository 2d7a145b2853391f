"""VideoMAE: what its loss sees and does not see, its floors, its pictures, and what it refuses."""

import pytest
import torch

from avssl.methods import VideoMAE
from avssl.methods.masked.base import mean_of_counted
from avssl.nets import SmallNet, TubeletViT
from avssl.nets.transformer import at
from avssl.transforms import Crop
from avssl.transforms.tubelets import standardised, to_tubelets

KEY = torch.tensor([[0, 2, index] for index in range(3)])


def net(**settings):
    return TubeletViT(**({"patch": 4, "width": 12, "depth": 1, "heads": 2, "size": 16, "frames": 4} | settings))


def method(encoder=None, **settings):
    torch.manual_seed(0)
    return VideoMAE(encoder or net(), **({"ratio": 0.75, "width": 12, "depth": 1, "heads": 2} | settings))


def batch(frames, **more):
    return {"frames": frames, "key": KEY[: len(frames)]} | more


def parts_of(made, clips):
    shown, draws, _ = made.clips_of(batch(clips))
    return made.hide(shown, draws)


@pytest.mark.parametrize("mask", ["tube", "random", "frame"])
def test_the_loss_is_the_mean_over_hidden_blocks_of_a_loop(mask):
    made, clips = method(mask=mask, ratio=0.5), torch.rand(2, 4, 3, 16, 16)
    visible, hidden = parts_of(made, clips)
    told, truth = made.tell(clips, visible, hidden), standardised(to_tubelets(clips, 2, 4))[0]
    errors = [
        (told[row, place] - truth[row, token]).square().mean()
        for row in range(2)
        for place, token in enumerate(hidden[row].tolist())
    ]
    torch.testing.assert_close(made(batch(clips))["loss"], torch.stack(errors).mean())


def test_what_is_hidden_does_not_reach_the_answer_and_what_is_visible_does_not_reach_the_target():
    made, clips = method(), torch.rand(2, 4, 3, 16, 16, requires_grad=True)
    visible, hidden = parts_of(made, clips)
    told = made.tell(clips, visible, hidden)
    (gradient,) = torch.autograd.grad(told.square().sum(), clips)
    blocks = to_tubelets(gradient, 2, 4)
    assert at(blocks, hidden).abs().max() == 0 and at(blocks, visible).abs().min(2).values.max() > 0
    with torch.no_grad():
        kept = torch.zeros(2, 32, dtype=torch.bool).scatter(1, visible, True)
        wanted = at(made.targets(clips), hidden)
        painted = to_tubelets(clips, 2, 4).clone()
        painted[kept] = torch.rand_like(painted[kept])
        assert torch.equal(at(standardised(painted)[0], hidden), wanted)


def test_targets_of_blocks_of_one_colour_are_finite_and_the_mean_scores_about_one():
    clips = torch.rand(3, 4, 3, 16, 16)
    clips[0] = 0.3
    made = method().eval()
    found = made(batch(clips))
    assert all(value.isfinite() for value in found.values())
    alone = made(batch(clips[1:]))
    assert alone["mean_loss"].item() == pytest.approx(31 / 32, abs=1e-3)  # unbiased deviation of 2 x 4 x 4 pixels
    assert alone["copy_loss"].item() == pytest.approx(2 * 31 / 32, abs=0.15)  # noise: blocks have nothing in common
    still = torch.rand(3, 1, 3, 4, 4).repeat(1, 4, 1, 4, 4)
    assert made(batch(still))["copy_loss"].item() == pytest.approx(0, abs=1e-6)  # all blocks are the same


def test_without_normalising_targets_are_the_pixels():
    made, clips = method(normalized=False).eval(), torch.rand(2, 4, 3, 16, 16)
    assert torch.equal(made.targets(clips), to_tubelets(clips, 2, 4))
    assert made(batch(clips))["mean_loss"].item() == pytest.approx(1 / 12, abs=0.01)


def test_of_running_cells_only_the_hidden_tokens_count():
    made, clips = method(decoded=0.5), torch.rand(2, 4, 3, 16, 16)
    before = made(batch(clips))["loss"]
    seen = []
    made.decoder.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[2]))
    made(batch(clips))
    assert seen[0].shape == (2, 16)  # half of 32 tokens
    visible, _ = parts_of(made, clips)
    assert torch.isin(seen[0][0], visible[0]).any() and before.isfinite()


def test_blocks_that_only_pad_a_short_clip_do_not_count():
    made, clips = method(mask="random", ratio=0.5).eval(), torch.rand(2, 4, 3, 16, 16)
    padded, valid = clips.clone(), torch.ones(2, 4, dtype=torch.bool)
    valid[:, 2:] = False
    one = made(batch(padded, valid=valid))["loss"]
    padded[:, 2:] += 0.0
    visible, hidden = parts_of(made, clips)
    told, truth = made.tell(clips, visible, hidden), at(made.targets(clips), hidden)
    errors = (told - truth).square().mean((2, 3))[hidden < 16]
    torch.testing.assert_close(one, errors.mean())
    assert made(batch(clips, valid=torch.zeros(2, 4, dtype=torch.bool)))["loss"] == 0


def test_several_clips_of_an_item_have_masks_of_their_own():
    made, clips = method(), torch.rand(1, 4, 3, 16, 16)
    shown, draws, _ = made.clips_of(batch(clips[:, None].expand(-1, 3, -1, -1, -1, -1)))
    visible, _ = made.hide(shown, draws)
    assert len(shown) == 3 and len({tuple(row) for row in visible.tolist()}) > 1


def test_pictures_are_learned_by_the_same_class_frame_by_frame():
    made = method(net(takes="pictures"))
    pictures = torch.rand(3, 3, 16, 16)
    alone = made(batch(pictures))["loss"]
    assert alone.requires_grad and made.encoder(pictures).shape == (3, 12)
    assert made.clips_of({"frames": torch.rand(2, 5, 3, 16, 16), "key": KEY[:2]})[0].shape == (10, 1, 3, 16, 16)


def test_pictures_of_what_is_filled_in_flatter_with_the_true_mean_and_not_with_the_neighbours():
    made, clips = method(), torch.rand(2, 4, 3, 16, 16) * 0.2
    clips[..., 8:] += 0.8  # the right half is bright
    found = made.fill(batch(clips))
    assert torch.equal(found.truth, clips) and found.hidden.shape == (2, 4, 1, 16, 16)
    seen = ~found.hidden.expand_as(clips)
    for panel in (found.masked, found.honest, found.flattering):
        torch.testing.assert_close(panel[seen], clips[seen])
    assert found.hidden.float().mean() == 0.75
    with torch.no_grad():  # a decoder that knows nothing: what is right comes from the true numbers alone
        made.decoder.outward.weight.zero_()
    nothing = made.fill(batch(clips))
    errors = [(panel - clips)[~seen].square().mean() for panel in (nothing.honest, nothing.flattering)]
    assert errors[1] < 0.006 and errors[0] > 2 * errors[1]


def test_what_counts_is_averaged_and_nothing_gives_0():
    errors, counted = torch.tensor([[1.0, 2, 4]]), torch.tensor([[True, False, True]])
    assert mean_of_counted(errors, counted) == 2.5 and mean_of_counted(errors, ~counted & counted) == 0


@pytest.mark.parametrize(
    ("settings", "frames", "said"),
    [
        ({}, (3, 16), "multiple of 2 frames"),
        ({}, (4, 18), "sides that are multiples of its patch of 4 px"),
        ({"ratio": 0.01}, (4, 16), "nothing to tell"),
        ({"mask": "frame", "ratio": 0.4}, (4, 16), "nothing to tell"),
        ({"views": [Crop(4)], "ratio": 0.9}, (4, 16), "nothing to tell"),
        ({"decoded": 0.5, "views": [Crop(12)]}, (4, 16), "running cells"),
    ],
)
def test_clips_and_masks_that_cannot_be_are_refused_in_one_line(settings, frames, said):
    with pytest.raises(ValueError, match=said) as caught:
        method(**settings)(batch(torch.rand(2, frames[0], 3, frames[1], frames[1])))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", [{"ratio": 1.0}, {"mask": "cube"}, {"decoded": 0.4}, {"width": 13}])
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match="needs"):
        method(**wrong)
    with pytest.raises(ValueError, match="cannot leave any out; use TubeletViT"):
        VideoMAE(SmallNet(dim=8, width=2))
