"""Pictures in ``frames/`` and their sounds in ``audio/``, as sets of boxes lay them out."""

from pathlib import Path

from avssl.data.sets.base import Problem


def pair_of(root: Path, name: str, problems: list[Problem]) -> dict[str, str]:
    """Return the columns ``path`` and ``sound`` of a pair; empty where a file is missing, which joins the problems."""
    pair = {"path": f"frames/{name}.jpg", "sound": f"audio/{name}.wav"}
    for path in pair.values():
        if not (root / path).is_file():
            problems.append(Problem(kind="missing", path=path, about="listed"))
            return {}
    return pair
