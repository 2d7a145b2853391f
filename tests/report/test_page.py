"""The page of a run shows whatever there is, and is complete in itself."""

import json
import re

import pytest
from PIL import Image

from avssl.report import write_report
from avssl.report.curves import Axis, svg
from avssl.report.log import read_charts
from avssl.report.records import Score

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
    assert not re.search(r"""(src|href)\s*=\s*["'](?!data:|log.jsonl")|@import|url\(""", text)


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


def test_what_monitors_and_methods_of_views_measure_is_drawn_first_with_chance_and_a_sentence(run):
    found = {"monitor/knn_accuracy": 0.7, "monitor/knn_accuracy_chance": 0.1, "films/knn_accuracy": 0.4}
    found |= {"films/knn_accuracy_chance": 0.25, "monitor/rankme": 50.0}
    ranks = {"train/rank": 40.0, "held_out/rank": 41.0, "train/spread": 0.5, "held_out/spread": 0.51}
    log(run, {"step": 0, "luck_chance": 0.3} | found | ranks, {"step": 9} | found | ranks)
    charts = {chart.name: chart for chart in read_charts(run)}
    assert list(charts) == ["knn_accuracy", "spread", "rank", "rankme", "luck_chance"]
    lines = charts["knn_accuracy"].lines
    assert list(lines) == ["monitor", "films", "monitor, chance", "films, chance"]
    assert [line.dashed for line in lines.values()] == [False, False, True, True]
    assert lines["films, chance"].points == [(0, 0.25), (9, 0.25)]
    text = write_report(run).read_text()
    before, _, behind = text.partition("1 more curve")
    assert before.count("<svg") == 4 and behind.count("<svg") == 1
    for chart in ("knn_accuracy", "spread", "rank", "rankme"):
        assert charts[chart].about and charts[chart].about in before
    assert "0.700" in text and "0.510" not in text


def test_warnings_are_shown_the_latest_first(run):
    warned = [{"step": step, "warning": f"warning: <rank> of {step}"} for step in (0, 10)]
    odd = [{"step": "0", "warning": "a"}, {"step": 1}]
    (run / "warnings.jsonl").write_text("".join(json.dumps(one) + "\n" for one in warned + odd))
    text = write_report(run).read_text()
    assert text.index("step 10: &lt;rank&gt; of 10") < text.index("step 0: &lt;rank&gt; of 0")
    assert text.count("names no step and no warning") == 2
    (run / "warnings.jsonl").unlink()
    assert "Warnings" not in write_report(run).read_text()


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


# --- folders of strangers -------------------------------------------------------------------------------------------
SCORE = {"evaluator": "E", "time": "2026-01-01T10:00:00+00:00", "seconds": 1, "title": "T", "table": []}
BAD = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'`{{ 7 * 7 }}"


def scores(run, *records):
    (run / "scores.jsonl").write_text("".join(json.dumps(SCORE | record) + "\n" for record in records))


@pytest.fixture
def outside(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "secret.png")
    (tmp_path / "key").write_text("SECRET")
    (tmp_path / "secret.html").write_text("SECRET")
    return tmp_path


def linked(run, name, target):
    (run / name).symlink_to(target)
    return name


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        (lambda run: "/etc/passwd", "does not lie in the run's folder"),
        (lambda run: str(run.parent / "secret.png"), "does not lie in the run's folder"),
        (lambda run: "../secret.png", "does not lie in the run's folder"),
        (lambda run: "eval/../../secret.png", "does not lie in the run's folder"),
        (lambda run: linked(run, "a.png", run.parent / "secret.png"), "does not lie in the run's folder"),
        (lambda run: linked(run, "up", run.parent) + "/secret.png", "does not lie in the run's folder"),
        (lambda run: linked(run, "round", run / "round"), "is no path"),
        (lambda run: linked(run, "key.png", run.parent / "key"), "does not lie in the run's folder"),
        (lambda run: str((run / "log.jsonl").write_text("x") and "log.jsonl"), "is no PNG or JPEG picture"),
        (lambda run: "a\0b.png", "is no path"),
        (lambda run: "a" * 5000, "is no path"),
        (lambda run: str(run / "in.png"), "does not lie in the run's folder"),
    ],
)
def test_no_file_outside_of_the_run_is_shown(run, outside, where, reason, capsys):
    Image.new("RGB", (4, 4)).save(run / "in.png")
    scores(run, {"pictures": {"bad": where(run), "good": "in.png"}})
    text = write_report(run).read_text()
    assert text.count("data:image") == 1 and "Left out of this page" in text
    said = [line for line in capsys.readouterr().out.splitlines() if "pictures of E" in line]
    assert len(said) == 1 and reason in said[0]


