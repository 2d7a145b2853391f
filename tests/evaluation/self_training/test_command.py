"""Rounds of self-training: what learns from what, what goes on exactly, and that the test stays out of it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from avssl import config
from avssl.config import ConfigError
from avssl.data import DataError, FewLabels, Pictures, PseudoMasks, Relabelled, SceneCrops, Scenes, Some, Without
from avssl.evaluation.self_training.command import self_train
from avssl.evaluation.self_training.selection import PseudoLabels
from avssl.methods import SelfTraining, SelfTrainingPixels, SimCLR
from avssl.nets import SmallNet, load_classifier
from avssl.training import AdamW, TrainingError, train
from avssl.transforms import Flip

ROOT = Path(__file__).parents[3]
NAMES = ["blue", "green", "red"]
QUICK = {
    **{"optim": AdamW(lr=2e-2), "steps": 6, "batch_size": 6, "workers": 0, "accelerator": "cpu"},
    **{"tensorboard": False, "measure_items": 6},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return pictures of three colours with noise: 24 to learn from, 9 to test."""
    made = tmp_path_factory.mktemp("colours")
    chance = np.random.default_rng(0)
    for split, count in (("train", 24), ("test", 9)):
        for number in range(count):
            pixels = chance.integers(0, 120, (8, 8, 3), np.uint8)
            pixels[..., 2 - number % 3] += 130
            place = made / split / NAMES[number % 3]
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(place / f"{number}.png")
    return made


def parts(folder):
    whole = Pictures(folder, split="train")
    labelled = FewLabels(whole, each=2)
    return {
        "labelled": labelled,
        "unlabelled": Without(whole, [labelled]),
        "test": Pictures(folder, split="test"),
    }


def method(**settings):
    torch.manual_seed(0)
    return SelfTraining(SmallNet(dim=8, width=4, norm="group"), NAMES, [Flip()], dropout=0.1, **settings)


def learn(folder, out, **settings):
    made = settings.pop("method", None) or method()
    how = settings.pop("pseudo", PseudoLabels())
    return self_train(**{**parts(folder), **QUICK, "method": made, "out": out, "pseudo": how, **settings})


def weights(run):
    return torch.load(run / "last.ckpt", weights_only=True)["method"]


def same(one, other):
    found = weights(one), weights(other)
    return all(value.equal(found[1][name]) for name, value in found[0].items())


@pytest.fixture(scope="module")
def done(folder, tmp_path_factory):
    """Return the folder of two rounds, and their scores."""
    out = tmp_path_factory.mktemp("done")
    return out, learn(folder, out, rounds=2)


def test_teacher_students_and_controls_are_runs_of_their_own_scored_beside_random_and_chance(done):
    out, scores = done
    for name in ("round_0", "round_1", "round_2", "control_pictures"):
        assert load_classifier(out / name / "classifier.safetensors").classes == tuple(NAMES)
    assert not (out / "control").exists()  # the teacher is the control at equal steps
    rows = [row["row"] for row in scores.table]
    assert rows == ["random", "trained", "teacher", "round 1", "labels alone, equal pictures", "chance"]
    assert "trained-teacher/accuracy/low" in scores.numbers
    assert [row["round"] for row in scores.tables["rounds"]] == [1, 2]
    assert scores.tables["rounds"][0]["items"] == 18 and (out / "scores.jsonl").is_file()


def test_a_teacher_of_its_own_makes_the_control_at_equal_steps_run_too(folder, tmp_path):
    scores = learn(folder, tmp_path, teacher=method(), teacher_steps=5)
    rows = [row["row"] for row in scores.table]
    assert rows[3:5] == ["labels alone, equal steps", "labels alone, equal pictures"]
    assert "trained-labels alone, equal steps/accuracy" in scores.numbers
    control = tmp_path / "alone"
    train(method=method(), data=parts(folder)["labelled"], out=control, **QUICK)
    assert same(control, tmp_path / "control")


def test_rounds_that_were_cut_off_anywhere_end_where_uncut_ones_do(folder, done, tmp_path, monkeypatch):
    out, _ = done
    forward = SelfTraining.after_step
    for cut in (3, 4, 7):  # in the teacher, in the first student, in the second

        def stop(self, step, steps, cut=cut, steps_taken=[0]):  # noqa: B006 (counts over all runs)
            forward(self, step, steps)
            steps_taken[0] += 1
            if steps_taken[0] == cut:
                raise KeyboardInterrupt

        monkeypatch.setattr(SelfTraining, "after_step", stop)
        with pytest.raises(KeyboardInterrupt):
            learn(folder, tmp_path, rounds=2, save_every=2)
    monkeypatch.setattr(SelfTraining, "after_step", forward)
    learn(folder, tmp_path, rounds=2)
    assert all(same(out / name, tmp_path / name) for name in ("round_0", "round_1", "round_2"))


