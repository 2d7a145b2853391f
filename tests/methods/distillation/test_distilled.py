"""Distilled: what the student learns from, what it leaves alone, and what a run leaves."""

import math
from pathlib import Path

import pytest
import torch
from every import Items, make
from torch.nn import functional as F

from avssl import config
from avssl.config import describe
from avssl.data import Dataset, collate
from avssl.losses import distill
from avssl.methods import Distilled
from avssl.nets import Classifier, SmallClips, SmallNet, load_classifier
from avssl.training import SGD, TrainingError, train
from avssl.training.export import load_method, write_export
from avssl.transforms import RandomResizedCrop

NAMES = ["cat", "dog", "owl"]
SETTINGS = {"batch_size": 4, "workers": 0, "accelerator": "cpu", "tensorboard": False}


def teacher(names=NAMES):
    torch.manual_seed(5)
    made = Classifier(SmallNet(dim=8, width=2), names)
    made.train()(torch.rand(8, 3, 32, 32))  # some batch statistics
    return made.eval()


def file_of(folder, made):
    return write_export(folder / "teacher.safetensors", describe(made), made.trunk.state_dict(), {})


def method(given=None, **settings):
    torch.manual_seed(0)
    return Distilled(SmallNet(dim=6, width=2), given or teacher(), **settings)


def batch(label=None, count=4):
    chance = torch.Generator().manual_seed(2)
    key = torch.tensor([[0, 0, index] for index in range(count)])
    found = {"frames": torch.rand(count, 1, 1, 3, 32, 32, generator=chance), "key": key}
    return found if label is None else found | {"label": torch.tensor(label)}


def gradients(made, *given):
    made.zero_grad()
    made(*given)["loss"].backward()
    return {name: value.grad for name, value in made.named_parameters() if value.grad is not None}


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_the_student_follows_the_teacher_at_the_temperature_and_the_teacher_gets_no_gradient(temperature):
    made, pictures = method(temperature=temperature).eval(), batch()["frames"][:, 0, 0]
    student, wanted = made.head(made.encoder(pictures)), teacher()(pictures)
    found = made(batch())
    torch.testing.assert_close(found["loss"], distill(student, wanted, temperature))
    assert found["agreement"] == (student.argmax(1) == wanted.argmax(1)).float().mean()
    reached = gradients(made, batch())
    assert reached.keys() == {name for name, _ in made.named_parameters() if not name.startswith("teacher.")}
    assert all(gradient.abs().sum() > 0 for name, gradient in reached.items() if name.startswith("head."))
    given = made.parameter_groups()[0]["params"]
    assert not {id(one) for one in made.teacher.parameters()} & {id(one) for one in given}


def test_the_teacher_stays_as_it_is_while_the_student_learns():
    made = method().train()
    before = {name: value.clone() for name, value in made.state_dict().items()}
    optimizer = torch.optim.SGD(made.parameters(), lr=0.1)
    made(batch())["loss"].backward()
    optimizer.step()
    assert made.training and made.encoder.training and not any(part.training for part in made.teacher.modules())
    changed = {name for name, value in made.state_dict().items() if not value.equal(before[name])}
    assert any(name.startswith("encoder.") for name in changed)
    assert not any(name.startswith("teacher.") for name in changed)


def test_both_are_shown_the_same_crops():
    made, seen = method(views=[RandomResizedCrop(20, scale=(0.2, 0.5))]).train(), []
    for network in (made.teacher, made.encoder):
        network.register_forward_pre_hook(lambda _network, inputs: seen.append(inputs[0]))
    made(batch())
    assert seen[0].shape == (4, 3, 20, 20) and seen[0].equal(seen[1])


def test_labels_count_by_the_rest_of_alpha_where_there_are_any():
    made, pictures = method(alpha=0.25).eval(), batch()["frames"][:, 0, 0]
    student = made.head(made.encoder(pictures))
    followed = distill(student, teacher()(pictures), 1.0)
    labelled = F.cross_entropy(student[[0, 2]], torch.tensor([2, 1]))
    torch.testing.assert_close(made(batch([2, -1, 1, -1]))["loss"], 0.25 * followed + 0.75 * labelled)
    torch.testing.assert_close(made(batch([-1] * 4))["loss"], 0.25 * followed)
    with pytest.raises(ValueError, match="the batch has no 'label'"):
        made(batch())


def test_labels_change_nothing_that_is_learned_without_alpha():
    one, other, none = (gradients(method(), batch(label)) for label in ([0, 1, 2, 0], [2, 2, -1, 1], None))
    assert all(gradient.equal(other[name]) and gradient.equal(none[name]) for name, gradient in one.items())


