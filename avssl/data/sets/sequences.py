"""Folders of frames with a mask beside each: what readers of annotated sequences share."""

from collections.abc import Callable, Mapping
from pathlib import Path

from avssl.data.sets.base import Problem
from avssl.data.sets.trees import relative
from avssl.files import names_in
from avssl.media.pictures import SUFFIXES

Row = dict[str, str]


def list_sequences(
    root: Path,
    places: Mapping[str, tuple[Path, Path]],
    splits: Mapping[str, list[str]],
    withheld: Callable[[str], bool],
) -> tuple[list[Row], list[Problem]]:
    """Return a row for each sequence that is there, and the problems.

    Args:
        root: what paths are relative to.
        places: from the name of a sequence to its folders of frames and of masks.
        splits: the splits of each listed sequence.
        withheld: tells of a sequence whether its authors keep the masks, but perhaps that of the first frame.
    """
    rows, problems = [], []
    for name, (frames, masks) in sorted(places.items()):
        path = relative(frames, root)
        stems = stems_in(frames, SUFFIXES)
        painted = stems_in(masks, {".png"})
        if not stems:
            problems.append(
                Problem(
                    kind="missing", path=path, about=f"listed in {' '.join(splits.get(name, ['nothing']))}, no frames"
                )
            )
            continue
        if name not in splits:
            problems.append(Problem(kind="unlisted", path=path, about="in no list"))
        lacking, more = [one for one in stems if one not in painted], sorted(set(painted) - set(stems))
        if lacking and not withheld(name):
            about = f"{len(lacking)} of {len(stems)} frames have no mask, such as {lacking[0]}"
            problems.append(Problem(kind="unlabelled", path=path, about=about))
        if more:
            about = f"{len(more)} masks without a frame, such as {more[0]}"
            problems.append(Problem(kind="odd", path=relative(masks, root), about=about))
        usable = not lacking or lacking == stems[1:]
        rows.append(
            {
                "path": path,
                "split": " ".join(splits.get(name, [])),
                "masks": relative(masks, root) if usable else "",
                "frames": str(len(stems)),
            }
        )
    return rows, problems


def stems_in(folder: Path, endings: set[str]) -> list[str]:
    """Return the names of a folder's pictures without their endings, sorted; nothing where there is no folder."""
    return sorted(Path(name).stem for name in names_in(folder, endings, depth=0)) if folder.is_dir() else []
