"""Probing a run: every layer from one read, rows beside it, leaks and gaps refused."""

from copy import deepcopy

import numpy as np
import pytest
import torch

from avssl.config import ConfigError
from avssl.evaluation import Probes
from avssl.evaluation.probes import SVM, KNearest, Linear, NonLinear
from avssl.nets import SmallNet
from tests.evaluation.probes.worlds import Tagged
from tests.evaluation.retrieval.worlds import Colors


def probed(train, test, **settings):
    known = {"probes": [Linear(penalties=(1e-2,)), KNearest(k=5)], "initialisations": 2, "clusters": 1, "quiet": True}
    return Probes(train, test, **(known | settings))(SmallNet(width=4, dim=8))


def test_colours_are_read_from_every_layer_beside_chance_and_baselines():
    scores = probed(Colors(30), Colors(12, seed=1), layers="all")
    assert scores.numbers["pixels/linear/all/output/accuracy"] == 1.0
    assert scores.numbers["chance/accuracy"] == pytest.approx(1 / 3)
    layers = {row["layer"] for row in scores.table if row["row"] == "trained"}
    assert layers == {"conv1", "conv2", "conv3", "fc", "output"}
    assert scores.numbers["k-means/pixels/NMI"] == pytest.approx(1.0)
    assert set(scores.pictures) == {"by_layer", "confusion"}
    assert {"items", "classes", "differences"} == set(scores.tables)


def test_without_a_cue_everything_is_at_chance():
    scores = probed(Colors(90, cue=False), Colors(90, seed=1, cue=False), probes=[Linear()])
    for row in ("random", "trained", "pixels", "hog"):
        assert scores.numbers[f"{row}/linear/all/output/accuracy"] == pytest.approx(1 / 3, abs=0.15)


def test_the_data_are_read_once_for_all_layers_rows_and_probes():
    train, test = Colors(30), Colors(12, seed=1)
    probed(train, test, layers="all")
    assert train.looks == 30 + 30 and test.looks == 12  # the pool of the random rows, and one pass


def test_few_labels_are_drawn_alike_for_every_row():
    scores = probed(Colors(60), Colors(12, seed=1), shots=["10%", 2], draws=2, probes=[KNearest(k=1)])
    assert {row["labels"] for row in scores.table if row["row"] == "trained"} == {"10%", "2"}
    assert scores.numbers["pixels/kNN k=1 cosine T=0.07/2/output/accuracy"] == 1.0


def test_folds_are_each_the_test_once():
    folds = [Colors(12, seed=seed) for seed in range(3)]
    scores = probed(None, None, folds=folds, probes=[Linear(penalties=(1e-2,))])
    assert scores.numbers["pixels/linear/all/output/accuracy"] == 1.0
    assert (
        scores.protocol["data"] == "3 folds of [12, 12, 12]"
        and len({row["path"] for row in scores.tables["items"]}) == 36
    )


@pytest.mark.parametrize("precision", ["voc07", "area"])
def test_several_labels_are_judged_by_average_precision(precision):
    scores = probed(
        Tagged(60), Tagged(24, seed=1), probes=[SVM(costs=(1.0,)), Linear(penalties=(1e-2,))], precision=precision
    )
    assert scores.numbers[f"pixels/SVM/all/output/mAP ({precision})"] > 0.95
    assert scores.numbers[f"chance/mAP ({precision})"] == pytest.approx(0.36, abs=0.05)
    assert scores.table[-1]["row"] == "chance"


def test_what_was_fitted_is_kept_and_not_fitted_again(tmp_path, monkeypatch):
    probes = Probes(Colors(12), Colors(6, seed=1), probes=[Linear()], initialisations=1, clusters=0, quiet=True)
    encoder, initial = SmallNet(width=4, dim=8).eval(), SmallNet(width=4, dim=8)

    def numbers():
        return probes(encoder, lambda seed: deepcopy(initial), tmp_path).numbers

    first = numbers()
    monkeypatch.setattr(Linear, "__call__", lambda *_: pytest.fail("fitted again"))
    assert numbers() == pytest.approx(first, nan_ok=True) and first["pixels/linear/all/output/accuracy"] == 1.0
    probes.seed = 1
    with pytest.raises(pytest.fail.Exception, match="fitted again"):
        numbers()


@pytest.mark.parametrize("probe", [Linear(penalties=(1e-2,)), KNearest(k=3), SVM(costs=(1.0,)), NonLinear(steps=60)])
def test_a_test_set_without_one_of_the_classes_is_read_by_their_names(probe):
    scores = probed(Colors(30), Named(12, ("green", "blue"), seed=1), probes=[probe])
    assert scores.numbers[f"pixels/{probe.name}/all/output/accuracy"] == 1.0
    assert scores.numbers["chance/accuracy"] == pytest.approx(1 / 3)  # red, green and blue are as common
    assert "1 classes of training have no test item: 'red'." in scores.notes
    assert {row["found"] for row in scores.tables["items"] if row["row"] == "pixels"} == {"green", "blue"}


