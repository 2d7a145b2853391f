"""V-JEPA and SALT: where gradients go, the teacher, the loss against a loop, and what tells a collapse."""

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from avssl.config import describe
from avssl.methods import SALT, VJEPA
from avssl.methods.masked.hidden_features import nearest_hidden
from avssl.nets import SmallNet, TubeletViT
from avssl.training.export import write_export
from avssl.transforms import BlockMask
from avssl.transforms.token_masks import Hidden

KEY = torch.tensor([[0, 2, index] for index in range(4)])
SMALL = {"width": 12, "depth": 1, "heads": 2}


def net(width=12, **settings):
    return TubeletViT(**({"patch": 4, "depth": 1, "heads": 2, "size": 16, "frames": 4} | settings), width=width)


def make(kind=VJEPA, **settings):
    torch.manual_seed(0)
    return kind(net(), **(SMALL | settings)) if kind is VJEPA else kind(net(), net(18), **(SMALL | settings))


def batch(clips):
    return {"frames": clips, "key": KEY[: len(clips)]}


@pytest.mark.parametrize("kind", [VJEPA, SALT])
@pytest.mark.parametrize("dense", [0.0, 0.5])
def test_the_loss_is_that_of_a_loop_over_masks_clips_and_tokens(kind, dense):
    masks = [BlockMask(2, 0.3, visible=0.3), BlockMask(1, 0.5, equal="random")]
    made, clips = make(kind, masks=masks, dense=dense), torch.rand(2, 4, 3, 16, 16)
    teacher = made.teacher.network if kind is VJEPA else made.teacher
    target = F.layer_norm(teacher.tokens(clips), (teacher.dim,))
    _, draws, _ = made.clips_of(batch(clips))
    total = 0.0
    for number, mask in enumerate(masks):
        visible, hidden = mask(draws, (2, 4, 4))
        places = made.encoder.coordinates((2, 4, 4))
        told = made.prediction.predictor(made.encoder.tokens(clips, visible), visible, hidden, places, number)
        away = nearest_hidden(Hidden(visible, hidden), (2, 4, 4))
        seen, asked = [], []
        for row in range(2):
            for place, token in enumerate([*visible[row].tolist(), *hidden[row].tolist()]):
                error = (told[row, place] - target[row, token]).abs().mean()
                if place < visible.shape[1]:
                    seen.append(error / away[row, place].sqrt())
                else:
                    asked.append(error)
        total = total + torch.stack(asked).mean() + dense * torch.stack(seen).mean()
    torch.testing.assert_close(made(batch(clips))["loss"], total / 2)


def test_the_nearest_hidden_token_is_counted_in_cells():
    parts = Hidden(torch.tensor([[0, 1, 4]]), torch.tensor([[2, 3, 5]]))  # two rows of three
    assert nearest_hidden(parts, (1, 2, 3)).tolist() == [[1.0, 1.0, 1.0]]
    parts = Hidden(torch.tensor([[0, 1]]), torch.tensor([[5]]))
    assert nearest_hidden(parts, (1, 2, 3))[0].tolist() == pytest.approx([5**0.5, 2**0.5])


@pytest.mark.parametrize("kind", [VJEPA, SALT])
def test_no_gradient_reaches_the_teacher_and_the_student_learns(kind):
    made = make(kind)
    made(batch(torch.rand(2, 4, 3, 16, 16)))["loss"].backward()
    assert all(value.grad is None for value in made.teacher.parameters())
    assert all(value.grad is not None for value in made.encoder.parameters())


def test_the_teacher_of_vjepa_is_a_moving_average_and_that_of_salt_stays():
    made = make(momentum=0.75)
    first = {name: value.clone() for name, value in made.encoder.named_parameters()}
    for step in (1, 2):
        with torch.no_grad():
            for value in made.encoder.parameters():
                value.add_(1.0)
        made.after_step(step, 10)
    for name, value in made.teacher.network.named_parameters():  # 0.75 (0.75 a + 0.25 (a + 1)) + 0.25 (a + 2)
        torch.testing.assert_close(value, first[name] + 0.75 * 0.25 + 0.5)
    salt = make(SALT)
    before = {name: value.clone() for name, value in salt.teacher.named_parameters()}
    salt.train().after_step(1, 10)
    assert not salt.teacher.training and all(
        value.equal(before[name]) for name, value in salt.teacher.named_parameters()
    )


def test_a_frozen_teacher_comes_from_an_export(tmp_path):
    teacher = net(18)
    write_export(tmp_path / "encoder.safetensors", describe(teacher), teacher.trunk.state_dict(), {})
    made = SALT(net(), str(tmp_path / "encoder.safetensors"), **SMALL)
    found = made.teacher.state_dict()
    assert all(value.equal(found[name]) for name, value in teacher.state_dict().items())
    assert "encoder.safetensors" in made.facts()[0] and [*made.exports()] == ["encoder"]
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    for path, said in (("none.safetensors", "VideoMAE first"), ("other.safetensors", "does not say which encoder")):
        with pytest.raises(ValueError, match=said):
            SALT(net(), str(tmp_path / path), **SMALL)


@pytest.mark.parametrize("teacher", [SmallNet(dim=8, width=2), net(patch=8), net(tubelet=1)])
def test_a_teacher_of_other_tokens_is_refused(teacher):
    with pytest.raises(
        ValueError, match="teacher: needs a TubeletViT of the student's tokens, clips, 2 frames of 4 x 4"
    ):
        SALT(net(), teacher, **SMALL)


def test_features_that_fall_into_one_direction_are_said_to_collapse():
    made = make().eval()
    clips = torch.rand(4, 4, 3, 16, 16)
    start = {f"train/{name}": value for name, value in made.measure([batch(clips)]).items()}
    assert 1 < start["train/rank"] <= 4 and made.warnings(start, start) == []
    with torch.no_grad():
        made.encoder.network.norm.weight.zero_()
        made.encoder.network.norm.bias.fill_(1.0)
    now = {f"train/{name}": value for name, value in made.measure([batch(clips)]).items()}
    assert now["train/rank"] == pytest.approx(1, abs=1e-3) and now["train/spread"] == pytest.approx(0, abs=1e-3)
    lines = made.warnings({"train/rank": 1.0, "held_out/rank": 3.0}, {"train/rank": 4.0, "held_out/rank": 4.0})
    assert len(lines) == 1 and "train" in lines[0] and "1.0 directions" in lines[0]


def test_one_answer_for_all_clips_is_the_floor():
    made, clips = make().eval(), torch.rand(1, 4, 3, 16, 16).expand(3, -1, -1, -1, -1)
    assert made(batch(clips))["mean_loss"].item() == pytest.approx(0, abs=1e-5)  # all clips are the same
    assert made(batch(torch.rand(3, 4, 3, 16, 16)))["mean_loss"] > 0.01
    assert "mean_loss" not in made.train()(batch(clips))


def test_without_masks_or_with_a_weight_below_0_nothing_is_built():
    for wrong in ({"masks": []}, {"dense": -1.0}):
        with pytest.raises(ValueError, match="needs a mask and dense"):
            make(**wrong)
