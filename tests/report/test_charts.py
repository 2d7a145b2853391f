"""Every measure of a method is drawn, with the chance and the floors that the method declares."""

import json

import pytest
import torch

from avssl import methods
from avssl.methods import Method, Rotation
from avssl.nets import SmallNet
from avssl.report import write_report
from avssl.report.curves import overlaid
from avssl.report.log import read_charts
from avssl.report.page import floors_in


def log(run, *records):
    (run / "log.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


def charts_of(run, *records, **floors):
    log(run, *records)
    return {chart.name: chart for chart in read_charts(run, floors=floors)}


def test_floors_that_a_method_declares_stand_beside_its_measure(tmp_path):
    measured = {"held_out/loss": 1.5, "held_out/copy_loss": 2.0, "held_out/adversary_loss": 0.1}
    charts = charts_of(tmp_path, {"step": 0} | measured, copy_loss="loss")
    assert list(charts["loss"].lines) == ["held-out", "held-out, copy"]
    assert charts["loss"].lines["held-out, copy"].dashed and "adversary_loss" in charts
    (tmp_path / "config.yaml").write_text("method: {name: VideoMAE}\n")
    assert "held-out, copy" in write_report(tmp_path).read_text()


def test_two_floors_of_one_side_look_different(tmp_path):
    measured = {"held_out/loss": 1.5, "held_out/copy_loss": 2.0, "held_out/mean_loss": 1.0}
    chart = charts_of(tmp_path, {"step": 0} | measured, copy_loss="loss", mean_loss="loss")["loss"]
    assert [line.faint for line in chart.lines.values()] == [False, False, True]


@pytest.mark.parametrize("floor", ["pixel_accuracy", "pixel_accuracy_plain", "accuracy_chance"])
def test_floors_that_their_name_tells_need_no_declaration(tmp_path, floor):
    charts = charts_of(tmp_path, {"step": 0, "held_out/accuracy": 0.5, f"held_out/{floor}": 0.4})
    assert list(charts) == ["accuracy"] and len(charts["accuracy"].lines) == 2
    assert list(charts_of(tmp_path, {"step": 0, f"held_out/{floor}": 0.4})) == [floor]


def test_the_chance_that_was_logged_is_a_level_or_lines_where_it_differs(tmp_path):
    first = {"step": 0, "train/accuracy": 0.2, "train/chance": 0.25, "held_out/accuracy": 0.3, "held_out/chance": 0.25}
    charts = charts_of(tmp_path, first)
    assert list(charts) == ["accuracy"] and charts["accuracy"].chance == 0.25
    text = write_report(tmp_path).read_text()
    assert "chance 0.25" in text and "held-out, step 0, chance 0.25" in text
    charts = charts_of(tmp_path, first, {"step": 9, "held_out/accuracy": 0.3, "held_out/chance": 0.2})
    assert charts["accuracy"].chance is None
    assert charts["accuracy"].lines["held-out, chance"].points == [(0, 0.25), (9, 0.2)]


def test_each_task_of_several_has_charts_of_its_own_in_the_colours_of_all(tmp_path):
    measured = {"train/A/accuracy": 0.5, "train/A/chance": 0.25, "train/B/accuracy": 0.1, "train/B/pixel_accuracy": 0.3}
    charts = charts_of(tmp_path, {"step": 0} | measured, {"step": 1, "A/accuracy": 0.4, "films/knn_accuracy": 0.9})
    assert list(charts) == ["knn_accuracy", "A/accuracy", "B/accuracy"]
    assert {line.side for line in charts["A/accuracy"].lines.values()} == {"training", "batches"}
    assert charts["A/accuracy"].chance == 0.25 and charts["B/accuracy"].chance is None
    assert charts["A/accuracy"].title == "A: accuracy" and list(charts["B/accuracy"].lines)[1] == "training, pixels"


def test_what_a_method_measures_comes_first_unless_it_never_changes(tmp_path):
    records = [{"step": step, "held_out/returned": 0.1 * step, "held_out/silent": 0, "lr": step} for step in (0, 1)]
    charts = charts_of(tmp_path, *records)
    assert [chart.name for chart in charts.values() if chart.comes_first] == ["returned"]


def test_curves_that_lie_on_each_other_are_told(tmp_path):
    records = [{"step": step, "train/loss": step, "held_out/loss": step + 0.01, "loss": 9 - step} for step in (0, 9)]
    chart = charts_of(tmp_path, *records)["loss"]
    assert overlaid(chart) == ["held-out lies on training."]
    assert "held-out lies on training." in write_report(tmp_path).read_text()
    records[1]["held_out/loss"] = 9.3
    assert overlaid(charts_of(tmp_path, *records)["loss"]) == []


def test_a_method_measures_its_chance():
    torch.manual_seed(0)
    found = Rotation(SmallNet(dim=8, width=2)).eval().measure([torch.rand(2, 3, 16, 16)])
    assert found["chance"] == 0.25 and set(found) == {"accuracy", "chance", "loss"}


def test_what_methods_declare_to_be_floors_is_known_of_every_public_method():
    for name in methods.__all__:
        kind = getattr(methods, name)
        if isinstance(kind, type) and issubclass(kind, Method):
            assert floors_in(f"method: {{name: {name}}}") == dict(kind.floors)
    both = "method: {name: SeveralTasks, methods: [{name: Rotation}, {name: Colorization}]}"
    assert floors_in(both)["grey_error"] == "error" and floors_in("method: 5") == floors_in("- [") == {}
