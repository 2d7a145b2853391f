"""One evaluation of a suite, and the columns of the table that it fills."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avssl.cache import whole
from avssl.config import ConfigError, make, read
from avssl.config.errors import suggest
from avssl.config.finding import find
from avssl.evaluation.base import Evaluator
from avssl.features.cache import digest, name_of
from avssl.features.runs import Fresh
from avssl.nets import Encoder
from avssl.report.scores import TRAINED
from avssl.version import __version__


@dataclass(frozen=True, kw_only=True)
class Question:
    """An evaluation by its config, and which of its numbers are shown.

    Args:
        config: of the evaluation, by name or path, such as ``eval_keypoints``; it names the evaluator.
        columns: from the heading of a column to the number's name without its row, as ``scores.jsonl`` has it:
            ``"ridge/50/pck@0.2/torso"``.
        settings: overrides of the config, such as ``"evaluator.draws=2"``.
        scale: what the numbers are shown in: 100 for percent, 1 as they are.
        digits: after the point.
        less: less is better.
        floors: numbers that stand elsewhere than in the same place of another row, from ``"row: heading"`` to the
            number's whole name, such as ``"mean pose: key points"`` to ``"mean pose/50/pck@0.2/torso"``.
    """

    config: str
    columns: Mapping[str, str]
    settings: Sequence[str] = ()
    scale: float = 100
    digits: int = 1
    less: bool = False
    floors: Mapping[str, str] = field(default_factory=dict)

    def asked(self) -> dict[str, Any]:
        """Return the settings of the evaluator.

        Raises:
            ConfigError: if the config names none.
        """
        settings = read(find(self.config), self.settings)
        if "evaluator" not in settings:
            raise ConfigError(f"{self.config} names no evaluator; give the config of an evaluation, such as eval_probe")
        return settings["evaluator"]

    def evaluator(self) -> Evaluator:
        """Return the evaluator, with its data opened.

        Raises:
            ConfigError: if the config names none that scores encoders.
        """
        return make(self.asked(), "avssl.evaluation.Evaluator", "evaluator")

    def found(self, numbers: Mapping[str, float]) -> Iterator[tuple[str, str, float]]:
        """Yield row, heading and value of what an evaluation of one run found.

        Raises:
            ConfigError: if it has no such number.
        """
        for heading, place in self.columns.items():
            if f"{TRAINED}/{place}" not in numbers:
                known = [name.partition("/")[2] for name in numbers if name.startswith(f"{TRAINED}/")]
                raise ConfigError(
                    f"{self.config}: column {heading!r}: there is no number {place!r}{suggest(place, known)}"
                )
            for name, value in numbers.items():
                row, _, rest = name.partition("/")
                if rest == place and "-" not in row:
                    yield row, heading, value
        for name, number in self.floors.items():
            row, _, heading = name.partition(": ")
            if heading not in self.columns or number not in numbers:
                raise ConfigError(f"{self.config}: floor {name!r}: there is no such column, or no number {number!r}")
            yield row, heading, numbers[number]

    def ask(self, encoder: Encoder, fresh: Fresh | None, folder: Path, device: str) -> dict[str, float]:
        """Return all numbers of an encoder; what was asked before of the same weights is read back.

        Args:
            encoder: what is scored.
            fresh: makes encoders of its architecture with initial weights.
            folder: where answers, features and fits are kept, those of all runs together: floors are asked once.
            device: where networks run.
        """
        key = name_of({"settings": self.asked(), "encoder": digest(encoder), "version": __version__})
        path = folder / "answers" / f"{key}.json"
        if path.exists():
            return json.loads(path.read_text(encoding="utf-8"))
        evaluator = self.evaluator()
        numbers = dict(evaluator(encoder, fresh=fresh, folder=folder / evaluator.name, device=device).numbers)
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as part:
            part.write_text(json.dumps(numbers), encoding="utf-8")
        return numbers
