"""A run's folder: its state, its checkpoints, its log and what is shown of it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, NoReturn, cast

import torch
from lightning_fabric import Fabric

from avssl import config
from avssl.screen import print_table
from avssl.training import checkpoint
from avssl.training.appending import reason
from avssl.training.errors import Stopped, TrainingError
from avssl.training.export import export
from avssl.training.journal import FAILURES, LOG, Journal, Tally, read
from avssl.training.lock import hold
from avssl.training.loggers import LoggerName, Loggers
from avssl.training.measures import better
from avssl.training.progress import Pace, Progress, summary
from avssl.training.sessions import Session

Warnings = Callable[[dict[str, float], dict[str, float]], list[str]]


class Run:
    """Keeps the books of a run; use it in a ``with`` block.

    Args:
        fabric: every process has a run; the first writes and shows.
        folder: where; if a run is in it, ``state`` is restored from its last checkpoint.
        state: what checkpoints hold: modules, optimisers and plain values, ``step`` among them.
        steps: of the whole run.
        best: the measure that decides which checkpoint is the best.
        goal: whether it should be great (``"max"``) or small (``"min"``).
        keep: how many of the last checkpoints to keep.
        resume: if false, refuse a folder that holds a run.
        tensorboard: write events too.
        loggers: libraries that records are handed to, see `avssl.training.loggers`.
        changed: whether to go on where the data are others than the run was begun with.

    Attributes:
        resumed: True if the folder held a run, which now goes on.

    Raises:
        TrainingError: if the folder cannot be written to, another run writes to it, or it holds a run that cannot go
            on.
    """

    def __init__(
        self,
        fabric: Fabric,
        folder: Path,
        state: dict[str, Any],
        *,
        steps: int,
        best: str,
        goal: str,
        keep: int,
        resume: bool,
        tensorboard: bool,
        changed: checkpoint.OnChange = "error",
        loggers: Sequence[LoggerName] = (),
    ):
        self.fabric, self.folder, self.state, self.steps = fabric, folder, state, steps
        self.best, self.goal, self.keep = best, goal, keep
        self.tally, self.pace = Tally(), Pace()
        state |= {"tally": self.tally, "best": None, "measures": {}}
        self.unsaved = ""  # why the last checkpoint could not be written
        self.alone = 0  # batches left out as they held too few recordings
        last = folder / checkpoint.LAST
        with ExitStack() as ends:
            with writing_to(folder):
                try_to_write(folder)
                ends.callback(hold(fabric, folder).close)
                self.resumed = last.exists()
            require_one_folder(fabric, last, self.resumed)
            self._begin(last, resume, changed, tensorboard)
            self.loggers = Loggers(
                loggers if fabric.is_global_zero else (), folder, state["settings"], self.resumed, self.progress.say
            )
            self._ends = ends.pop_all()  # the folder stays held until the run ends

    def _begin(self, last: Path, resume: bool, changed: checkpoint.OnChange, tensorboard: bool) -> None:
        """Go on from the last checkpoint, if there is one, and open the books."""
        fabric, folder, state, notes = self.fabric, self.folder, self.state, []
        if self.resumed:
            if not resume:
                raise TrainingError(f"{folder} holds a run; give another out=, or resume=true to go on with it")
            notes = checkpoint.load(fabric, last, state, changed)
            require_more(folder, state["step"], self.steps)
        fabric.barrier()  # nobody may look for the checkpoint after the first process has begun to write
        self.progress = Progress(self.steps, state["step"], fabric.is_global_zero)
        with writing_to(folder):
            if fabric.is_global_zero:
                config.write(state["settings"], folder / "config.yaml")
            step = state["step"] if self.resumed else None
            self.journal = Journal(folder, step, fabric.is_global_zero, tensorboard, self.progress.say)
        for note in notes:
            self.progress.say(note)

    def __enter__(self) -> "Run":
        self.session = Session(self.fabric, self.state["step"])
        self.progress.start()
        verb = "goes on from" if self.resumed else "starts at"
        self.progress.say(f"{self.folder}: {verb} step {self.state['step']} of {self.steps} on {self.fabric.device}")
        return self

    def __exit__(self, *_: object) -> None:
        with self._ends:
            self.progress.stop()
            self.journal.end(self.session.line(self.state["step"]))
            self.journal.close()
            self.loggers.close()

    def count(self, step: int, scalars: dict[str, float], rates: dict[str, float], log: bool) -> None:
        """Take in what a step gave and its learning rates; write a record of the means since the last if ``log``."""
        self.tally.add(scalars)
        rate, wait = self.pace.rates()
        self.progress.show(step, scalars, rate, wait, log)
        if log:
            times = {"images_per_second": rate, "waiting": wait}
            self.write_down(step, self.tally.take() | rates | times)
            self.pace.restart()

    def write_down(self, step: int, scalars: dict[str, float]) -> None:
        """Write a record, to the log and wherever else it goes."""
        self.journal.write(step, scalars)
        self.loggers.write(step, scalars)

    def fail(self, failures: list[dict[str, str]], step: int | None = None) -> None:
        """Write down recordings that could not be read for a step; without one, for measuring after the last."""
        self.journal.fail(self.state["step"] if step is None else step, failures)

    def record_measures(self, scores: dict[str, float], warnings: Warnings | None = None, whole: bool = True) -> None:
        """Write measures down, show what they warn of, and keep the checkpoint if it is the best so far.

        Args:
            scores: what was measured.
            warnings: returns lines for these scores and those of the random start; see `Method.warnings`.
            whole: whether these are all measures there are; where not, the one that decides may not be among them.
        """
        step = self.state["step"]
        self.state["measures"] = scores
        self.write_down(step, scores)
        if step == self.progress.bar.begun:  # the random start
            self.progress.bar.restart()
        self.progress.say(f"step {step}: " + "  ".join(f"{name} {value:.4f}" for name, value in scores.items()))
        if warnings is not None and self.fabric.is_global_zero:
            self.journal.flush()
            for line in warnings(scores, scores if step == 0 else start_of(self.folder)):
                self.progress.say(line)
                self.journal.warn(step, line)
        if self.best not in scores and not whole:
            return
        if self.best not in scores:
            raise TrainingError(f"best: there is no measure {self.best!r}; there is {', '.join(scores)}")
        so_far = self.state["best"]
        if better(scores[self.best], so_far and so_far["value"], self.goal):
            self.state["best"] = {"step": step, "value": scores[self.best], "measures": scores}
            if self.write(checkpoint.BEST):
                self.state["best"] = so_far

    def save(self) -> None:
        """Write the last checkpoint, after the log that belongs to it; without room, the next save tries again."""
        self.journal.flush()
        self.unsaved = self.write(checkpoint.LAST, keep=self.keep)

    def write(self, name: str, **keeping: int) -> str:
        """Write a checkpoint; where that fails say so, leave the former one, and return why."""
        try:
            checkpoint.save(self.fabric, self.folder, self.state, name, **keeping)
        except OSError as error:
            why = reason(error)
            file, stays = (
                self.folder / name,
                ("the former one stays" if (self.folder / name).exists() else "there is none"),
            )
            self.progress.say(f"step {self.state['step']}: {file} could not be written ({why}); {stays}")
            return why
        return ""

    def skip(self, batches: int, least: int) -> None:
        """Count batches that held too few recordings to learn from; say so once."""
        if batches and not self.alone:
            self.progress.say(
                f"a batch held fewer than the {least} different recordings that this method tells apart, and was left "
                "out; how many were is told in the end"
            )
        self.alone += batches

    def stop(self, number: int) -> NoReturn:
        """Save, and end the run for a signal."""
        self.save()
        step, last = self.state["step"], self.folder / checkpoint.LAST
        saved = f"not saved as {last} ({self.unsaved})" if self.unsaved else f"saved as {last}"
        raise Stopped(f"stopped after step {step} of {self.steps}, {saved}; the same command goes on", number)

    def finish(self) -> None:
        """Export the encoder and tell what was learned and where everything is."""
        if not self.fabric.is_global_zero:
            return
        if self.unsaved:
            raise TrainingError(
                f"{self.folder / checkpoint.LAST} could not be written after the last step ({self.unsaved}); make "
                "room, and the same command goes on from the checkpoint before"
            )
        with writing_to(self.folder):
            exports = export(self.folder)
        say, state, best = self.progress.say, self.state, self.state["best"]
        columns = {"random start": start_of(self.folder)}
        if best is not None:
            columns[f"best by {self.best} (step {best['step']})"] = best["measures"]
        print_table(self.progress.console, summary(columns | {f"end (step {state['step']})": state["measures"]}))
        rate, wait = self.pace.rates(whole=True)
        if self.pace.startup is not None:
            say(
                f"{rate:.0f} images/s; waited for data {wait:.1%} of the time, after {self.pace.startup:.1f} s to start"
            )
        self.tell_failures()
        if self.alone:
            say(f"batches left out, as they held too few recordings to learn from: {self.alone}")
        for path in exports:
            say(f"{path.stem:<12} {path}   (avssl.{load_line(path)})")
        say(f"log          {self.folder / LOG}, log.csv" + (", tensorboard/" if self.journal.events else ""))
        say(f"checkpoints  {self.folder / checkpoint.LAST}, {checkpoint.BEST}; settings in config.yaml")

    def tell_failures(self) -> None:
        """Say how many recordings could not be read, and which."""
        failures = read(self.folder / FAILURES)
        if failures:
            files = Counter(failure["path"] for failure in failures)
            self.progress.say(f"{len(files)} recordings could not be read and were left out {len(failures)} times:")
            for path, times in files.most_common(20):
                self.progress.say(f"  {path} ({times} times)")
            if len(files) > 20:
                self.progress.say(
                    f"  and {len(files) - 20} more; all of them, with reasons, in {self.folder / FAILURES}"
                )


def require_more(folder: Path, taken: int, steps: int) -> None:
    """Refuse to end a run before steps that it has taken.

    Raises:
        TrainingError: if it would.
    """
    if steps < taken:
        raise TrainingError(
            f"{folder} has taken {taken} steps, and this config asks for {steps}; set steps={taken} to end it there, "
            "more to go on, or give another out= to start anew"
        )


def require_one_folder(fabric: Fabric, last: Path, found: bool) -> None:
    """Refuse a folder that is another one on some machine: its processes would go on from another step.

    Raises:
        TrainingError: in every process, if some find the last checkpoint and others do not.
    """
    if fabric.world_size > 1:
        finding = cast(torch.Tensor, fabric.all_gather(torch.tensor(found, dtype=torch.int32, device=fabric.device)))
        if finding.min() != finding.max():
            some, count = int(finding.sum()), fabric.world_size
            raise TrainingError(
                f"{some} of {count} processes find {last}; out= has to be one folder that all machines share"
            )


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Say in one line that a folder cannot be written to.

    Raises:
        TrainingError: in place of an OSError.
    """
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename and str(error.filename) != str(folder) else ""
        raise TrainingError(
            f"out={folder} cannot be written to: {reason(error)}{where}; make room or rights there, or give "
            "another out="
        ) from error


def try_to_write(folder: Path) -> None:
    """Make a folder and write a little into it.

    Raises:
        OSError: if that fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=folder, prefix=".room-") as file:
        file.write(b"room" * 1024)
        file.flush()


def load_line(path: Path) -> str:
    """Return the call that loads an export again: by the run where a loader has its name, by its file otherwise."""
    named = {"encoder": "load_encoder", "sound": "load_sound"}.get(path.stem)
    return f"{named}({str(path.parent)!r})" if named else f"load_encoder({str(path)!r})"


def start_of(folder: Path) -> dict[str, float]:
    """Return what was measured before the first step, as the log has it."""
    first = next((record for record in read(folder / LOG) if record["step"] == 0), {})
    return {name: value for name, value in first.items() if name != "step" and value is not None}
