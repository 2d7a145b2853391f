"""Self-training: what counts, what is balanced and how, what the data must have, and what a run leaves."""

import pytest
import torch
from every import make
from torch.nn import functional as F

from avssl.losses import both_losses
from avssl.methods import SelfTraining, SelfTrainingPixels
from avssl.nets import SmallNet
from avssl.transforms import ColorJitter, Flip, RandomResizedCrop

NAMES = ["cat", "dog", "owl"]


def method(**settings):
    torch.manual_seed(0)
    return SelfTraining(SmallNet(dim=6, width=2), NAMES, **settings)


def pixels(**settings):
    torch.manual_seed(0)
    made = SelfTrainingPixels(SmallNet(dim=6, width=2), NAMES, ["conv1", "conv2"], (16, 16), **settings)
    for head in made.network.heads:
        torch.nn.init.normal_(head[-1].weight)
    return made


def batch(ratio=2, count=4, **more):
    chance = torch.Generator().manual_seed(1)
    frames = torch.rand(count, 1 + ratio, 1, 3, 16, 16, generator=chance)
    key = torch.tensor([[0, 0, index] for index in range(count)])
    return {"frames": frames, "key": key, "label": torch.tensor([0, 1, 2, -1])[:count]} | more


HARD = torch.tensor([[0, 1], [2, -1], [1, 1], [0, 2]])


def gradients(made, given):
    made.zero_grad()
    made(given)["loss"].backward()
    return {name: one.grad.clone() for name, one in made.named_parameters()}


def test_the_loss_is_that_of_labels_and_that_of_pseudo_labels_by_hand():
    made, given = method(alpha=2.0).eval(), batch(pseudo=HARD)
    ours = made.head(made.encoder(given["frames"][:, 0, 0]))
    theirs = made.head(made.encoder(given["frames"][:, 1:, 0].flatten(0, 1)))
    labelled = F.cross_entropy(ours, given["label"], ignore_index=-1)
    pseudo = F.cross_entropy(theirs, HARD.flatten(), ignore_index=-1)
    made.averages.copy_(torch.tensor([3.0, 1.5]))
    found, means = made(given), 0.997 * made.averages + 0.003 * torch.stack([labelled, pseudo])
    torch.testing.assert_close(found["labelled"], labelled)
    torch.testing.assert_close(found["pseudo"], pseudo)
    torch.testing.assert_close(found["loss"], (labelled + 2 * means[0] / means[1] * pseudo) / 3)
    known = HARD.flatten() >= 0
    assert found["agreement"] == (theirs.argmax(1) == HARD.flatten())[known].float().mean()
    made.averaging = None
    torch.testing.assert_close(made(given)["loss"], both_losses(labelled, pseudo, 2.0))


def test_soft_labels_of_one_class_are_hard_ones():
    shares = F.one_hot(HARD.clamp(min=0), 3).float() * (HARD >= 0)[..., None]
    hard, soft = (method().eval()(batch(pseudo=one)) for one in (HARD, shares))
    for name, value in hard.items():
        torch.testing.assert_close(value, soft[name])


def test_without_weight_a_student_with_statistics_of_its_own_learns_what_labels_alone_teach():
    given = batch(pseudo=HARD)
    plain = {name: value for name, value in given.items() if name != "pseudo"} | {"frames": given["frames"][:, :1]}
    found = [gradients(method(alpha=0.0, together=False).train(), one) for one in (given, plain)]
    assert all(one.equal(found[1][name]) for name, one in found[0].items())
    together = gradients(method(alpha=0.0).train(), given)
    assert any(not one.equal(found[1][name]) for name, one in together.items())