@pytest.mark.parametrize("probe", [Linear(penalties=(1e-2,)), KNearest(k=3), SVM(costs=(1.0,)), NonLinear(steps=60)])
def test_items_of_a_class_that_training_never_saw_count_as_wrong_and_are_told(probe):
    scores = probed(Named(24, ("green", "red"), seed=2), Colors(12, seed=1), probes=[probe])
    name = f"pixels/{probe.name}/all/output"
    assert scores.numbers[f"{name}/accuracy"] == scores.numbers[f"{name}/mean class accuracy"] == pytest.approx(2 / 3)
    assert scores.notes[0] == (
        "4 of 12 test items are of classes without a training item ('blue'): they cannot be right and count as wrong."
    )
    assert {row["found"] for row in scores.tables["items"]} == {"green", "red"}
    unseen = [row for row in scores.tables["items"] if row["truth"] == "blue"]
    assert (
        len(unseen) == 4 * len({row["row"] for row in scores.tables["items"]}) and unseen[0]["score of the truth"] == ""
    )


def test_the_order_of_names_changes_no_score():
    numbers = []
    for train in (Colors(30), Turned(30)):
        torch.manual_seed(0)
        numbers.append(probed(train, Colors(12, seed=1)).numbers)
    assert numbers[1] == pytest.approx(numbers[0], abs=1e-6)


def test_folds_are_matched_by_name():
    folds = [
        Named(12, ("blue", "green", "red")),
        Named(12, ("red", "blue"), seed=1),
        Named(12, ("red", "green"), seed=2),
    ]
    scores = probed(None, None, folds=folds, probes=[Linear(penalties=(1e-2,))])
    assert scores.numbers["pixels/linear/all/output/accuracy"] == 1.0
    assert [note for note in scores.notes if "Fold" in note] == [
        "Fold 2: 1 classes of training have no test item: 'green'.",
        "Fold 3: 1 classes of training have no test item: 'blue'.",
    ]


def test_of_several_labels_a_class_that_training_never_saw_counts_as_nothing():
    scores = probed(Lacking(60), Tagged(24, seed=1), probes=[SVM(costs=(1.0,)), Linear(penalties=(1e-2,))])
    for probe in ("SVM", "linear"):
        assert scores.numbers[f"pixels/{probe}/all/output/mAP (area)"] == pytest.approx(2 / 3, abs=0.03)
    assert "have no training item ('blue'): they cannot be found" in scores.notes[0]


class Named(Colors):
    """Colours of some names alone, numbered in the order given."""

    def __init__(self, count, names, seed=0):
        super().__init__(count, seed)
        self.classes = names

    def __getitem__(self, key):
        index = key[1] if isinstance(key, tuple) else key
        number = index % len(self.classes)
        item = super().__getitem__((0, 3 * index + Colors.classes.index(self.classes[number])))
        return item | {"label": number}


class Turned(Colors):
    """Colours whose classes are numbered the other way round."""

    classes = Colors.classes[::-1]

    def __getitem__(self, key):
        item = super().__getitem__(key)
        return item | {"label": 2 - item["label"]}


class Lacking(Tagged):
    """Never shows blue."""

    def __getitem__(self, key):
        item = super().__getitem__(key)
        return item | {"labels": item["labels"] * torch.tensor([1, 1, 0])}


class Gap(Colors):
    """Shows red and green alone."""

    def __getitem__(self, key):
        index = key[1] if isinstance(key, tuple) else key
        return super().__getitem__((0, index)) | {"label": index % 2}


class Blue(Colors):
    """Shows blue alone."""

    def __getitem__(self, key):
        index = key[1] if isinstance(key, tuple) else key
        return super().__getitem__((0, 3 * index + 2))


class Bare(Colors):
    """Gives its classes no names."""

    classes = ()


class Broken(SmallNet):
    def forward(self, images):
        return super().forward(images) * np.nan


@pytest.mark.parametrize(
    ("train", "test", "settings", "complaint"),
    [
        (Colors(12), Colors(12), {}, r"12 groups .* are in training and in test, such as '0-0.mp4'"),
        (Colors(12, labels=False), Colors(12, seed=1), {}, "12 of the 12 training rows have no class"),
        (Colors(1), Colors(3, seed=1), {}, "one class alone"),
        (
            Gap(12),
            Blue(12, seed=1),
            {},
            r"training and the test have no class in common \('red', 'green'; 'blue'\); classes",
        ),
        (Bare(12), Colors(12, seed=1), {}, r"labels of the training data are numbers without names \('0', '1', '2'\)"),
        (Colors(12), Tagged(12, seed=1), {}, "training have one class each, those of the test several classes; use"),
        (Colors(12), Colors(12, seed=1), {"shots": [9]}, "9 items of each class are asked for, but 'red' has only 4"),
        (Colors(12), Colors(12, seed=1), {"layers": ["conv9"]}, "has no layer 'conv9'"),
    ],
)
def test_what_cannot_be_judged_is_told(train, test, settings, complaint):
    with pytest.raises(ConfigError, match=complaint):
        probed(train, test, **settings)


def test_features_that_are_not_numbers_are_told():
    with pytest.raises(ConfigError, match="features of output are not finite for 12 of 12 rows of the training"):
        Probes(Colors(12), Colors(6, seed=1), initialisations=1, quiet=True)(
            Broken(width=4, dim=8), lambda seed: SmallNet()
        )


def test_shared_groups_may_be_allowed_and_are_told():
    scores = probed(Colors(12), Colors(12), allow_shared_groups=True)
    assert "share groups" in scores.notes[-1] and scores.protocol["shared groups"] is True


def test_without_a_probe_there_is_nothing_to_ask():
    with pytest.raises(ValueError, match="probes: got none; name at least one, such as Linear"):
        Probes(Colors(4), Colors(2, seed=1), probes=[])
