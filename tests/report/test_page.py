"""The page of a run shows whatever there is, and is complete in itself."""

import json
import re

import pytest
from PIL import Image

from avssl.report import write_report
from avssl.report.curves import Axis, svg
from avssl.report.log import read_charts

CONFIG = "method: {name: ShuffleAndLearn, encoder: {name: SmallNet}}\ndata: {name: Videos, source: 'demo:figures'}\n"


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "a run & more"
    folder.mkdir()
    return folder


def log(run, *records):
    (run / "log.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


def test_a_page_needs_nothing_but_a_folder(run):
    text = write_report(run).read_text()
    assert "a run &amp; more" in text
    assert "Nothing is logged yet" in text and "Nothing is measured yet" in text


def test_the_page_asks_nothing_of_the_network(run):
    log(run, {"step": 1, "train/loss": 0.7})
    text = write_report(run).read_text()
    assert not re.search(r"""(src|href)\s*=\s*["'](?!data:)|@import|url\(""", text)


def test_curves_of_training_held_out_and_pixels_share_a_chart(run):
    log(
        run,
        {"step": 1, "train/loss": 0.7, "lr": 0.1, "waiting": None},
        {"step": 2, "train/loss": 0.6, "held_out/loss": 0.65, "held_out/auc": 0.8, "held_out/pixel_auc": 0.55},
        {"step": 2, "loss": 0.8},
    )
    charts = {chart.name: chart for chart in read_charts(run)}
    assert list(charts) == ["loss", "auc", "lr"]
    assert charts["loss"].lines["training"].points == [(1, 0.7), (2, 0.6)]
    assert charts["auc"].chance == 0.5 and charts["auc"].lines["held-out, pixels"].dashed
    text = write_report(run).read_text()
    assert text.count("<svg") == 3 and "learning rate" in text and "0.800" in text


def test_a_line_cut_off_by_an_interruption_is_left_out(run):
    log(run, {"step": 1, "train/loss": 0.7})
    with open(run / "log.jsonl", "a") as file:
        file.write('{"step": 2, "train/lo')
    assert len(read_charts(run)[0].lines["training"].points) == 1


def test_the_last_scores_of_each_evaluator_are_shown_with_protocol_and_pictures(run):
    (run / "config.yaml").write_text(CONFIG)
    (run / "eval").mkdir()
    Image.new("RGB", (4, 4)).save(run / "eval" / "sheet.png")
    record = {
        "evaluator": "KeyPoints",
        "time": "2026-01-01T10:00:00+00:00",
        "seconds": 3,
        "title": "Key <points>",
        "protocol": {"labels": [50, 200], "heads": {"ridge": {"layer": None}}},
        "table": [{"labels": "50", "row": "random", "pck": "48.7"}, {"labels": "50", "row": "trained", "pck": "59.4"}],
        "notes": ["trained is better"],
        "pictures": {"sheet": "eval/sheet.png", "gone": "eval/gone.png"},
    }
    old = record | {"title": "an older one"}
    (run / "scores.jsonl").write_text(json.dumps(old) + "\n" + json.dumps(record) + "\n")
    text = write_report(run).read_text()
    assert "an older one" not in text and "Key &lt;points&gt;" in text
    for word in ("59.4", "50, 200", "ridge: layer: none", "data:image/png;base64,", "trained is better", "SmallNet"):
        assert word in text
    assert text.count("<img") == 1 and text.count("<td>50</td>") == 1


def test_recordings_that_could_not_be_read_are_listed_once(run):
    bad = {"step": 1, "path": "/videos/a<b.mp4", "error": "no video stream"}
    (run / "failures.jsonl").write_text((json.dumps(bad) + "\n") * 2)
    text = write_report(run).read_text()
    assert text.count("a&lt;b.mp4") == 1 and "no video stream" in text


def test_one_point_and_a_flat_curve_can_be_drawn(run):
    log(run, {"step": 5, "train/loss": 0.5}, {"step": 5, "lr": 0}, {"step": 6, "lr": 0})
    for chart in read_charts(run):
        assert "nan" not in svg(chart) and "inf" not in svg(chart)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.52, 0.53), (0, 1000), (3, 3), (-2, 5e6)])
def test_ticks_are_round_few_and_within_the_axis(low, high):
    axis = Axis(low, high, 0, 100)
    ticks = axis.ticks(5)
    assert 2 <= len(ticks) <= 7
    assert all(axis.low - 1e-9 <= tick <= axis.high + 1e-9 for tick in ticks)
