"""What people chose: a line a choice, on the disk before the next pair is shown; and what the choices say.

Zhang, Isola and Efros, "Colorful Image Colorization", ECCV 2016, section 3.1: 50 % is a fake that cannot be told, their
method fooled 32.3 % and colours of another picture were found out in 87 % of the pairs. https://arxiv.org/abs/1603.08511
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from scipy.stats import binomtest

from avssl.config import ConfigError
from avssl.inference.recolored.trials import Kind, Side
from avssl.text import ODD_BYTES, STAND_INS, to_json, translated


@dataclass(frozen=True, kw_only=True)
class Choice:
    """An answer.

    Args:
        person: name.
        number: of the trial in the person's session.
        kind: of the trial.
        picture: its name.
        fake: the side of the recoloured picture.
        chosen: the side that the person took for recoloured.
        looks: how often the pair was shown, 1 unless the page was loaded again before an answer.
        seconds: from hiding the pair to the answer.
        mark: hash of weights, pictures and settings: choices of another mark are another test.
    """

    person: str
    number: int
    kind: Kind
    picture: str
    fake: Side
    chosen: Side
    looks: int
    seconds: float
    mark: str


def read_choices(path: Path) -> list[Choice]:
    """Return the choices in a file, in order; none if there is no file. A half-written last line is left out.

    Raises:
        ConfigError: if any other line is no choice.
    """
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    adapter = TypeAdapter(Choice)
    found = []
    for number, line in enumerate(lines[:-1], start=1):  # what follows the last line's end was not finished
        try:
            plain = json.dumps(translated(json.loads(line), STAND_INS))
            choice = adapter.validate_json(plain, strict=True)
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise ConfigError(f"{path}, line {number}: is no choice ({reason}); mend or move the file") from error
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{path}, line {number}: is no choice ({error}); mend or move the file") from error
        found.append(Choice(**translated(asdict(choice), ODD_BYTES)))
    return found


def add_choice(path: Path, choice: Choice) -> None:
    """Write a choice at the end of a file, and wait until the disk has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+b") as file:
        file.seek(0, os.SEEK_END)
        if end := file.tell():
            file.seek(end - 1)
            if file.read(1) != b"\n":  # a line that was cut off: drop it, its choice was never confirmed
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
        file.write((to_json(asdict(choice)) + "\n").encode())
        file.flush()
        os.fsync(file.fileno())


def shares(choices: Sequence[Choice]) -> dict[str, float]:
    """Return what choices say.

    Returns:
        ``pairs`` and ``fooled``, the share of test pairs in which the true picture was taken for the recoloured one,
        with ``low`` and ``high``, Wilson's interval of 95 %, which takes pairs as independent; ``catches`` and
        ``caught``, the share of fakes with another picture's colours that were found out. NaN where there is none.
    """
    test = [choice.chosen != choice.fake for choice in choices if choice.kind == "test"]
    catch = [choice.chosen == choice.fake for choice in choices if choice.kind == "catch"]
    found = {"pairs": float(len(test)), "fooled": float("nan"), "low": float("nan"), "high": float("nan")}
    if test:
        low, high = binomtest(sum(test), len(test)).proportion_ci(0.95, "wilson")
        found |= {"fooled": sum(test) / len(test), "low": float(low), "high": float(high)}
    return found | {"catches": float(len(catch)), "caught": sum(catch) / len(catch) if catch else float("nan")}


def summarize(choices: Sequence[Choice], others: int) -> list[str]:
    """Return what choices say, a line a fact.

    Args:
        choices: of one mark.
        others: how many of another mark were left out.
    """
    lines = []
    people = sorted({choice.person for choice in choices})
    everyone = shares(choices)
    if everyone["pairs"]:
        lines.append(
            f"Fooled: {everyone['fooled']:.1%} of {everyone['pairs']:.0f} pairs (95 % {everyone['low']:.1%} to "
            f"{everyone['high']:.1%}); {len(people)} {'person' if len(people) == 1 else 'people'}; 50 % if the fakes "
            "cannot be told"
        )
        for person in people if len(people) > 1 else ():
            one = shares([choice for choice in choices if choice.person == person])
            lines.append(f"  {person}: {one['fooled']:.1%} of {one['pairs']:.0f} pairs, {caught(one)}")
        lines.append(f"Attention: {caught(everyone)}")
    else:
        lines.append("No test pair has been judged yet.")
    again = sum(choice.looks > 1 for choice in choices if choice.kind != "practice")
    if again:
        lines.append(f"{again} pairs were shown more than once, since the page was loaded again; they are counted.")
    if others:
        lines.append(f"{others} choices of other weights, pictures or settings are kept in the file and not counted.")
    return lines


def caught(found: dict[str, float]) -> str:
    if not found["catches"]:
        return "no fake with another picture's colours was shown"
    return f"{found['caught']:.0%} of {found['catches']:.0f} fakes with another picture's colours found out"