def test_labels_are_matched_by_name_and_unknown_ones_are_none():
    ours = method(alpha=0.0).eval()(batch([2, 0, -1, -1]))["loss"]
    theirs = method(alpha=0.0, classes=["owl", "newt", "cat"]).eval()(batch([0, 2, 1, -1]))["loss"]
    torch.testing.assert_close(ours, theirs)


def test_measuring_tells_agreement_beside_its_chance_and_accuracy_where_labels_are():
    made = method().eval()
    student, wanted, _ = made.answers(batch(count=6))
    answer, right = student.argmax(1), wanted.argmax(1)
    label = [int(right[0]), int(right[1]), -1, (int(right[3]) + 1) % 3, -1, -1]
    parts = [{name: value[rows] for name, value in batch(label, 6).items()} for rows in (slice(0, 4), slice(4, 6))]
    scores = made.measure(parts)
    assert scores["agreement"] == pytest.approx((answer == right).float().mean().item())
    assert scores["agreement_chance"] == pytest.approx(right.bincount().max().item() / 6)
    assert scores["teacher_accuracy"] == pytest.approx(2 / 3)
    known = torch.tensor(label)
    assert scores["accuracy"] == pytest.approx((answer == known)[known >= 0].float().mean().item())
    assert scores["loss"] == pytest.approx(made(batch(count=6))["loss"].item())
    assert "accuracy" not in made.measure([batch()]) and "accuracy" not in made.measure([batch([-1] * 4)])


def test_clips_are_seen_by_students_and_teachers_of_either_kind():
    clips = torch.rand(3, 2, 4, 3, 16, 16)
    moving = Classifier(SmallClips(widths=(2, 2, 4, 4)), NAMES)
    for student, given in ((SmallClips(widths=(2, 2, 4, 4)), teacher()), (SmallNet(dim=6, width=2), moving)):
        found = Distilled(student, given, alpha=0.5)({"frames": clips, "label": torch.tensor([0, 1, 2])})
        assert torch.isfinite(found["loss"])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"temperature": 0.0}, "temperature above 0"),
        ({"alpha": 1.5}, r"alpha in \[0, 1\]"),
        ({"classes": ["red", "blue"]}, "classes red, blue are none of the teacher's, cat, dog, owl"),
        ({"classes": [], "alpha": 0.5}, r"alpha=0.5 learns from labels, and classes=\[\] leaves them alone"),
        ({"given": "/nowhere/a.safetensors"}, "there is no file /nowhere/a.safetensors"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_one_line(settings, said):
    with pytest.raises(ValueError, match=said) as found:
        method(**settings)
    assert "\n" not in str(found.value)


def test_labels_of_other_classes_are_refused_before_they_are_learned_from(tmp_path):
    with pytest.raises(ValueError, match="label 3 is beyond the 3 classes cat, dog, owl"):
        method().eval().measure([batch([0, 1, 2, 3])])
    data = Items("Distilled")
    data.classes = ["cat", "owl", "dog"]
    with pytest.raises(
        TrainingError, match=r"data has 3 classes .* such as class 1: 'owl' and 'dog'; set method\.classes"
    ):
        train(method=method(), data=data, optim=SGD(lr=0.1), steps=1, out=tmp_path, **SETTINGS)
    train(method=method(classes=data.classes), data=data, optim=SGD(lr=0.1), steps=1, out=tmp_path, **SETTINGS)


def test_a_run_that_was_cut_off_ends_where_an_uncut_one_does(tmp_path):
    settings = {"data": Items("Distilled"), "optim": SGD(lr=0.05), "steps": 4, "save_every": 2, **SETTINGS}
    path = file_of(tmp_path, teacher())

    def made():
        return method(str(path), views=[RandomResizedCrop(24, scale=(0.3, 1.0))])

    train(method=made(), out=tmp_path / "whole", **settings)
    cut = made()

    def stop(step, _steps):
        if step == 3:
            raise KeyboardInterrupt

    cut.after_step = stop
    with pytest.raises(KeyboardInterrupt):
        train(method=cut, out=tmp_path / "cut", **settings)
    train(method=made(), out=tmp_path / "cut", **settings)
    whole, cut = (torch.load(tmp_path / part / "last.ckpt", weights_only=True)["method"] for part in ("whole", "cut"))
    assert all(value.equal(cut[name]) for name, value in whole.items())
    assert load_method(tmp_path / "cut").head.weight.equal(whole["head.weight"])


def test_the_students_classifier_is_exported_and_can_be_the_next_teacher(tmp_path):
    made = train(
        method=method(str(file_of(tmp_path, teacher()))), data=Items("Distilled"), optim=SGD(lr=0.05), steps=2,
        ema=0.5, out=tmp_path / "run", **SETTINGS,
    )  # fmt: skip
    found = load_classifier(tmp_path / "run" / "classifier.safetensors")
    average = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)["average"]
    assert found.classes == ("cat", "dog", "owl") and found.trunk.logits.weight.equal(average["head.weight"])
    assert all(value.equal(average[f"encoder.{name}"]) for name, value in found.inner.state_dict().items())
    assert all(value.equal(average[f"teacher.{name}"]) for name, value in made.teacher.state_dict().items())
    again = Distilled(SmallNet(dim=4, width=2), tmp_path / "run" / "classifier.safetensors")
    assert again.teacher.trunk.logits.weight.equal(average["head.weight"])


