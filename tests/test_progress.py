"""How far something is: on a terminal of any width, in a file, within each other, and while nothing moves."""

import io
import multiprocessing
import re
import time

import pytest
from rich.cells import cell_len
from rich.console import Console

from avssl import progress
from avssl.progress import Bar, clock, track


class Clock:
    """A clock that a test turns."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture(autouse=True)
def no_other_bars(monkeypatch):
    monkeypatch.setattr(progress, "_lines", [])  # an error that is still looked at holds the bar that it ended


@pytest.fixture
def turned(monkeypatch):
    made = Clock()
    monkeypatch.setattr(progress, "time", made)
    return made


def console(width=80, terminal=False):
    return Console(file=io.StringIO(), width=width, force_terminal=terminal, highlight=False, soft_wrap=True)


def shown(one):
    return one.file.getvalue()


def test_a_file_gets_a_line_now_and_then_with_the_time_left_and_one_at_the_end(turned):
    out = console()
    for _ in track(range(8), "reading test data", console=out):
        turned.now += 20
    assert shown(out).splitlines() == [
        "reading test data 2/8  2:00 left",
        "reading test data 4/8  1:20 left",
        "reading test data 6/8  0:40 left",
        "reading test data 8/8  0:00 left",
        "reading test data 8/8  took 2:40",
    ]


def test_what_is_quick_leaves_no_line_in_a_file(turned):
    out = console()
    assert list(track("abc", "reading", console=out)) == ["a", "b", "c"]
    assert shown(out) == ""


def test_nothing_is_silent_for_a_minute_though_one_item_takes_hours(monkeypatch):
    monkeypatch.setattr(progress, "BEAT", 0.005)
    monkeypatch.setattr(progress, "EVERY", 0.02)
    out = console()
    with Bar("fitting", 3, console=out):
        deadline = time.monotonic() + 300
        while shown(out).count("fitting 0/3  0:00 so far") < 2:
            assert time.monotonic() < deadline
            time.sleep(0.005)


def test_the_time_left_shrinks_while_an_item_takes_its_time(turned):
    with Bar("fitting", 4, console=console()) as bar:
        assert bar.left() == "0:00 so far"
        turned.now += 30
        bar.advance()
        assert bar.left() == "1:30 left"
        turned.now += 20
        assert bar.left() == "1:10 left"
        turned.now += 900
        assert bar.left() == "0:00 left"


def test_a_slow_first_step_says_nothing_about_the_others(turned):
    with Bar("step", 100, begun=10, console=console(), warm_up=1) as bar:
        turned.now += 60
        bar.advance()
        assert bar.left() == "1:00 so far"
        turned.now += 1
        bar.advance()
        assert bar.left() == "1:28 left"
        turned.now += 3
        assert bar.left() == "1:25 left"


def test_the_pace_is_that_of_the_newer_half(turned):
    with Bar("reading", 1000, console=console()) as bar:
        for done in range(1, 601):
            turned.now += 10 if done <= 100 else 1
            bar.advance()
            if done == 3:  # too little to tell a slow start from answers that come several at once
                assert bar.left() == clock(9970) + " left"
        assert bar.left() == "6:40 left" and len(bar._marks) <= progress.MARKS


def test_what_comes_several_at_once_is_no_pace_of_its_own(turned):
    with Bar("fits", 100, console=console()) as bar:
        turned.now += 30
        bar.advance()
        bar.advance()
        assert bar.left() == clock(15 * 98) + " left"


def test_where_nobody_knows_how_much_there_is_the_time_taken_is_told(turned):
    out = console()
    with Bar("KeyPoints", None, console=out) as bar:
        turned.now += 75
        assert bar.parts() == ["KeyPoints", "1:15 so far"] and bar.fitting(79) == "KeyPoints  1:15 so far"
        bar.show()
    assert shown(out).splitlines() == ["KeyPoints  1:15 so far", "KeyPoints  took 1:15"]


def test_what_was_done_before_says_nothing_about_the_pace(turned):
    bar = Bar("step", 100, begun=90, console=console())
    turned.now += 10
    bar.done, bar._last = 95, turned.now
    assert bar.left() == "0:10 left"


@pytest.mark.parametrize("width", [20, 39, 60, 79, 119])
@pytest.mark.parametrize(
    "what", ["step", "a description that is far longer than any line has room for", "見えない" * 20]
)
def test_parts_are_whole_or_not_there_in_any_width(turned, width, what):
    bar = Bar(what, 2000, console=console())
    bar.done, bar.facts = 1000, ["loss 0.5974", "225 images/s", "waiting 4%", "balanced_accuracy 0.9000"]
    text = bar.fitting(width)
    assert cell_len(text) <= width and "1000/2000" in text
    rest = re.sub(r"^[━╌]+ ", "", text).partition("1000/2000")[2]
    assert set(filter(None, rest.split("  "))) <= {bar.left(), *bar.facts}
    drawn = re.match(r"[━╌]*", text)[0]
    assert not drawn or (len(drawn) >= 5 and abs(drawn.count("━") - len(drawn) / 2) <= 0.5)


def test_eighty_columns_hold_step_time_left_loss_speed_and_waiting(turned):
    bar = Bar("step", 2000, console=console())
    bar.done, bar.facts = 1000, ["loss 0.5974", "225 images/s", "waiting 4%", "balanced_accuracy 0.9000"]
    turned.now += 754
    bar._last = turned.now
    assert bar.fitting(79) == "━━━━━━╌╌╌╌╌╌╌ step 1000/2000  12:34 left  loss 0.5974  225 images/s  waiting 4%"


def test_bars_within_each_other_share_one_line_and_the_innermost_is_shown(turned):
    out = console(terminal=True)
    with Bar("outer", 2, console=out) as outer:
        turned.now += 1
        outer.advance()
        for _ in track(range(2), "inner"):
            turned.now += 1
        assert len(progress._lines) == 1
        turned.now += 1
        outer.advance()
    text = shown(out)
    assert text.index("outer 1/2") < text.index("inner 1/2") < text.index("outer 2/2")
    assert not progress._lines


def test_a_line_that_stays_is_whole_whatever_its_signs(turned):
    out = console()
    with Bar("step", 2, console=out) as bar:
        bar.say("runs/[try] \udce9")
    assert shown(out) == "runs/[try] \\udce9\n"


def test_what_is_written_to_a_file_stays_there_while_a_terminal_shows_a_bar(turned, capsys):
    out = console(terminal=True)
    with Bar("reading", 2, console=out):
        print("a result")
    assert capsys.readouterr().out == "a result\n" and "a result" not in shown(out)


def test_a_bar_within_another_says_its_lines_above_it(turned):
    outer, inner = console(terminal=True), console(terminal=True)
    with Bar("outer", 2, console=outer), Bar("inner", 2, console=inner) as bar:
        bar.say("a line that stays")
    assert "a line that stays\n" in shown(outer) and shown(inner) == ""


def test_quiet_shows_nothing(turned, capsys):
    for _ in track(range(3), "reading", quiet=True):
        turned.now += 100
    assert capsys.readouterr() == ("", "")


def test_an_error_leaves_no_bar_behind(turned):
    out = console()

    def fail():
        for one in track(range(3), "reading", console=out):
            turned.now += 40
            assert one < 2

    with pytest.raises(AssertionError):
        fail()
    assert not progress._lines and "took" not in shown(out)


def test_a_forked_process_leaves_the_line_of_its_parent_alone(turned):
    fork = multiprocessing.get_context("fork")
    told = fork.Queue()
    with Bar("outer", 2, console=console()):
        child = fork.Process(target=lambda: told.put(len(progress._lines)))
        child.start()
        child.join()
        assert told.get() == 0 and len(progress._lines) == 1


@pytest.mark.parametrize(("seconds", "text"), [(5, "0:05"), (65.4, "1:05"), (3661, "1:01:01")])
def test_the_time_left_is_written_as_a_clock(seconds, text):
    assert clock(seconds) == text
