"""One table of several runs and evaluations."""

import csv
from pathlib import Path

import pytest
import torch

from avssl.config import ConfigError, make, plan, read
from avssl.evaluation import Evaluator, MethodEvaluator
from avssl.evaluation.suite import command
from avssl.evaluation.suite.question import Question
from avssl.evaluation.suite.table import Cell, Column, table_of, to_markdown, to_page
from avssl.features.rows import Recipe
from avssl.features.subject import Subject
from avssl.installed import configs
from avssl.methods import RandomWalk, Rotation
from avssl.nets import MapNet, SmallNet
from avssl.report.scores import Scores

ACCURACY = Column(heading="accuracy", scale=100, digits=1, less=False)
DISTANCE = Column(heading="distance", scale=1, digits=2, less=True)
SUITES = sorted(name for name in configs() if name.startswith("suite_"))


class FirstWeight(Evaluator):
    """Scores a network by its first weight; random weights score a half."""

    name = "first_weight"

    def __init__(self):
        self.asked = []

    def __call__(self, encoder, fresh=None, folder=None, device="cpu"):
        value = float(next(encoder.parameters()).detach().flatten()[0])
        self.asked.append(value)
        found = {"trained/linear/score": value, "random/linear/score": 0.5, "trained-random/linear/score": value - 0.5}
        numbers = found | {"mean pose/score": 0.25, "trained/linear/other": 7.0}
        return Scores(title="", numbers=numbers, protocol={}, table=({"row": "trained"},))


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Make every folder a run whose first weight its name tells, and every question the one of `FirstWeight`."""
    evaluator = FirstWeight()

    def subject(folder, trust=(), export="encoder"):
        torch.manual_seed(0)
        encoder = SmallNet(dim=4, width=1)
        with torch.no_grad():
            next(encoder.parameters()).fill_(float(Path(folder).name))
        return Subject(encoder=encoder, fresh=None, folder=Path(folder))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "find_subject", subject)
    monkeypatch.setattr(Question, "asked", lambda self: {"name": "FirstWeight", "of": self.config})
    monkeypatch.setattr(Question, "evaluator", lambda self: evaluator)
    return evaluator.asked


class OfMethods(MethodEvaluator):
    """Scores methods that can turn; the row stands between two parts of the names of numbers."""

    name = "of_methods"
    needs = Rotation
    lacks = "does not turn"

    def __call__(self, method, fresh, folder=None, device="cpu"):
        assert isinstance(method, Rotation)
        rows = {"trained": 0.75, "random": 0.5, "log-mel": 0.25, "trained-log-mel": 0.5, "trained-random": 0.25}
        numbers = {f"to sound/{row}/score": value for row, value in rows.items()}
        return Scores(title="", numbers=numbers, protocol={}, table=({"row": "trained"},))


@pytest.fixture
def methods(tmp_path, monkeypatch):
    """Make every folder a run of a method, one that turns where its name says so, and the question `OfMethods`."""
    torch.manual_seed(0)
    made = {"turns": Rotation(SmallNet(dim=4, width=1)), "walks": RandomWalk(MapNet(dim=4, width=2), "conv3", 16, 8)}

    def subject(folder, trust=(), export="encoder"):
        return Subject(encoder=made[folder].encoder, fresh=None, folder=Path(folder), run=Path(folder))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "find_subject", subject)
    monkeypatch.setattr(Subject, "method", lambda self: made[self.folder.name])
    monkeypatch.setattr(Subject, "fresh_methods", lambda self: None)
    monkeypatch.setattr(Question, "asked", lambda self: {"name": "OfMethods", "of": self.config})
    evaluator = OfMethods()
    monkeypatch.setattr(Question, "evaluator", lambda self: evaluator)
    return evaluator


OF_ROWS = {"accuracy": "to sound/{row}/score"}


def test_methods_are_asked_and_one_that_cannot_be_has_a_dash_and_a_reason(methods):
    table = command.compare([question(columns=OF_ROWS)], {"a": ["turns"], "b": ["walks"]}, device="cpu")
    assert table == {"a": {"accuracy": (75,)}, "b": {}, "log-mel": {"accuracy": (25,)}, "random": {"accuracy": (50,)}}
    text = Path("runs/compare/table.md").read_text()
    assert "| b | – |" in text and "– in b, accuracy: RandomWalk does not turn." in text
    assert "does not turn" in Path("runs/compare/page.html").read_text()


def test_rows_that_are_left_out_are_not_shown(methods):
    table = command.compare([question(columns=OF_ROWS, without=["log-mel"])], {"a": ["turns"]}, device="cpu")
    assert list(table) == ["a", "random"]


def test_a_table_in_which_nobody_can_be_asked_is_dashes_and_not_an_error(methods):
    assert command.compare([question(columns=OF_ROWS)], {"b": ["walks"]}, device="cpu") == {"b": {}}


def test_what_fails_without_having_been_declared_is_never_a_dash(methods, monkeypatch):
    def fails(self, *arguments, **named):
        raise ConfigError("the data are gone")

    monkeypatch.setattr(OfMethods, "__call__", fails)
    with pytest.raises(ConfigError, match="the data are gone"):
        command.compare([question(columns=OF_ROWS)], {"a": ["turns"]}, device="cpu")


def test_answers_of_methods_are_kept_by_the_weights_of_the_whole_method(methods, monkeypatch):
    asked = []
    ask = OfMethods.__call__
    monkeypatch.setattr(OfMethods, "__call__", lambda self, *a, **k: asked.append(1) or ask(self, *a, **k))
    for _ in range(2):
        command.compare([question(columns=OF_ROWS)], {"a": ["turns"]}, device="cpu")
    assert len(asked) == 1
    head = command.find_subject("turns").method()
    with torch.no_grad():
        next(value for name, value in head.named_parameters() if not name.startswith("encoder")).add_(1)
    command.compare([question(columns=OF_ROWS)], {"a": ["turns"]}, device="cpu")
    assert len(asked) == 2


def test_encoders_of_a_kind_that_an_evaluator_does_not_take_have_a_dash(asked, monkeypatch):
    monkeypatch.setattr(FirstWeight, "takes", ("clips",))
    assert command.compare([question()], {"a": ["0.5"]}, device="cpu") == {"a": {}}
    assert asked == []
    note = "FirstWeight asks encoders of clips; SmallNet takes pictures"
    assert note in Path("runs/compare/table.md").read_text()


def test_encoders_that_cannot_look_at_the_data_so_have_a_dash(asked, monkeypatch):
    monkeypatch.setattr(FirstWeight, "recipe", Recipe(stream="sound"), raising=False)
    assert command.compare([question()], {"a": ["0.5"]}, device="cpu") == {"a": {}}
    assert asked == []
    note = "SmallNet takes pictures, and cannot look at sound"
    assert note in Path("runs/compare/table.md").read_text()


def question(**settings):
    return Question(**{"config": "eval_probe", "columns": {"accuracy": "linear/score"}} | settings)


def test_rows_are_means_over_runs_with_standard_errors_and_floors_come_last(asked):
    table = command.compare([question()], {"ours": ["0.75", "0.5", "1.0"], "theirs": ["0.25"]}, device="cpu")
    assert list(table) == ["ours", "theirs", "random"]
    assert table["ours"]["accuracy"] == (75, 50, 100) and table["random"]["accuracy"] == (50,)
    with open("runs/compare/table.csv") as file:
        rows = {row["row"]: row for row in csv.DictReader(file)}
    assert rows["ours"]["mean"] == "75" and float(rows["ours"]["error"]) == pytest.approx(25 / 3**0.5, rel=1e-5)
    assert rows["theirs"]["error"] == "" and rows["ours"]["runs"] == "3"
    assert all(Path("runs/compare", name).stat().st_size for name in ("table.md", "table.png", "page.html"))


def test_rows_of_runs_share_the_row_of_a_floor_that_is_the_same():
    def answers(accuracy: float, distance: float) -> list:
        return [{"trained": {"accuracy": 1.0}, "random": {"accuracy": accuracy, "distance": distance}}]

    found = {"a": answers(0.5, 3), "b": answers(0.6, 2), "c": answers(0.6, 3), "d": answers(0.6, 2)}
    table = table_of(found, [ACCURACY, DISTANCE])
    assert list(table) == ["a", "b", "c", "d", "random", "random of b, d", "random of c"]
    assert {row: [cell.mean for cell in table[row].values()] for row in list(table)[4:]} == {
        "random": [50, 3],
        "random of b, d": [60, 2],
        "random of c": [60],  # the other is the one of all
    }


def test_what_was_asked_once_is_read_back_and_a_row_may_be_added(asked):
    command.compare([question()], {"a": ["0.5"]}, device="cpu")
    table = command.compare([question()], {"a": ["0.5"], "b": ["0.25"]}, device="cpu")
    assert asked == [0.5, 0.25] and table["b"]["accuracy"] == (25,)
    command.compare([question(config="eval_order")], {"a": ["0.5"]}, device="cpu")
    assert asked == [0.5, 0.25, 0.5]


def test_a_floor_that_stands_elsewhere_is_named(asked):
    floors = {"mean pose: accuracy": "mean pose/score"}
    assert command.compare([question(floors=floors)], {"a": ["0.5"]}, device="cpu")["mean pose"]["accuracy"] == (25,)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"columns": {"accuracy": "liner/score"}}, r"no number 'liner/score' \(did you mean 'linear/score'\?\)"),
        ({"floors": {"mean pose: recall": "mean pose/score"}}, "there is no such column"),
        ({"floors": {"mean pose: accuracy": "mean pose/scores"}}, "no number 'mean pose/scores'"),
    ],
)
def test_a_column_that_no_evaluation_has_is_one_line(asked, settings, told):
    with pytest.raises(ConfigError, match=told):
        command.compare([question(**settings)], {"a": ["0.5"]}, device="cpu")


def test_nothing_to_compare_and_headings_that_are_there_twice_are_one_line_each(asked):
    with pytest.raises(ConfigError, match="runs or configs"):
        command.compare([question()], device="cpu")
    with pytest.raises(ConfigError, match="'accuracy' is there twice"):
        command.compare([question(), question(config="eval_order")], {"a": ["0.5"]}, device="cpu")
    with pytest.raises(ConfigError, match=r"runs\.a: no folder"):
        command.compare([question()], {"a": []}, device="cpu")


def test_a_config_is_trained_once_for_each_seed_with_its_data_too(tmp_path, monkeypatch):
    begun = []

    def build(planned, seed):
        out = Path(planned.arguments["out"])
        begun.append((out.name, planned.arguments["steps"], planned.arguments["seed"], seed))
        out.mkdir(parents=True)
        (out / "encoder.safetensors").touch()

    monkeypatch.setattr(command, "build", build)
    for _ in range(2):
        folders = [command.trained("rho 4", "simclr_frames", seed, ["steps=3"], tmp_path) for seed in (0, 1)]
    assert begun == [("rho_4_0", 3, 0, 0), ("rho_4_1", 3, 1, 1)]
    assert folders == [tmp_path / "runs" / "rho_4_0", tmp_path / "runs" / "rho_4_1"]


def answers(value, chance, heading="accuracy"):
    return {"trained": {heading: value}, "random": {heading: chance}}


def test_above_random_means_two_errors_of_the_difference_over_runs_either_way():
    def above(values, column, chance=0.5):
        found = {"row": [answers(value, chance, column.heading) for value in values]}
        return table_of(found, [column])["row"][column.heading].above

    assert above([0.6, 0.61, 0.62], ACCURACY) is True and above([0.4, 0.6, 0.55], ACCURACY) is False
    assert above([0.4, 0.39, 0.41], DISTANCE) is True and above([0.6, 0.61, 0.62], DISTANCE) is False
    assert above([0.9], ACCURACY) is None


def test_random_weights_of_several_networks_have_a_row_each_and_runs_are_compared_with_their_own():
    found = {"small": [answers(0.6, 0.5), answers(0.61, 0.5)], "large": [answers(0.6, 0.7), answers(0.61, 0.7)]}
    table = table_of(found, [ACCURACY])
    assert table["random"]["accuracy"].mean == 50 and table["random of large"]["accuracy"].mean == 70
    assert table["small"]["accuracy"].above is True and table["large"]["accuracy"].above is False


def test_the_markdown_marks_what_is_above_random_and_what_is_not_there():
    table = {"ours": {"accuracy": Cell(values=(60.0, 61.0), above=True)}, "chance": {"distance": Cell(values=(0.5,))}}
    text = to_markdown(table, [ACCURACY, DISTANCE], ["A note."])
    assert text.splitlines()[0] == "| row | accuracy | distance (less is better) |"
    assert "| ours | **60.5 ± 0.5** | – |" in text and "| chance | – | 0.50 |" in text and text.endswith("A note.\n")


def test_names_in_the_page_are_text_and_the_best_of_a_column_is_darkest():
    table = {"<b>": {"distance": Cell(values=(0.2,))}, "far": {"distance": Cell(values=(0.8,))}}
    page = to_page("A & B", table, [DISTANCE], {"far": ["../far/report.html"]}, [])
    assert "<b>" not in page and "&lt;b&gt;" in page and "A &amp; B" in page and "../far/report.html" in page
    assert page.index("45%") < page.index(" 0%")


@pytest.mark.parametrize("name", SUITES)
def test_every_suite_is_made_of_configs_that_are_there(name):
    settings = read(configs()[name])
    plan("avssl.evaluation.suite.command", "compare", settings)
    assert set(settings["configs"].values()) <= configs().keys()
    for one in settings["questions"]:
        made = make(one | {"name": "Question"}, "avssl.evaluation.suite.question.Question", "questions")
        asked = read(configs()[one["config"]], made.settings)
        plan("avssl.evaluation", "evaluate", asked)