def test_two_rounds_at_once_are_one_round_that_goes_on(folder, done, tmp_path):
    learn(folder, tmp_path, rounds=1)
    learn(folder, tmp_path, rounds=2)
    assert all(same(done[0] / name, tmp_path / name) for name in ("round_1", "round_2", "control_pictures"))


def test_the_student_is_the_teacher_of_the_next_round(folder, done):
    out, data = done[0], parts(folder)["unlabelled"]
    for number in (1, 2):
        teacher = load_classifier(out / f"round_{number - 1}" / "classifier.safetensors")
        frames = torch.cat([data[index]["frames"][:, 0] for index in range(len(data))]).float() / 255
        with torch.no_grad():
            wanted = teacher(frames).argmax(1).numpy()
        found = Relabelled(data, out / f"round_{number}" / "pseudo_labels.safetensors")
        assert np.array_equal(found.labels, wanted)


def test_no_item_of_the_test_and_none_with_a_label_gets_a_pseudo_label(folder, done, tmp_path):
    given = parts(folder)
    with pytest.raises(ConfigError, match=r"unlabelled: 9 of its items are of files of test, such as .*Without"):
        learn(folder, tmp_path / "a", unlabelled=Pictures(folder, split="test"))
    with pytest.raises(ConfigError, match="unlabelled: 6 of its items are of files of labelled"):
        learn(folder, tmp_path / "b", unlabelled=Pictures(folder, split="train"))
    with pytest.raises(ConfigError, match="labelled: 3 of its items are of files of test"):
        learn(folder, tmp_path / "c", labelled=FewLabels(Pictures(folder, split="test"), each=1))
    copied = Relabelled(Some(given["unlabelled"], 5), np.zeros(5, int))  # wrapped, it is the same file still
    with pytest.raises(ConfigError, match="files of test"):
        learn(folder, tmp_path / "d", test=copied)
    assert not list(tmp_path.iterdir())  # nothing was begun


def test_the_test_is_first_opened_when_everything_is_learned(folder, tmp_path, monkeypatch):
    opened, look = [], Pictures.__getitem__
    monkeypatch.setattr(
        Pictures, "__getitem__", lambda self, key: opened.append(str(look(self, key)["path"])) or look(self, key)
    )
    learn(folder, tmp_path)
    first = next(place for place, path in enumerate(opened) if "/test/" in path)
    assert all("/test/" in path for path in opened[first:]) and first > 0


def test_true_labels_of_unlabelled_items_change_nothing_that_is_learned(folder, done, tmp_path):
    data = parts(folder)["unlabelled"]
    learn(folder, tmp_path, unlabelled=Relabelled(data, np.zeros(len(data), int)), rounds=1)
    assert same(done[0] / "round_1", tmp_path / "round_1")


def test_what_cannot_be_learned_from_is_said_in_one_line(folder, tmp_path):
    whole = Pictures(folder, split="train")
    one = Relabelled(whole, np.where(np.arange(24) < 4, 0, -1))
    two = Relabelled(whole, np.where(np.arange(24) < 4, np.arange(24) % 2, -1))
    for settings, said in (
        ({"labelled": Some(one, 20), "unlabelled": Without(whole, [Some(one, 20)])}, "of one class"),
        ({"labelled": Some(two, 20), "unlabelled": Without(whole, [Some(two, 20)])}, "labels of 2 of the 3 classes"),
        ({"pseudo": PseudoLabels(threshold=1.0)}, "no item is confident: of 18 none reaches 1"),
        ({"teacher": SelfTraining(SmallNet(dim=4, width=2), ["x", "y"])}, "teacher: is of other classes"),
        ({"method": SimCLR(SmallNet(dim=4, width=2), [[Flip()], [Flip()]])}, "method: is SimCLR; self-training needs"),
        ({"start": tmp_path / "nowhere"}, "nowhere"),
    ):
        with pytest.raises(ValueError, match=said) as found:
            learn(folder, tmp_path / "x", **settings)
        assert "\n" not in str(found.value)


