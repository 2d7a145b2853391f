"""From the joints that heads found to numbers, tables and pictures."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
from PIL.Image import Image

from avssl.evaluation.keypoints.figures import skeleton_sheet
from avssl.evaluation.keypoints.fits import LOST, Fit, Scorer, grouped
from avssl.evaluation.keypoints.protocols import DEFAULT
from avssl.metrics import pck
from avssl.metrics.bootstrap import Difference, paired_difference
from avssl.report.comparison import (
    Group,
    Metric,
    Values,
    by_metric,
    compared,
    difference_notes,
    difference_numbers,
    format_percent,
    numbers_of,
    percent,
    table_of,
)
from avssl.report.figures import Curve, curve_picture
from avssl.report.scores import TRAINED, Scores


def summarize(fits: list[Fit], scorer: Scorer, protocol: Mapping[str, Any], against: str, num_shown: int) -> Scores:
    """Return the scores of all fits, their table, differences and pictures.

    Args:
        fits: every row, head, number of labels and draw.
        scorer: measures them.
        protocol: what the scores depend on.
        against: the row that every other row is compared with in pairs.
        num_shown: how many test pictures to draw.
    """
    groups, main = grouped(fits), percent(scorer.protocol.named(scorer.main))
    scores = {group: by_metric([scorer.measure(fit) for fit in members]) for group, members in groups.items()}
    differences = compare(groups, scorer, against)
    of = "" if scorer.protocol.name == DEFAULT else f", {scorer.protocol.name}"
    return Scores(
        title=f"Key points from few labels{of}: joints near their true place in %, lengths in {scorer.unit}s",
        numbers=numbers_of(scores) | difference_numbers(differences, main.name, against),
        protocol=protocol,
        table=tuple(table_rows(scores, scorer)),
        notes=(*difference_notes(differences, main, against), *notes(scores, scorer)),
        tables={
            "items": list(item_rows(fits, scorer)),
            "joints": list(joint_rows(groups, scorer)),
            "curves": list(curve_rows(groups, scorer)),
        },
        pictures={
            "skeletons": skeletons(groups, scorer, num_shown),
            "pck_by_threshold": curves(groups, scorer),
        },
    )


def compare(groups: Mapping[Group, list[Fit]], scorer: Scorer, against: str) -> dict[Group, Difference]:
    """Return each row's paired difference of the main score from the row ``against``, where both have the head."""
    found = {}
    for group, ours, theirs in compared(groups, against):
        mine, others = (np.stack([scorer.paired(fit) for fit in side]) for side in (ours, theirs))
        found[group] = paired_difference(mine, others, scorer.group)
    return found


def table_rows(scores: Mapping[Group, Values], scorer: Scorer) -> Iterator[dict[str, str]]:
    """Yield one row per group: shares in percent, the main one with its deviation over draws, and the mean error."""
    main, start, end = scorer.protocol.named(scorer.main), scorer.protocol.named(""), f"/{scorer.unit}"
    columns = {name: name.removeprefix(start).removesuffix(end) for name in next(iter(scores.values()))}
    metrics = [
        percent(name, "auc" if column.startswith("auc") else column, spread=name == main)
        for name, column in columns.items()
        if name.endswith(end) and ("pck@" in column or column.startswith("auc@"))
    ]
    found = Metric(name=f"{start}nme of found{end}", column="nme", form=".3f")
    for cells, values in zip(table_of(scores, [*metrics, found]), scores.values(), strict=True):
        lost = values[start + LOST].mean()
        yield cells | ({"nme": f"{cells['nme']}, {format_percent(lost)} % lost"} if lost else {})


def notes(scores: Mapping[Group, Values], scorer: Scorer) -> Iterator[str]:
    """Yield the level of chance, how differences were taken, and what the protocol departs in."""
    main = scorer.protocol.named(scorer.main)
    for row in dict.fromkeys(group.row for group in scores if not group["head"]):
        levels = (
            f"{format_percent(values[main].mean())} ({group['labels']} labels)"
            for group, values in scores.items()
            if group.row == row and not group["head"]
        )
        yield f"Chance scores {', '.join(levels)} {main}: the {row}, whatever the picture."
    yield (
        "± in the table: deviation over label draws. In a difference: standard error over label draws, the same labels "
        "for both; the interval is a bootstrap over label draws and the test's groups (videos where it has none)."
    )
    if scorer.protocol.departs:
        yield f"{scorer.protocol.name}: {scorer.protocol.departs}"
    if scorer.protocol.drop_lost:
        yield "A difference is over the joints that both rows found."