def test_the_running_means_begin_with_the_first_losses_and_move_once_a_step_in_training_alone():
    made, given = method(averaging=0.9).train(), batch(pseudo=HARD)
    seen = []
    for step in (1, 2):
        for key in (0, 1):  # two batches make a step
            found = made(given | {"frames": given["frames"] * (1 - 0.3 * key)})
            seen.append(torch.stack([found["labelled"], found["pseudo"]]).detach())
        before = made.averages.clone()
        made.after_backward(step, 9)
        now = (seen[-2] + seen[-1]) / 2
        torch.testing.assert_close(made.averages, now if step == 1 else 0.9 * before + 0.1 * now)
    kept = made.averages.clone()
    made.eval()(given)
    made.after_backward(3, 9)
    assert made.averages.equal(kept) and "averages" in made.state_dict()


def test_noise_is_on_both_kinds_and_a_teacher_labels_without_any():
    made, given = method(views=[RandomResizedCrop(16, scale=(0.2, 0.5))], dropout=0.5).train(), batch(pseudo=HARD)
    other = given | {"key": given["key"] + torch.tensor([0, 1, 0])}
    assert not made.looks(given)[:, 0].equal(made.looks(other)[:, 0])
    assert not made.looks(given)[:, 1].equal(made.looks(other)[:, 1])
    assert made.predict(given).shape == (12, 3) and not made.predict(given).equal(made.predict(given))  # dropout
    made.eval()
    assert made.predict(given).equal(made.predict(other))


def test_masks_are_labels_of_pixels_and_void_is_none():
    chance = torch.Generator().manual_seed(3)
    mask = torch.randint(0, 3, (4, 16, 16), generator=chance).byte()
    pseudo = torch.randint(0, 3, (4, 2, 16, 16), generator=chance).byte()
    mask[:, :5], pseudo[:, :, :, 9:] = 255, 255
    made, given = pixels().eval(), batch(mask=mask, pseudo=pseudo)
    ours = made.network(given["frames"][:, 0, 0])
    theirs = made.network(given["frames"][:, 1:, 0].flatten(0, 1))
    found = made(given)
    torch.testing.assert_close(found["labelled"], F.cross_entropy(ours, mask.long(), ignore_index=255))
    wanted = F.cross_entropy(theirs, pseudo.long().flatten(0, 1), ignore_index=255)
    torch.testing.assert_close(found["pseudo"], wanted)
    shares = F.one_hot(pseudo.long().clamp(max=2), 3).movedim(-1, 2).float() * (pseudo != 255)[:, :, None]
    torch.testing.assert_close(made(given | {"pseudo": shares})["pseudo"], wanted)
    assert made.predict(given).shape == (12, 3, 16, 16)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"alpha": -1.0}, "alpha of at least 0"),
        ({"averaging": 1.0}, r"averaging in \[0, 1\)"),
        ({"smoothing": 1.0}, r"smoothing and averaging in \[0, 1\)"),
        ({"dropout": 1.0}, r"dropout in \[0, 1\)"),
    ],
)
def test_numbers_that_cannot_be_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        method(**settings)


def test_what_the_data_lack_is_said_in_one_line():
    with pytest.raises(ValueError, match="learns from labels, and the batch has no 'label'"):
        method()({"frames": torch.rand(2, 3, 16, 16)})
    with pytest.raises(ValueError, match="learns from masks, and the batch has no 'mask'"):
        pixels()(batch(ratio=0))
    with pytest.raises(ValueError, match="label 7 is beyond the 3 classes cat, dog, owl"):
        method()(batch(ratio=0, label=torch.tensor([0, 7, 1, 1])))
    with pytest.raises(ValueError, match="at least two classes"):
        SelfTraining(SmallNet(dim=6, width=2), ["cat", "cat"])


def test_a_view_that_moves_pixels_from_their_masks_is_refused():
    with pytest.raises(ValueError, match="Flip moves pixels away from their labels"):
        pixels(views=[ColorJitter(0.4), Flip()])
    assert pixels(views=[ColorJitter(0.4)]).views


def test_facts_say_how_much_pseudo_labels_weigh():
    assert "weigh 1 beside labels" in make("SelfTraining").facts()[0]
    assert "weigh 1 beside labels" in make("SelfTrainingPixels").facts()[0]