def test_a_folder_of_other_rounds_and_labels_of_other_data_are_refused(folder, done, tmp_path):
    with pytest.raises(ConfigError, match=r"holds rounds that began with another start"):
        learn(folder, done[0], method=SelfTraining(SmallNet(dim=4, width=3), NAMES))
    file = done[0] / "round_1" / "pseudo_labels.safetensors"
    with pytest.raises(DataError, match="labels of data of 18 items, and these have 24"):
        Relabelled(Pictures(folder, split="train"), file)
    with pytest.raises(TrainingError, match=r"optim\.lr"):
        learn(folder, done[0], optim=AdamW(lr=5e-3), rounds=2)


def test_all_begin_with_the_encoder_of_a_run(folder, done, tmp_path):
    learn(folder, tmp_path, start=done[0] / "round_1", optim=AdamW(lr=1e-9))
    begun, learned = weights(done[0] / "round_1"), weights(tmp_path / "round_1")
    torch.testing.assert_close(learned["encoder.trunk.conv1.0.weight"], begun["encoder.trunk.conv1.0.weight"])


def test_soft_labels_are_the_teachers_shares(folder, tmp_path):
    learn(folder, tmp_path, pseudo=PseudoLabels(soft=True, temperature=2.0), ratio=2)
    found = Relabelled(parts(folder)["unlabelled"], tmp_path / "round_1" / "pseudo_labels.safetensors")
    assert found.soft.shape == (18, 3) and np.allclose(found.soft.sum(1), 1, atol=1e-5)
    assert len(json.loads((tmp_path / "round_1" / "pseudo_labels.json").read_text())["row"]) > 5


@pytest.fixture
def scenes(tmp_path):
    """Return annotated pictures: the right half is bright and of class 1."""
    chance, lines = np.random.default_rng(0), ["path,mask,split"]
    for number in range(12):
        pixels = chance.integers(0, 90, (10, 12, 3), np.uint8)
        pixels[:, 6:] += 120
        mask = np.zeros((10, 12), np.uint8)
        mask[:, 6:] = 1
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        Image.fromarray(mask).save(tmp_path / f"{number}_mask.png")
        lines.append(f"{number}.png,{number}_mask.png,{'test' if number > 8 else 'train'}")
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


@pytest.mark.parametrize("soft", [False, True])
def test_pixels_are_labelled_learned_from_and_scored(scenes, tmp_path, soft):
    whole = Scenes(scenes, split="train")
    few = Some(whole, 3)
    torch.manual_seed(0)
    student = SelfTrainingPixels(SmallNet(dim=4, width=4), ["left", "right"], ["conv1"], (8, 8))
    scores = self_train(
        method=student, labelled=SceneCrops(few, (8, 8)), unlabelled=SceneCrops(Without(whole, [few]), (8, 8)),
        test=Scenes(scenes, split="test"), out=tmp_path / "out", pseudo=PseudoLabels(soft=soft, threshold=0.5),
        **(QUICK | {"steps": 8, "batch_size": 3, "optim": AdamW(lr=5e-2)}),
    )  # fmt: skip
    rows = {row["row"]: row for row in scores.table}
    assert list(rows)[:3] == ["random", "trained", "teacher"] and "labels alone, equal pictures" in rows
    assert scores.numbers["trained/miou"] > 0.8 > scores.numbers["always left/miou"]
    assert scores.tables["rounds"][0]["right"] > 0.8
    masks = PseudoMasks(Without(whole, [few]), tmp_path / "out" / "round_1" / "pseudo_masks")
    assert masks.soft == soft and len(masks) == 6
    with pytest.raises(ConfigError, match=r"pseudo\.each: is for classes of items"):
        self_train(
            method=student, labelled=SceneCrops(few, (8, 8)), unlabelled=SceneCrops(Without(whole, [few]), (8, 8)),
            test=Scenes(scenes, split="test"), out=tmp_path / "y", pseudo=PseudoLabels(each=3), **QUICK,
        )  # fmt: skip


@pytest.mark.parametrize("name", ["fashion_mnist", "demo", "voc12"])
def test_shipped_configs_keep_the_test_apart(name):
    settings = config.read(ROOT / "configs" / f"self_training_{name}.yaml")
    labelled = settings["labelled"].get("data") if name != "fashion_mnist" else settings["labelled"]
    left = settings["unlabelled"].get("data") if name != "fashion_mnist" else settings["unlabelled"]
    assert left["name"] == "Without" and labelled in left["others"]
    assert settings["test"]["split"] in ("test", "heldout", "segval2012")


def test_one_process_alone_does_it(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="works in one process"):
        learn(folder, tmp_path)
