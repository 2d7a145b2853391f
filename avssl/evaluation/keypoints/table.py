"""From the joints that heads found to numbers, tables and pictures."""

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

import numpy as np
from PIL.Image import Image

from avssl.evaluation.keypoints.figures import skeleton_sheet
from avssl.evaluation.keypoints.fits import LOST, Fit, Group, Scorer, grouped
from avssl.evaluation.keypoints.protocols import DEFAULT
from avssl.metrics import pck
from avssl.metrics.bootstrap import Difference, paired_difference
from avssl.report.figures import Curve, curve_picture
from avssl.report.scores import TRAINED, Scores


def summarise(fits: list[Fit], judge: Scorer, protocol: Mapping[str, Any], against: str, shown: int) -> Scores:
    """Return all that there is to say about the fits.

    Args:
        fits: every row, head, number of labels and draw.
        judge: measures them.
        protocol: what the scores depend on.
        against: the row that every other row is compared with in pairs.
        shown: how many test pictures to draw.
    """
    groups, main = grouped(fits), judge.protocol.named(judge.main)
    scores = {group: [judge.measure(fit) for fit in members] for group, members in groups.items()}
    numbers = {
        "/".join(filter(None, (row, head, str(labels), metric))): float(np.mean([each[metric] for each in draws]))
        for (labels, head, row), draws in scores.items()
        for metric in draws[0]
    }
    differences = compare(groups, judge, against)
    for (labels, head, row), found in differences.items():
        name = f"{row}-{against}/{head}/{labels}/{main}"
        numbers |= {
            name: found.mean,
            f"{name}/error": found.error,
            f"{name}/low": found.low,
            f"{name}/high": found.high,
        }
    of = "" if judge.protocol.name == DEFAULT else f", {judge.protocol.name}"
    return Scores(
        title=f"Key points from few labels{of}: joints near their true place in %, lengths in {judge.unit}s",
        numbers=numbers,
        protocol=protocol,
        table=tuple(table_rows(scores, judge)),
        notes=tuple(notes(scores, differences, judge, against)),
        tables={
            "items": list(item_rows(fits, judge)),
            "joints": list(joint_rows(groups, judge)),
            "curves": list(curve_rows(groups, judge)),
        },
        pictures={
            "skeletons": skeletons(groups, judge, shown),
            "pck_by_threshold": curves(groups, judge),
        },
    )


def compare(groups: Mapping[Group, list[Fit]], judge: Scorer, against: str) -> dict[Group, Difference]:
    """Return each row's paired difference of the main score from the row ``against``, where both have the head."""
    found = {}
    for (labels, head, row), fits in groups.items():
        if row != against and (labels, head, against) in groups:
            ours, theirs = (
                np.stack([judge.paired(fit) for fit in members]) for members in (fits, groups[labels, head, against])
            )
            found[labels, head, row] = paired_difference(ours, theirs, judge.group)
    return found


def table_rows(scores: Mapping[Group, list[dict[str, float]]], judge: Scorer) -> Iterable[dict[str, str]]:
    """Shares in percent, with the deviation over draws for the main one; the title tells protocol and normaliser."""
    main, start, end = judge.protocol.named(judge.main), judge.protocol.named(""), f"/{judge.unit}"
    for (labels, head, row), draws in scores.items():
        cells = {"head": head or "none", "labels": str(labels), "row": row}
        means = {name: float(np.mean([each[name] for each in draws])) for name in draws[0]}
        for name, value in means.items():
            metric = name.removeprefix(start).removesuffix(end)
            if name.endswith(end) and metric == "nme":
                lost = means[start + LOST]
                told = f", {100 * lost:.1f} % lost" if lost else ""
                cells["nme"] = f"{means[f'{start}nme of found{end}']:.3f}{told}"
            elif name.endswith(end) and ("pck@" in metric or metric.startswith("auc@")):
                spread = np.std([each[name] for each in draws], ddof=1) if name == main and len(draws) > 1 else None
                text = f"{100 * value:.1f}" + (f" ± {100 * spread:.1f}" if spread is not None else "")
                cells["auc" if metric.startswith("auc") else metric] = text
        yield cells


