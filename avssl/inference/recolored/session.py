"""The sessions of a real-or-recoloured test: who is at which pair, and what is written down."""

import secrets
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from avssl.inference.recolored.choices import Choice, add_choice, read_choices, shares
from avssl.inference.recolored.pairs import Pairs
from avssl.inference.recolored.trials import Side, Trial, trials
from avssl.text import printable

LONGEST = 80  # letters of a name
YEAR = 366 * 24 * 3600.0


class Refused(Exception):
    """A request that cannot be served: an HTTP status, and why in a sentence for the person."""

    def __init__(self, status: int, why: str):
        super().__init__(why)
        self.status = status


def is_duration(seconds: Any) -> bool:
    """Tell whether a value is a number of seconds that somebody may have taken, up to a year."""
    return type(seconds) in (int, float) and 0 <= seconds <= YEAR


class Sessions:
    """Deals out pairs in order, one at a time, and takes choices; a name goes on where it stopped.

    Args:
        pairs: the pictures.
        path: file of choices.
        mark: of this test, see `Choice`.
        practice: pairs to practise on.
        tests: test pairs.
        seed: of the draws.
    """

    def __init__(self, pairs: Pairs, path: Path, mark: str, practice: int, tests: int, seed: int):
        self.pairs, self.path, self.mark, self.seed = pairs, path, mark, seed
        self.practice, self.tests = practice, tests
        self.lock = threading.RLock()
        self.people: dict[str, str] = {}  # from a token, which the page holds, to the name
        self.looks: Counter[tuple[str, int]] = Counter()
        written = read_choices(path)
        self.choices = [choice for choice in written if choice.mark == mark]
        self.others = len(written) - len(self.choices)

    def begin(self, name: Any) -> dict[str, Any]:
        """Return a token for a person, and where they are.

        Raises:
            Refused: if the name is empty or too long.
        """
        name = name.strip() if isinstance(name, str) else ""
        if not 1 <= len(name) <= LONGEST or printable(name) != name:
            raise Refused(400, f"Please give a name of 1 to {LONGEST} letters.")
        token = secrets.token_urlsafe(16)
        with self.lock:
            self.people[token] = name
            return {"session": token} | self.state(name)

    def state(self, name: str) -> dict[str, Any]:
        """Return where a person is; of a finished one how often they were fooled. It says nothing of sides."""
        own = self.of(name)
        number = len(own)
        total = self.practice + self.tests
        state = {"number": number, "practice": self.practice, "pairs": self.tests, "done": number >= total}
        if state["done"]:
            found = shares(own)
            fooled = round(found["pairs"] * found["fooled"]) if found["pairs"] else 0
            state |= {"judged": round(found["pairs"]), "fooled": fooled}
        return state

    def picture(self, token: str, number: int, side: Side) -> bytes:
        """Return the PNG of a side of the pair that a person is at.

        Raises:
            Refused: if they are at another pair, or the token is unknown.
        """
        name, trial = self.current(token, number)
        shown = self.pairs.png(trial, side)
        if side == "left":  # both sides are fetched once a showing
            with self.lock:
                self.looks[name, number] += 1
        return shown

    def choose(self, token: str, number: Any, side: Any, seconds: Any) -> dict[str, Any]:
        """Write a choice down, and return where the person is then; in practice whether it was right, and the side.

        Raises:
            Refused: if the choice is not one, they are at another pair, or the token is unknown.
        """
        if side not in ("left", "right") or type(number) is not int or not is_duration(seconds):
            raise Refused(400, "That is no choice.")
        with self.lock:
            name, trial = self.current(token, number)
            choice = Choice(
                person=name,
                number=number,
                kind=trial.kind,
                picture=self.pairs.names[trial.picture],
                fake=trial.fake,
                chosen=side,
                looks=max(1, self.looks[name, number]),
                seconds=round(float(seconds), 3),
                mark=self.mark,
            )
            add_choice(self.path, choice)
            self.choices.append(choice)
            answer = {"right": side == trial.fake, "fake": trial.fake} if trial.kind == "practice" else {}
            return answer | self.state(name)

    def current(self, token: str, number: int) -> tuple[str, Trial]:
        """Return who holds a token, and the pair they are at, which must be this one."""
        with self.lock:
            if token not in self.people:
                raise Refused(410, "The test was started anew. Give your name again to go on where you were.")
            name = self.people[token]
            at = len(self.of(name))
            if number != at or at >= self.practice + self.tests:
                raise Refused(409, "This pair has been judged already.")
            return name, trials(name, len(self.pairs.pictures), self.practice, self.tests, self.seed)[at]

    def of(self, name: str) -> list[Choice]:
        return [choice for choice in self.choices if choice.person == name]

    def finished(self) -> int:
        """Return how many people have judged all pairs."""
        counts = Counter(choice.person for choice in self.choices)
        return sum(count >= self.practice + self.tests for count in counts.values())