class Colours(Dataset):
    """Pictures of a colour each, without labels; without the cue they are grey noise."""

    def __init__(self, cue=True):
        self.cue = cue

    def __len__(self):
        return 24

    def __getitem__(self, key):
        epoch, index = key if isinstance(key, tuple) else (0, key)
        if not 0 <= index < 24:
            raise IndexError(index)
        chance = torch.Generator().manual_seed(index)
        frames = torch.randint(0, 60, (1, 1, 1, 12, 12), generator=chance).expand(-1, -1, 3, -1, -1).clone()
        frames[:, :, index % 3] += 150 * self.cue
        return {"frames": frames.byte(), "key": torch.tensor([0, epoch, index]), "path": str(index)}


def test_a_student_of_another_architecture_agrees_where_there_is_something_to_agree_on():
    torch.manual_seed(0)
    knows = Classifier(SmallNet(dim=8, width=2), NAMES)
    data = collate([Colours()[index] for index in range(24)])
    optimizer = torch.optim.Adam(knows.parameters(), lr=1e-2)
    for _ in range(30):
        optimizer.zero_grad()
        F.cross_entropy(knows(data["frames"][:, 0, 0] / 255), torch.arange(24) % 3).backward()
        optimizer.step()
    made = Distilled(SmallNet(dim=4, width=3), knows.eval())
    optimizer = torch.optim.Adam(made.parameters(), lr=1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        made.train()(data)["loss"].backward()
        optimizer.step()
    scores = made.eval().measure([data])
    assert scores["agreement"] > 0.9 and scores["agreement_chance"] < 0.5
    grey = made.measure([collate([Colours(cue=False)[index] for index in range(24)])])
    assert grey["teacher_entropy"] > scores["teacher_entropy"]


def test_the_configs_of_distillation_and_of_pre_training_name_no_test_pictures():
    root = Path(__file__).parents[3] / "configs"
    for name in ("simclr_v2_fashion_mnist", "distil_fashion_mnist"):
        settings = config.read(root / f"{name}.yaml")
        assert {part: settings[part]["split"] for part in ("data", "held_out")} == {"data": "train", "held_out": "val"}
        assert settings["method"].get("alpha", 1) == 1
    learned = config.read(root / "eval_finetune_simclr_v2.yaml")["evaluator"]["train"]
    assert learned["split"] == "train"


def write_idx(path, values):
    header = bytes((0, 0, 8, values.ndim)) + b"".join(side.to_bytes(4, "big") for side in values.shape)
    path.write_bytes(header + values.numpy().tobytes())


def test_pre_training_and_distillation_run_where_there_is_no_test_file(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    chance = torch.Generator().manual_seed(0)
    write_idx(folder / "train-images-idx3-ubyte", torch.randint(256, (24, 28, 28), dtype=torch.uint8, generator=chance))
    write_idx(folder / "train-labels-idx1-ubyte", (torch.arange(24) % 10).byte())
    knows = file_of(tmp_path, teacher([str(number) for number in range(10)]))
    words = [f"data.source={folder}", f"held_out.source={folder}", "steps=1", "batch_size=4", "workers=0"]
    words += ["method.encoder.dim=4", "method.encoder.width=2", "accelerator=cpu", "tensorboard=false"]
    for name, own in (("simclr_v2", ["method.hidden=4"]), ("distil", [f"method.teacher={knows}"])):
        file = Path(__file__).parents[3] / "configs" / f"{name}_fashion_mnist.yaml"
        settings = config.read(file, [*words, *own, f"out={tmp_path / name}"])
        config.build(config.plan("avssl.training.loop", "train", settings), seed=0)
        assert (tmp_path / name / "encoder.safetensors").is_file()


def test_facts_name_the_teacher_and_what_is_learned_from():
    assert make("Distilled").facts() == ["teacher: a classifier, SmallNet of 3 classes, at temperature 1; no labels"]
    assert "labels by 0.75 of the loss" in method(alpha=0.25).facts()[0]
    assert math.isclose(method(temperature=0.1).temperature, 0.1)
