"""Fine-tuned classifiers as files: they hold what was learned, from the first layer of the head on."""

import pytest
import torch

from avssl.config import ConfigError
from avssl.evaluation import Classification, FineTune
from avssl.features.cache import digest
from avssl.nets import Classifier, ProjectedEncoder, SmallClips, SmallNet, as_encoder, load_classifier
from avssl.training.export import load_encoder
from avssl.transforms import Crop
from tests.evaluation.probes.worlds import Tagged
from tests.evaluation.retrieval.worlds import Colors


def start():
    torch.manual_seed(0)
    return ProjectedEncoder(SmallNet(width=4, dim=8), hidden=6).eval()


def tuned(train=None, test=None, **settings):
    known = {"steps": 20, "batch": 16, "draws": 1, "lr": 3e-3, "head_lr": 1e-2, "quiet": True, "save": True}
    views = [Crop(12)]
    return FineTune(train or Colors(30), test or Colors(12, seed=1), views=views, **(known | settings))


def classified(classifier, test=None, **settings):
    return Classification(test or Colors(12, seed=1), views=[Crop(12)], initialisations=1, quiet=True, **settings)(
        classifier
    )


def test_what_was_fine_tuned_scores_the_same_from_its_file(tmp_path):
    scores = tuned(shots=["all", "50%", 3])(start(), folder=tmp_path / "kept")
    names = {"all": "all", "50%": "50percent", "3": "3_a_class"}
    for shots, name in names.items():
        file = tmp_path / f"{name}_draw1.safetensors"
        found = load_classifier(file)
        assert found.classes == Colors.classes and isinstance(found.inner, ProjectedEncoder)
        assert isinstance(load_encoder(file), Classifier)
        again = classified(found).numbers["trained/accuracy"]
        assert again == scores.numbers[f"trained/fine-tuned/{shots}/accuracy"]
    assert len(list(tmp_path.glob("*.safetensors"))) == 3 and any("3_a_class_draw1" in note for note in scores.notes)


@pytest.mark.parametrize("freeze", [False, True])
def test_the_first_layer_of_the_head_is_where_fine_tuning_starts_and_what_it_moves(tmp_path, freeze):
    encoder = start()
    before = {name: value.clone() for name, value in encoder.trunk.state_dict().items()}
    tuned(freeze=freeze, lr=1e-5, steps=3)(encoder, folder=tmp_path / "kept")
    found = load_classifier(tmp_path / "all_draw1.safetensors").inner.trunk.state_dict()
    for name in ("head1.0.weight", "encoder.trunk.conv1.0.weight"):
        assert encoder.trunk.state_dict()[name].equal(before[name])  # the run's own stays
        assert found[name].equal(before[name]) == freeze
        assert (found[name] - before[name]).abs().max() < 1e-4  # three small steps from there


def test_a_file_that_is_lost_or_of_other_settings_is_written_anew_and_else_left(tmp_path):
    file = tmp_path / "all_draw1.safetensors"
    tuned(steps=2, save=False)(start(), folder=tmp_path / "kept")
    assert not file.exists()
    tuned(steps=2)(start(), folder=tmp_path / "kept")
    first, when = load_classifier(file), file.stat().st_mtime_ns
    tuned(steps=2)(start(), folder=tmp_path / "kept")
    assert file.stat().st_mtime_ns == when
    tuned(steps=3)(start(), folder=tmp_path / "kept")
    assert digest(load_classifier(file)) != digest(first)
    tuned(steps=2)(start(), folder=tmp_path / "kept")  # its scores are kept, its classifier was overwritten
    assert digest(load_classifier(file)) == digest(first)
    file.write_bytes(b"broken")
    tuned(steps=2)(start(), folder=tmp_path / "kept")
    assert digest(load_classifier(file)) == digest(first)


def test_clips_are_saved_too(tmp_path):
    torch.manual_seed(0)
    encoder = SmallClips(widths=(2, 2, 4, 4)).eval()
    scores = tuned(steps=3)(encoder, folder=tmp_path / "kept")
    found = load_classifier(tmp_path / "all_draw1.safetensors")
    assert found.takes == "clips"
    assert classified(found).numbers["trained/accuracy"] == scores.numbers["trained/fine-tuned/all/accuracy"]


def test_what_cannot_be_saved_is_refused_before_anything_is_learned(tmp_path):
    with pytest.raises(ConfigError, match=r"evaluator\.save: there is no folder"):
        tuned()(start())
    with pytest.raises(ConfigError, match="items may have several"):
        tuned(Tagged(12), Tagged(6, seed=1))(start(), folder=tmp_path / "kept")
    bare = as_encoder(torch.nn.Conv2d(3, 4, 3))
    with pytest.raises(ConfigError, match="ModuleEncoder cannot be built again from its settings"):
        tuned()(bare, folder=tmp_path / "kept")


def test_classes_are_matched_by_name_and_unknown_ones_count_as_wrong(tmp_path):
    tuned(steps=50, lr=1e-2)(start(), folder=tmp_path / "kept")
    found = load_classifier(tmp_path / "all_draw1.safetensors")
    plain = classified(found)
    answers = [row["found"] for row in plain.tables["items"] if row["row"] == "trained"]
    assert len(set(answers)) > 1 and set(answers) <= set(Colors.classes)

    class Renamed(Colors):
        classes = ("violet", "green", "red")  # what was red is called violet, what was blue red

    for data in (Colors, Renamed):
        right = [answer == data.classes[item % 3] for item, answer in enumerate(answers)]
        scores = classified(found, data(12, seed=1))
        assert scores.numbers["trained/accuracy"] == pytest.approx(sum(right) / 12)
        assert scores.numbers["chance/accuracy"] == pytest.approx(1 / 3)

    class Others(Colors):
        classes = ("a", "b", "c")

    with pytest.raises(ConfigError, match="the classifier of row 'random' and the test have no class in common"):
        classified(found, Others(12, seed=1))


def test_rows_that_are_no_classifiers_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"row 'trained': needs a classifier, and this is a ProjectedEncoder"):
        classified(start())
    tuned(steps=1)(start(), folder=tmp_path / "kept")
    found = load_classifier(tmp_path / "all_draw1.safetensors")
    rows = classified(found, extra={"teacher": str(tmp_path / "all_draw1.safetensors")})
    assert rows.numbers["teacher/accuracy"] == rows.numbers["trained/accuracy"]
    assert [row["row"] for row in rows.table] == ["random", "trained", "teacher", "chance"]
    with pytest.raises(ConfigError, match="several"):
        classified(found, Tagged(6))