def item_rows(fits: Iterable[Fit], scorer: Scorer) -> Iterable[dict[str, Any]]:
    """Yield one row per test picture and fit."""
    test, main = scorer.test, scorer.protocol.named(scorer.main)
    for fit in fits:
        right, far = scorer.hits(fit), scorer.distances(fit)
        for item in np.flatnonzero(~np.isnan(far).all(1)):
            yield about(fit) | {
                "draw": fit.draw,
                "path": test.paths[test.video[item]],
                "time": round(float(test.times[item]), 6),
                main: round(float(np.nanmean(right[item])), 4),
                scorer.protocol.named(f"nme/{scorer.unit}"): round(float(np.nanmean(far[item])), 4),
            }


def joint_rows(groups: Mapping[Group, list[Fit]], scorer: Scorer) -> Iterable[dict[str, Any]]:
    """Yield one row per joint and group, means over draws."""
    main, nme = scorer.protocol.named(scorer.main), scorer.protocol.named(f"nme/{scorer.unit}")
    for fits in groups.values():
        right = np.mean([pck.per_joint(scorer.hits(fit)) for fit in fits], axis=0)
        far = np.mean([pck.per_joint(scorer.distances(fit)) for fit in fits], axis=0)
        for name, score, distance in zip(scorer.skeleton.joints, right, far, strict=True):
            known = {main: round(float(score), 4), nme: round(float(distance), 4)}
            yield about(fits[0]) | {"joint": name} | known


def curve_rows(groups: Mapping[Group, list[Fit]], scorer: Scorer) -> Iterable[dict[str, Any]]:
    """Yield one row per threshold and group, means over draws."""
    for fits in groups.values():
        curve = np.mean([scorer.curve(fit) for fit in fits], axis=0)
        for threshold, score in zip(scorer.protocol.grid, curve, strict=True):
            yield about(fits[0]) | {"threshold": threshold, "pck": round(float(score), 4)}


def curves(groups: Mapping[Group, list[Fit]], scorer: Scorer) -> Image:
    """Draw PCK by threshold, one panel for each head and number of labels."""
    panels: dict[str, list[Curve]] = {}
    heads, numbers = {group["head"] for group in groups if group["head"]}, {fits[0].labels for fits in groups.values()}
    for head, labels in product(sorted(heads), sorted(numbers)):
        for group, fits in groups.items():
            if group["labels"] == str(labels) and group["head"] in (head, ""):
                heights, grid = np.mean([scorer.curve(fit) for fit in fits], axis=0), np.array(scorer.protocol.grid)
                panels.setdefault(f"{head}, {labels} labels", []).append(Curve(group.row, grid, 100 * heights))
    return curve_picture(panels, across=f"threshold, in {scorer.unit} lengths", up="PCK, %")


def skeletons(groups: Mapping[Group, list[Fit]], scorer: Scorer, num_shown: int) -> Image:
    """Draw the truth and each row's joints on test pictures of different videos, by one head from the most labels."""
    firsts = [fits[0] for fits in groups.values()]
    labels = max(fit.labels for fit in firsts)
    head = min(fit.head for fit in firsts if fit.head and fit.labels == labels)
    found = {fit.row: fit.found for fit in firsts if (fit.labels, fit.head) == (labels, head)}
    pictures = np.unique(np.linspace(0, len(scorer.test) - 1, num_shown).round().astype(int))
    images = scorer.test.images.numpy()
    order = sorted(found, key=lambda row: row == TRAINED)  # the trained one last, beside what it is compared with
    sheet = {"truth": scorer.test.points[pictures]} | {row: found[row][pictures] for row in order}
    return skeleton_sheet(images[pictures], sheet, scorer.skeleton, f"{head}, {labels} labels, first draw")


def about(fit: Fit) -> dict[str, Any]:
    """Return the first columns of a fit in CSV files."""
    return {"row": fit.row, "head": fit.head, "labels": fit.labels}