def notes(
    scores: Mapping[Group, list[dict[str, float]]], differences: Mapping[Group, Difference], judge: Scorer, against: str
) -> Iterable[str]:
    """Differences, those of the trained encoder first, and the level of knowing nothing."""
    main = judge.protocol.named(judge.main)
    for (labels, head, row), found in sorted(differences.items(), key=lambda one: one[0][2] != TRAINED):
        yield f"{row} − {against}, {head}, {labels} labels: {found} points of {main}"
    for row in dict.fromkeys(row for _, head, row in scores if not head):
        levels = (
            f"{100 * np.mean([each[main] for each in draws]):.1f} ({labels} labels)"
            for (labels, head, name), draws in scores.items()
            if name == row and not head
        )
        yield f"Knowing nothing scores {', '.join(levels)} {main}: the {row}, whatever the picture."
    yield (
        "± in the table: deviation over label draws. In a difference: standard error over label draws, the same labels "
        "for both; the interval is a bootstrap over label draws and the test's groups (videos where it has none)."
    )
    if judge.protocol.departs:
        yield f"{judge.protocol.name}: {judge.protocol.departs}"
    if judge.protocol.drop_lost:
        yield "A difference is over the joints that both rows found."


def item_rows(fits: Iterable[Fit], judge: Scorer) -> Iterable[dict[str, Any]]:
    """One row a test picture and fit."""
    test, main = judge.test, judge.protocol.named(judge.main)
    for fit in fits:
        right, far = judge.hits(fit), judge.distances(fit)
        for item in np.flatnonzero(~np.isnan(far).all(1)):
            yield {
                "row": fit.row,
                "head": fit.head,
                "labels": fit.labels,
                "draw": fit.draw,
                "path": test.paths[test.video[item]],
                "time": round(float(test.times[item]), 6),
                main: round(float(np.nanmean(right[item])), 4),
                judge.protocol.named(f"nme/{judge.unit}"): round(float(np.nanmean(far[item])), 4),
            }


def joint_rows(groups: Mapping[Group, list[Fit]], judge: Scorer) -> Iterable[dict[str, Any]]:
    """One row a joint and group, means over draws."""
    main, nme = judge.protocol.named(judge.main), judge.protocol.named(f"nme/{judge.unit}")
    for (labels, head, row), fits in groups.items():
        right = np.mean([pck.per_joint(judge.hits(fit)) for fit in fits], axis=0)
        far = np.mean([pck.per_joint(judge.distances(fit)) for fit in fits], axis=0)
        for name, score, distance in zip(judge.skeleton.joints, right, far, strict=True):
            known = {main: round(float(score), 4), nme: round(float(distance), 4)}
            yield {"row": row, "head": head, "labels": labels, "joint": name} | known


def curve_rows(groups: Mapping[Group, list[Fit]], judge: Scorer) -> Iterable[dict[str, Any]]:
    """One row a threshold and group, means over draws."""
    for (labels, head, row), fits in groups.items():
        curve = np.mean([judge.curve(fit) for fit in fits], axis=0)
        for threshold, score in zip(judge.protocol.grid, curve, strict=True):
            yield {"row": row, "head": head, "labels": labels, "threshold": threshold, "pck": round(float(score), 4)}


def curves(groups: Mapping[Group, list[Fit]], judge: Scorer) -> Image:
    """Draw PCK by threshold, one panel for each head and number of labels."""
    panels: dict[str, list[Curve]] = {}
    heads, numbers = {head for _, head, _ in groups if head}, {labels for labels, _, _ in groups}
    for head, labels in product(sorted(heads), sorted(numbers)):
        for (count, name, row), fits in groups.items():
            if count == labels and name in (head, ""):
                heights, grid = np.mean([judge.curve(fit) for fit in fits], axis=0), np.array(judge.protocol.grid)
                panels.setdefault(f"{head}, {labels} labels", []).append(Curve(row, grid, 100 * heights))
    return curve_picture(panels, across=f"threshold, in {judge.unit} lengths", up="PCK, %")


def skeletons(groups: Mapping[Group, list[Fit]], judge: Scorer, shown: int) -> Image:
    """Draw the truth and each row's joints on test pictures of different videos, by one head from the most labels."""
    labels = max(labels for labels, _, _ in groups)
    head = min(head for count, head, _ in groups if head and count == labels)
    found = {row: fits[0].found for (count, name, row), fits in groups.items() if (count, name) == (labels, head)}
    pictures = np.unique(np.linspace(0, len(judge.test) - 1, shown).round().astype(int))
    images = judge.test.images.numpy()
    order = sorted(found, key=lambda row: row == TRAINED)  # the trained one last, beside what it is compared with
    sheet = {"truth": judge.test.points[pictures]} | {row: found[row][pictures] for row in order}
    return skeleton_sheet(images[pictures], sheet, judge.skeleton, f"{head}, {labels} labels, first draw")
