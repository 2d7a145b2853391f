"""Classes of several data sets under one numbering: each numbers its own, and only names mean the same on all sides."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from avssl.config import ConfigError
from avssl.evaluation.extraction import Rows

LISTED = 8  # names in a message


def align_rows(sides: Sequence[Rows], what: Sequence[str]) -> list[Rows]:
    """Return rows whose labels count the same ``classes``: those of the first side, then those of others alone.

    Classes are matched by name. Labels without names on any side are matched as numbers. A side that does not know a
    class shows it nowhere, also where items may have several.

    Args:
        sides: rows of data sets that will be compared.
        what: the words for them in errors, such as ``"training"``.

    Raises:
        ConfigError: if a side has names and another bare numbers, a side names a class twice, or labels go beyond the
            names.
    """
    widths = {rows.labels.shape[1] for rows in sides if rows.labels is not None and not rows.classes}
    if len(widths) > 1:
        raise ConfigError(
            "tables of labels without names need the same classes on both sides; got "
            f"{' and '.join(map(str, sorted(widths)))}"
        )
    used = [rows.label if rows.labels is None else np.arange(rows.labels.shape[1]) for rows in sides]
    classes, places = align_classes([rows.classes for rows in sides], used, what)
    aligned = []
    for rows, place in zip(sides, places, strict=True):
        label, labels = renumbered(rows.label, place), None
        if rows.labels is not None:
            labels = np.zeros((len(rows), len(classes)), rows.labels.dtype)
            labels[:, place[: rows.labels.shape[1]]] = rows.labels
        aligned.append(replace(rows, label=label, labels=labels, classes=classes))
    return aligned


def align_classes(
    names: Sequence[Sequence[str]], used: Sequence[np.ndarray], what: Sequence[str]
) -> tuple[tuple[str, ...], list[np.ndarray]]:
    """Return the classes of all sides, and where each side's own numbers stand among them.

    Args:
        names: of each side's classes, by number; empty where its labels are bare numbers.
        used: the numbers that each side's items have; below 0 for none.
        what: the words for the sides in errors.

    Raises:
        ConfigError: as `align_rows`.

    Examples:
        >>> align_classes([("blue", "red"), ("green", "red")], [np.array([0, 1])] * 2, ("training", "test"))
        (('blue', 'red', 'green'), [array([0, 1]), array([2, 1])])
    """
    bare = [not len(one) for one in names]
    full = []
    for one, numbers, side in zip(names, used, what, strict=True):
        count, own = int(numbers.max(initial=-1)) + 1, tuple(map(str, one))
        if own and count > len(own):
            raise ConfigError(f"the {side} data name {len(own)} classes, but labels go up to {count - 1}; name all")
        if len(set(own)) < len(own):
            twice = next(name for name in own if own.count(name) > 1)
            raise ConfigError(f"the {side} data name the class {twice!r} twice; give each class a name of its own")
        full.append(own or tuple(map(str, range(count))))
    for one, nameless, side in zip(full, bare, what, strict=True):
        named = next((place for place, none in enumerate(bare) if not none), None)
        if nameless and one and named is not None and not all(name.isdecimal() for name in full[named]):
            raise ConfigError(
                f"labels of the {side} data are numbers without names ({listed(one)}), those of the {what[named]} data "
                f"have names ({listed(full[named])}); name the classes on both sides, or on neither"
            )
    classes = tuple(dict.fromkeys(name for one in full for name in one))
    places = {name: place for place, name in enumerate(classes)}
    return classes, [np.array([places[name] for name in one], np.int64) for one in full]


def renumbered(labels: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return labels by their new numbers; those below 0, of no class, stay.

    Examples:
        >>> renumbered(np.array([1, -1, 0]), np.array([4, 7]))
        array([ 7, -1,  4])
    """
    return np.where(labels < 0, labels, np.append(place, -1)[np.maximum(labels, -1)])


def check_common(ours: np.ndarray, theirs: np.ndarray, classes: Sequence[str], what: tuple[str, str]) -> None:
    """Check that some class has items on both sides.

    Args:
        ours: which classes have items on the first side, bool ``(classes,)``.
        theirs: likewise on the second.
        classes: their names.
        what: the words for the sides.

    Raises:
        ConfigError: if there is none.
    """
    if ours.any() and theirs.any() and not (ours & theirs).any():
        names = [listed([classes[place] for place in np.flatnonzero(side).tolist()]) for side in (ours, theirs)]
        raise ConfigError(
            f"{what[0]} and {what[1]} have no class in common ({names[0]}; {names[1]}); classes are matched by name: "
            "name them alike, or choose other data"
        )


def listed(names: Sequence[str]) -> str:
    """Return names in a row, and how many more there are.

    Examples:
        >>> listed(["cat", "dog"]), listed([str(number) for number in range(10)])
        ("'cat', 'dog'", "'0', '1', '2', '3', '4', '5', '6', '7' and 2 more")
    """
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(map(repr, names[:LISTED])) + more
