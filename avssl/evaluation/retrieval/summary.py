"""A retrieval as a table, the notes under it, and R@k as curves."""

import numpy as np
from PIL.Image import Image

from avssl.evaluation.retrieval.question import Question, shown
from avssl.evaluation.retrieval.results import CHANCE, MEDIAN, POSE, Retrieved
from avssl.features.alignment import listed
from avssl.report.comparison import Metric, format_difference, percent, table_of
from avssl.report.figures import Curve, curve_picture
from avssl.report.scores import RANDOM, TRAINED


def table(retrieved: Retrieved) -> list[dict[str, str]]:
    """Return the rows that a person reads."""
    scores = retrieved.scores
    metrics = [
        metric_of(name, column, spread=column == f"R@{retrieved.ks[0]}") for column, name in retrieved.headline.items()
    ]
    rows = list(table_of(scores, metrics))
    for name in (name for name in retrieved.headline.values() if name.startswith(POSE)):
        for row, values in zip(rows, scores.values(), strict=True):
            row["way to oracle"] = f"{100 * retrieved.way(float(values[name].mean()), name):.0f} %"
    return rows


def metric_of(name: str, column: str, spread: bool) -> Metric:
    """Return how a measure is written: shares in percent, ranks and pose distances as they are."""
    if name == MEDIAN:
        return Metric(name=name, column=column, form=".3g")
    if name.startswith(POSE):
        return Metric(name=name, column=column, form=".3f", spread=spread)
    return percent(name, column, spread)


def notes(retrieved: Retrieved) -> list[str]:
    """Return what a reader of the table must know."""
    notes = []
    rows = {group for found in retrieved.differences.values() for group in found}
    for group in sorted(rows, key=lambda group: (group.row != TRAINED, list(retrieved.found).index(group.row))):
        texts = [
            f"{name} {format_difference(found[group], metric_of(name, name, spread=False))}"
            for name, found in retrieved.differences.items()
            if group in found
        ]
        notes.append(f"{group.row} − {RANDOM}: {'; '.join(texts)}.")
    if notes:
        notes[-1] += " Paired; bootstrap over initialisations and groups of queries."
    if retrieved.question.total.any():
        notes.append("R@k: any of the k first is right. Chance is the exact expectation of a random order.")
        lost = int((retrieved.question.total == 0).sum())
        if lost:
            notes.append(
                f"{lost} of {len(retrieved.ours)} queries have nothing right in the gallery and count nowhere."
            )
    if not retrieved.tells:
        notes.append(
            "Nothing in these data tells what is right (no key points of whole frames; labels and groups were not "
            "asked for), so nothing here says that one row is better than another: look at the picture. What is "
            "counted is the share of answers that the cheapest row gives too; near 100 %, features add nothing to it."
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
    found = [
        (asked & ~there, "of queries have nothing in the gallery"),
        (there & ~asked, "of the gallery have no query"),
    ]
    return [f"{some.sum()} classes {what}: {listed(names[some].tolist())}." for some, what in found if some.any()]


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
