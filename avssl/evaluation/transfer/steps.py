"""Steps whose outputs are used again where they were made in the same way, and refused where they were not."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from avssl.cache import whole
from avssl.config import ConfigError
from avssl.text import to_json
from avssl.training.checkpoint import difference

STEP = "step.json"


class Step:
    """A folder of outputs, which says what they were made of.

    Args:
        folder: of these outputs alone.
        settings: all that they depend on, as values that JSON can hold.
        files: outputs that must be there.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], files: Sequence[str]):
        self.folder, self.files = folder, tuple(files)
        self.settings: dict[str, Any] = json.loads(to_json(settings))

    def __call__(self, work: Callable[[], Mapping[str, float]]) -> dict[str, float]:
        """Return the numbers of the step, found now or when it was done before.

        Args:
            work: makes the outputs and returns what is worth knowing of them. Where it was cut off it is called again.

        Raises:
            ConfigError: if the folder holds outputs of other settings, or what is none of a step.
        """
        found = self.read()
        if found.get("finished") and all((self.folder / name).is_file() for name in self.files):
            return found["numbers"]
        self.write({"finished": False, "numbers": {}})
        numbers = {name: float(value) for name, value in work().items()}
        self.write({"finished": True, "numbers": numbers})
        return numbers

    def read(self) -> dict[str, Any]:
        """Return what the folder says of itself; empty for one that is not there yet."""
        path, remedy = self.folder / STEP, "take it away, or give another out="
        if not path.exists():
            if self.folder.is_dir() and any(self.folder.iterdir()):
                raise ConfigError(f"{self.folder} holds files and no {STEP}, which says what they are of; {remedy}")
            return {}
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            before, _ = found["settings"], found["numbers"]
        except (OSError, ValueError, TypeError, LookupError, RecursionError) as error:
            raise ConfigError(f"{path} cannot be read; {remedy}") from error
        for name in {**before, **self.settings}:
            if differing := difference(name, before.get(name), self.settings.get(name)):
                key, old, new = differing
                raise ConfigError(f"{self.folder} was made with {key}={old!r}, and now it is {new!r}; {remedy}")
        return found

    def write(self, state: Mapping[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with whole(self.folder / STEP) as part:
            part.write_text(to_json({"settings": self.settings} | dict(state), indent=2) + "\n", encoding="utf-8")