@pytest.mark.parametrize(
    "link",
    ["javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "data:text/html,x", "file:///etc/passwd",
     "//evil.example/x", "../secret.html", "/etc/passwd", "vbscript:x", "java\nscript:alert(1)"],
)  # fmt: skip
def test_links_lead_inside_or_to_the_web_and_nowhere_else(run, outside, link):
    (run / "eval").mkdir()
    (run / "eval" / "a sheet #1.html").write_text("page")
    scores(run, {"pages": {"bad": link, "good": "eval/a sheet #1.html", "web": "https://example.org/?a=1&b=2"}})
    text = write_report(run).read_text()
    assert re.findall(r'<a href="([^"]*)"', text) == ["eval/a%20sheet%20%231.html", "https://example.org/?a=1&amp;b=2"]


def test_names_cannot_become_part_of_the_page(tmp_path):
    run = tmp_path / BAD.replace("/", "")
    run.mkdir()
    Image.new("RGB", (4, 4)).save(run / "p.png")
    log(run, {"step": 1, BAD: 1.0, f"{BAD}/loss": 2.0, f"held_out/pixel_auc{BAD}": 0.5})
    table = [{BAD: BAD, "row": BAD}]
    scores(run, {"evaluator": BAD, "title": BAD, "notes": [BAD], "protocol": {BAD: {BAD: [BAD]}}, "table": table,
                 "pictures": {BAD: "p.png", "b": BAD}, "pages": {BAD: "p.png"}})  # fmt: skip
    (run / "failures.jsonl").write_text(json.dumps({"path": BAD, "error": BAD}) + "\n")
    (run / "config.yaml").write_text(json.dumps({"method": {"name": BAD}, "data": {"source": BAD}}))
    text = write_report(run).read_text()
    assert "<script" not in text and "<img src=x" not in text and "{{ 7 * 7 }}" in text


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "no readable JSON"),
        (b"\xff\xfe", "no readable JSON"),
        (b"[" * 100_000, "no readable JSON"),
        (b'{"a": ' + b"[" * 80 + b"]" * 80 + b"}", "deeper than 64"),
        (b"[]", "is a list, not a record"),
        (b'{"step": "x", "loss": 1}', "names no step"),
        (b'{"step": null}', "names no step"),
        (b'{"step": true}', "names no step"),
        (b'{"step": NaN}', "names no step"),
        (b'{"step": 5, "loss": NaN}', "'loss' is no number that can be drawn"),
        (b'{"step": 5, "loss": Infinity}', "'loss' is no number that can be drawn"),
        (b'{"step": 5, "loss": 1e308}', "'loss' is no number that can be drawn"),
        (b'{"step": 5, "loss": ' + b"9" * 400 + b"}", "'loss' is no number that can be drawn"),
        (b'{"step": 5, "loss": ' + b"9" * 5000 + b"}", "no readable JSON"),
        (b'{"step": 5, "x": "' + b"a" * 5_000_000 + b'"}', "is longer than"),
    ],
    ids=range(15),
)
def test_a_broken_line_of_the_log_is_left_out_and_said(run, line, reason, capsys):
    (run / "log.jsonl").write_bytes(b'{"step": 1, "loss": 1}\n' + line + b'\n{"step": 9, "loss": 2}\n')
    (chart,) = read_charts(run)
    assert chart.lines["batches"].points == [(1, 1), (9, 2)]
    text = write_report(run).read_text()
    assert "nan" not in re.search("<svg.*</svg>", text)[0]
    said = capsys.readouterr().out
    assert "log.jsonl, line 2" in said and reason in said and said.count("\n") == 1


