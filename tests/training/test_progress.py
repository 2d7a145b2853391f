"""What is shown: a moving line on a terminal, plain lines elsewhere, honest rates."""

import io
import re

from rich.console import Console

from avssl.training.progress import Pace, Progress, summary


def test_without_a_terminal_only_logged_steps_give_lines():
    text = io.StringIO()
    progress = Progress(100, console=Console(file=text, width=200))
    progress.start()
    progress.show(1, {"loss": 0.5}, rate=120.0, wait=0.25, final=False)
    progress.show(2, {"loss": 0.25}, rate=120.0, wait=0.25, final=True)
    progress.stop()
    assert re.fullmatch(r"step   2/100  0:\d\d left  loss 0\.2500  120 images/s  waiting 25%\n", text.getvalue())


def test_on_a_terminal_one_line_moves_and_tells_the_time_left():
    text = io.StringIO()
    progress = Progress(100, console=Console(file=text, width=120, force_terminal=True, highlight=False))
    progress.start()
    progress.show(50, {"loss": 0.5}, rate=120.0, wait=0.25, final=True)
    progress.say("a line that [stays]")
    progress.stop()
    assert "━━━━━━━━━━╌╌╌╌╌╌╌╌╌╌" in text.getvalue() and "0:00 left" in text.getvalue()
    assert "a line that [stays]" in text.getvalue()


def test_a_silent_process_shows_nothing(capsys):
    progress = Progress(10, active=False)
    progress.say("never")
    progress.show(1, {"loss": 0.5}, 1.0, 0.0, final=True)
    assert capsys.readouterr().out == ""


def test_the_line_is_short_whatever_a_method_returns():
    text = io.StringIO()
    progress = Progress(10, console=Console(file=text, width=200))
    progress.show(1, dict.fromkeys("abcde", 1.0), 1.0, 0.0, final=True)
    assert "d 1.0" in text.getvalue() and "e 1.0" not in text.getvalue()


def test_the_share_of_waiting_counts_steps_alone_and_leaves_out_the_start():
    pace = Pace()
    pace.lap(waited=9.0, worked=1.0, images=10)  # the loading processes start
    pace.lap(waited=1.0, worked=3.0, images=10)
    assert pace.startup == 9.0
    assert pace.rates() == (20 / 5, 1 / 5)
    pace.restart()
    assert pace.rates() == (0.0, 0.0)
    pace.lap(waited=1.0, worked=1.0, images=4)
    assert pace.rates() == (2.0, 0.5)
    assert pace.rates(whole=True) == (24 / 7, 2 / 7)


def test_the_summary_has_a_row_for_every_measure():
    text = io.StringIO()
    Console(file=text, width=80).print(summary({"random start": {"a": 0.5}, "end": {"a": 0.75, "b": 1.0}}))
    assert "0.5000" in text.getvalue() and "1.0000" in text.getvalue()
