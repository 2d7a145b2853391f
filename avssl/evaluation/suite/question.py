"""One evaluation of a suite, and the columns of the table that it fills."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avssl.cache import whole
from avssl.config import ConfigError, build, plan, read
from avssl.config.errors import suggest
from avssl.config.finding import find
from avssl.evaluation.asking import ask, refusal, whole_method
from avssl.evaluation.base import Evaluator, MethodEvaluator
from avssl.features.cache import digest, name_of
from avssl.features.subject import Subject
from avssl.report.scores import TRAINED
from avssl.version import __version__

ROW = "{row}"  # in the place of a number: where the name of its row stands


@dataclass(frozen=True, kw_only=True)
class Question:
    """An evaluation by its config, and which of its numbers are shown.

    Args:
        config: of the evaluation, by name or path, such as ``eval_keypoints``; it names the evaluator.
        columns: from the heading of a column to the number's name without its row, as ``scores.jsonl`` has it:
            ``"ridge/50/pck@0.2/torso"``. Where the row does not come first, ``{row}`` stands in its place:
            ``"picture to sound/{row}/nDCG@30"``.
        settings: overrides of the config, such as ``"evaluator.draws=2"``.
        scale: what the numbers are shown in: 100 for percent, 1 as they are.
        digits: after the point.
        less: less is better.
        floors: numbers that stand elsewhere than in the same place of another row, from ``"row: heading"`` to the
            number's whole name, such as ``"mean pose: key points"`` to ``"mean pose/50/pck@0.2/torso"``.
        without: rows of the evaluation that are not shown, such as those that ask the trained weights something else.
    """

    config: str
    columns: Mapping[str, str]
    settings: Sequence[str] = ()
    scale: float = 100
    digits: int = 1
    less: bool = False
    floors: Mapping[str, str] = field(default_factory=dict)
    without: Sequence[str] = ()

    def asked(self) -> dict[str, Any]:
        """Return the settings of the evaluator.

        Raises:
            ConfigError: if the config names none.
        """
        settings = read(find(self.config), self.settings)
        if "evaluator" not in settings:
            raise ConfigError(f"{self.config} names no evaluator; give the config of an evaluation, such as eval_probe")
        return settings["evaluator"]

    def evaluator(self) -> Evaluator | MethodEvaluator:
        """Return the evaluator, of encoders or of whole methods, with its data opened.

        Raises:
            ConfigError: if the config names none.
        """
        return build(plan("avssl.evaluation", "evaluate", {"evaluator": self.asked()}).arguments["evaluator"])

    def found(self, numbers: Mapping[str, float]) -> Iterator[tuple[str, str, float]]:
        """Yield row, heading and value of what an evaluation of one run found.

        Raises:
            ConfigError: if it has no such number.
        """
        for heading, place in self.columns.items():
            before, after = ends_of(place)
            rows = {
                name[len(before) : len(name) - len(after)]: value
                for name, value in numbers.items()
                if name.startswith(before) and name.endswith(after) and len(name) > len(before) + len(after)
            }
            rows = {row: value for row, value in rows.items() if "/" not in row}
            if TRAINED not in rows:
                known = [name.replace(TRAINED, ROW, 1) for name in numbers if TRAINED in name.split("/")]
                known = [name.removeprefix(f"{ROW}/") for name in known]
                raise ConfigError(
                    f"{self.config}: column {heading!r}: there is no number {place!r}{suggest(place, known)}"
                )
            for row, value in rows.items():
                if row not in self.without and not is_difference(row, rows):
                    yield row, heading, value
        for name, number in self.floors.items():
            row, _, heading = name.partition(": ")
            if heading not in self.columns or number not in numbers:
                raise ConfigError(f"{self.config}: floor {name!r}: there is no such column, or no number {number!r}")
            yield row, heading, numbers[number]

    def ask(
        self, evaluator: Evaluator | MethodEvaluator, subject: Subject, folder: Path, device: str
    ) -> dict[str, float] | str:
        """Return all numbers of a run; what was asked before of the same weights is read back.

        Args:
            evaluator: the question's, see `evaluator`.
            subject: what is scored.
            folder: where answers, features and fits are kept, those of all runs together: floors are asked once.
            device: where networks run.

        Returns:
            Numbers by name; or why such an encoder or method cannot be asked, where the evaluator declares it.
        """
        if reason := refusal(evaluator, subject):
            return reason
        weights = digest(subject.method() if whole_method(evaluator) else subject.encoder)
        key = name_of({"settings": self.asked(), "encoder": weights, "version": __version__})
        path = folder / "answers" / f"{key}.json"
        if path.exists():
            return json.loads(path.read_text(encoding="utf-8"))
        numbers = dict(ask(evaluator, subject, folder / evaluator.name, device).numbers)
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as part:
            part.write_text(json.dumps(numbers), encoding="utf-8")
        return numbers


def ends_of(place: str) -> tuple[str, str]:
    """Return what stands before the name of a row, and behind it, in the names of a column's numbers.

    Examples:
        >>> ends_of("linear/accuracy"), ends_of("sound/{row}/NMI")
        (('', '/linear/accuracy'), ('sound/', '/NMI'))
    """
    before, inside, after = place.partition(ROW)
    return (before, after) if inside else ("", f"/{place}")


def is_difference(row: str, rows: Collection[str]) -> bool:
    """Tell whether a name is that of the difference of two rows, and not of a row with a dash of its own.

    Examples:
        >>> rows = ["trained", "random", "log-mel", "trained-random", "trained-log-mel"]
        >>> [row for row in rows if is_difference(row, rows)]
        ['trained-random', 'trained-log-mel']
    """
    return any(row[:place] in rows and row[place + 1 :] in rows for place, one in enumerate(row) if one == "-")