@pytest.mark.parametrize(
    "change",
    [
        {"evaluator": 5}, {"time": "yesterday"}, {"time": "9999-12-31T23:59:59-23:00"}, {"seconds": "long"},
        {"seconds": float("nan")}, {"title": ["a"]}, {"table": [{"a": []}]}, {"table": [{"a": "1"}, {"b": "2"}]},
        {"table": "x"}, {"notes": "x"}, {"protocol": []}, {"pictures": ["a.png"]}, {"pictures": {"a": 5}},
        {"pages": {"a": None}}, {"evaluator": None},
    ],
    ids=str,
)  # fmt: skip
def test_a_score_that_is_none_is_left_out_and_said(run, change, capsys):
    scores(run, {"evaluator": "Other", "title": "the good one"}, change)
    text = write_report(run).read_text()
    assert "the good one" in text and text.count('<section class="card">') == 1
    assert "scores.jsonl, line 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    "config", [b"\xff", b"a: [", b"[" * 2000, b"method: 5", b"method: [a]\ndata: 3", b"- a", b"{}"]
)
def test_a_configuration_that_is_none_leaves_a_page(run, config):
    (run / "config.yaml").write_bytes(config)
    (run / "failures.jsonl").write_bytes(b'{"path": 5}\n[]\n{"path": "a.mp4", "error": "gone"}\n')
    assert "a.mp4" in write_report(run).read_text()


def test_the_commands_of_a_page_are_safe_to_copy(tmp_path):
    run = tmp_path / "x; touch SPRUNG"
    run.mkdir()
    (run / "config.yaml").write_text(CONFIG)
    assert f"tools/train.py &#39;{run}/config.yaml&#39; &#39;out={run}_again&#39;" in write_report(run).read_text()


SESSION = {"began": "2026-01-01T10:00:00+00:00", "from_step": 0, "to_step": 70, "seconds": 100.0, "device": "cpu",
           "machine": "Python 3", "versions": "avssl 1", "commit": "abc"}  # fmt: skip


def test_the_page_tells_how_long_training_took_on_what_and_of_which_commit(run):
    later = SESSION | {"from_step": 70, "to_step": 90, "seconds": 150.0, "device": "cuda:0", "commit": "abc"}
    odd = SESSION | {"began": "yesterday"}
    (run / "sessions.jsonl").write_text("".join(json.dumps(one) + "\n" for one in (SESSION, later, odd, [])))
    text = write_report(run).read_text()
    assert "4 min 10 s for steps 0 to 90, over 2 sessions" in text and "cpu; then cuda:0" in text
    assert text.count("abc") == 1 and "2026-01-01" in text and "names no session" in text
    (run / "sessions.jsonl").unlink()
    assert "not recorded" in write_report(run).read_text()


def test_the_page_of_a_folder_of_runs_names_them_and_promises_no_training_of_its_own(run):
    for name in ("students/b_0", "round 1", "students/b_0/explore"):
        (run / name).mkdir(parents=True)
    for name in ("students/b_0", "round 1"):
        (run / name / "config.yaml").write_text(CONFIG)
    write_report(run / "round 1")
    text = write_report(run).read_text()
    assert "Nothing is logged yet" not in text and "not recorded" not in text
    assert '<a href="round%201/report.html">round 1</a>, students/b_0' in text
    assert "report.py &#39;" in text and "round 1&#39;</pre>" in text  # how the page of one is written
    (run / "config.yaml").write_text(CONFIG)  # then it is a run itself
    text = write_report(run).read_text()
    assert "Nothing is logged yet" in text and "students/b_0" not in text


def test_the_page_leads_to_the_files_of_the_run_and_to_no_others(run, outside):
    (run / "config.yaml").write_text(CONFIG)
    (run / "a b.safetensors").write_bytes(b"x" * 1500)
    (run / "last.ckpt").symlink_to(outside / "key")
    text = write_report(run).read_text()
    assert re.findall(r'<a class="file" href="([^"]*)"', text) == ["a%20b.safetensors", "config.yaml"]
    assert "2 kB" in text


def test_two_questions_of_one_evaluator_are_both_on_the_page(run):
    scores(
        run,
        {"evaluator": "Retrieval", "name": "eval_retrieval", "title": "classes"},
        {"evaluator": "Retrieval", "name": "eval_neighbours", "title": "poses, of before"},
        {"evaluator": "Retrieval", "title": "poses", "name": "eval_neighbours"},
    )
    text = write_report(run).read_text()
    assert "<h3>classes</h3>" in text and "<h3>poses</h3>" in text and "of before" not in text


def test_what_was_asked_is_known_of_older_lines_by_where_they_wrote(tmp_path):
    lines = [SCORE | {"pictures": {"a": "eval_neighbours/a.png"}}, SCORE]
    assert [Score.model_validate(line).asked() for line in lines] == ["eval_neighbours", "E"]
