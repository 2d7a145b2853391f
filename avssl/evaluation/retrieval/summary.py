"""How what was retrieved is told: the table, the notes under it, and R@k as curves."""

import numpy as np
from PIL.Image import Image

from avssl.evaluation.retrieval.question import Question, shown
from avssl.evaluation.retrieval.results import CHANCE, MEDIAN, ORACLE, Retrieved
from avssl.features.alignment import listed
from avssl.metrics.bootstrap import Difference
from avssl.report.figures import Curve, curve_picture
from avssl.report.scores import RANDOM


def table(retrieved: Retrieved) -> list[dict[str, str]]:
    """Return the rows that a person reads."""
    rows = {CHANCE: {name: np.array([value]) for name, value in retrieved.levels.items()}}
    rows |= {row: found.means() for row, found in retrieved.found.items()}
    if retrieved.best:
        rows[ORACLE] = {name: np.array([value]) for name, value in retrieved.best.items()}
    table = []
    for row, means in rows.items():
        cells = {"row": row}
        for column, name in retrieved.headline.items():
            cells[column] = written(name, means[name], spread=column == f"R@{retrieved.ks[0]}") if name in means else ""
            if name.startswith("pose"):
                cells["way to oracle"] = f"{100 * retrieved.way(float(means[name].mean()), name):.0f} %"
        table.append(cells)
    return table


def notes(retrieved: Retrieved) -> list[str]:
    """Return what a reader of the table must know."""
    notes = []
    for row, several in retrieved.differences.items():
        told = "; ".join(f"{name} {difference(name, one)}" for name, one in several.items())
        notes.append(f"{row} − {RANDOM}: {told}.")
    if notes:
        notes[-1] += " Paired; bootstrap over initialisations and groups of queries."
    if retrieved.question.total.any():
        notes.append("R@k: any of the k first is right. Chance is the exact expectation of a random order.")
        lost = int((retrieved.question.total == 0).sum())
        if lost:
            notes.append(
                f"{lost} of {len(retrieved.ours)} queries have nothing right in the gallery and count nowhere."
            )
    notes += class_notes(retrieved.question)
    if retrieved.best:
        notes.append(
            "Pose distance: mean over the joints that both show of their distance, each pose about its middle, in "
            "torsos of the query; lower is better. The oracle takes the nearest poses there are."
        )
    for rows, what in ((retrieved.ours, "query"), (retrieved.theirs, "gallery")):
        if rows.failures:
            notes.append(f"{len(rows.failures)} {what} items could not be read, such as {rows.failures[0]}.")
    return notes


def class_notes(question: Question) -> list[str]:
    """Return a line for the classes that only queries have, and one for those that only the gallery has."""
    if not question.classes:
        return []
    names = np.array(question.classes)
    asked, there = (shown(side, len(names)) for side in (question.query, question.gallery))
    told = [
        (asked & ~there, "of queries have nothing in the gallery"),
        (there & ~asked, "of the gallery have no query"),
    ]
    return [f"{some.sum()} classes {what}: {listed(names[some].tolist())}." for some, what in told if some.any()]


def curves(retrieved: Retrieved) -> Image:
    """Draw R@k against k."""
    names = [f"R@{k}" for k in retrieved.ks]
    places = np.arange(len(names)).astype(float)
    curves = [Curve(CHANCE, places, 100 * np.array([retrieved.levels[name] for name in names]))]
    for row, found in retrieved.found.items():
        means = found.means()
        curves.append(Curve(row, places, 100 * np.array([means[name].mean() for name in names])))
    title = f"a right {retrieved.unit} among the k nearest"
    return curve_picture({title: curves}, across="k", up="R@k, %", marks=[str(k) for k in retrieved.ks])


def written(name: str, values: np.ndarray, spread: bool) -> str:
    """Return a mean over initialisations as text, with their deviation where asked: shares in percent.

    Examples:
        >>> written("R@1", np.array([0.4, 0.6]), True), written("pose distance@5/torso", np.array([0.25]), True)
        ('50.0 ± 14.1', '0.250')
    """
    if name == MEDIAN:
        return f"{values.mean():.3g}"
    scale, form = (1, ".3f") if name.startswith("pose") else (100, ".1f")
    deviation = f" ± {scale * values.std(ddof=1):{form}}" if spread and len(values) > 1 else ""
    return f"{scale * values.mean():{form}}{deviation}"


def difference(name: str, one: Difference) -> str:
    """Return a difference as text."""
    if name.startswith("pose"):
        return f"{one.mean:+.3f} (95 % {one.low:+.3f} to {one.high:+.3f})"
    return f"{100 * one.mean:+.1f} points (95 % {100 * one.low:+.1f} to {100 * one.high:+.1f})"
