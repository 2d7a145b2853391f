"""One table of students and teachers: probes of every layer, means over seeds, differences from random weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from avssl.config import describe
from avssl.evaluation.baselines import calibrated
from avssl.evaluation.probes.evaluator import Probes
from avssl.evaluation.runner import write_csv
from avssl.evaluation.transfer.labels import Looking
from avssl.evaluation.transfer.student import Student
from avssl.evaluation.transfer.teachers import Loaded
from avssl.features.extraction import Asked
from avssl.nets import Encoder
from avssl.report.comparison import format_mean
from avssl.report.markdown import markdown_table
from avssl.report.scores import CHANCE, RANDOM, Scores
from avssl.text import printable
from avssl.training.export import load_encoder
from avssl.training.weights import load_weights

PERMUTED = "permuted"
LEARNED = ("train/accuracy", "train/accuracy_chance")


@dataclass(frozen=True, eq=False)
class Learned:
    """The students of a row.

    Args:
        runs: their folders, one for each seed.
        numbers: for each seed, what its clusters are like and how far the student learned them.
    """

    runs: Sequence[Path]
    numbers: Sequence[Mapping[str, float]]


def student_row(teacher: str) -> str:
    """Return the name of the row of a teacher's students."""
    return f"student of {teacher}"


def compare(
    probes: Probes,
    student: Student,
    seeds: Sequence[int],
    learned: Mapping[str, Learned],
    teachers: Sequence[Loaded],
    extra: Mapping[str, Sequence[str]],
    folder: Path | None,
    looking: Looking,
) -> Scores:
    """Return the table: random weights, students, further rows, the teachers themselves, chance.

    Args:
        probes: what reads the features, on which data.
        student: the common architecture.
        seeds: of the students; as many initial weights make the row ``random``.
        learned: students by the name of their row.
        teachers: asked themselves where they look at frames, by the layer that was clustered.
        extra: further rows of the common architecture, from a name to runs or files of weights.
        folder: where features and fits are kept.
        looking: where networks run.
    """
    layers, pool = probes.layers_of(student.encoder), probes.pool(student.encoder)

    def asked(several: Sequence[Encoder]) -> list[Asked]:
        return [Asked(one, layers) for one in several]

    rows = {RANDOM: asked([calibrated(student.fresh(seed), pool, device=looking.device) for seed in seeds])}
    rows |= {row: asked([load_encoder(run, trust=looking.trust) for run in one.runs]) for row, one in learned.items()}
    for row, paths in extra.items():
        rows[row] = asked([load_weights(path, student.encoder, looking.trust) for path in paths])
    seeing = [one for one in teachers if isinstance(one.encoder, Encoder) and one.recipe.stream == "frames"]
    rows |= {f"teacher {one.name}": [Asked(one.encoder, (one.layer,))] for one in seeing}
    scores = probes.compare(rows, student.encoder, folder, looking.device, each=False)
    deaf = [one.name for one in teachers if one not in seeing]
    means = (
        f"Means over {len(seeds)} seeds (clusters, initial weights, order) ± their deviation; − {RANDOM}: paired by "
        "seed and item, ± standard error over seeds."
    )
    notes = [
        means if len(seeds) > 1 else "One seed: the error is not known.",
        *([f"{PERMUTED}: the clusters of {teachers[0].name}, dealt out by lot."] if PERMUTED in learned else []),
        *([f"Not asked themselves, as they hear: {', '.join(deaf)}."] if deaf else []),
        *(note for note in scores.notes if "could not be read" in note or "classes" in note),
    ]
    return replace(
        scores,
        title=f"What one network, {type(student.encoder).__name__}, learns from teachers' clusters, probed: in %",
        table=tuple(lines_of(scores, tuple(rows), layers, learned)),
        notes=tuple(notes),
        protocol=protocol_of(scores.protocol, student, seeds, teachers, extra),
        tables={**scores.tables, "clusters": clusters_of(learned, seeds)},
    )


def protocol_of(
    probed: Mapping[str, Any],
    student: Student,
    seeds: Sequence[int],
    teachers: Sequence[Loaded],
    extra: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """Return all that the table depends on: that of the probes, the student, and who taught it."""
    names = ("optim", "schedule", "views", "steps", "batch_size", "balanced")
    return {name: value for name, value in probed.items() if name != "weights"} | {
        "random": f"{len(seeds)} initialisations, batch statistics of the training data",
        "seeds": list(seeds),
        "student": {"encoder": describe(student.encoder)} | {name: describe(getattr(student, name)) for name in names},
        "teachers": {one.name: one.about(one.data) | {"clustered": describe(one.clustered)} for one in teachers},
        "extra": {row: list(map(str, paths)) for row, paths in extra.items()},
    }


def lines_of(
    scores: Scores, rows: Sequence[str], layers: Sequence[str], learned: Mapping[str, Learned]
) -> list[dict[str, str]]:
    """Return a line for each row and layer, with a column for each probe and its difference from random weights.

    Args:
        scores: of the probes, a line for each row, probe and layer.
        rows: their names in order.
        layers: of the students, in order.
        learned: students by the name of their row.
    """
    metric = list(scores.table[0])[list(scores.table[0]).index("row") + 1]
    found = {(one["row"], one["layer"], one["probe"], one["labels"]): one[metric] for one in scores.table}
    probes = list(dict.fromkeys((probe, labels) for _, layer, probe, labels in found if layer))
    several = len({labels for _, labels in probes}) > 1
    lines = []
    for row in rows:
        own = dict.fromkeys(layer for one, layer, _, _ in found if one == row)
        for layer in [*(one for one in layers if one in own), *(one for one in own if one not in layers)]:
            line = {"row": row, "layer": layer}
            compared = row != RANDOM and not row.startswith("teacher ")
            for probe, labels in probes:
                title = f"{probe}, {labels}" if several else probe
                line[title] = found.get((row, layer, probe, labels), "")
                name = f"{row}-{RANDOM}/{probe}/{labels}/{layer}/{metric}"
                line[f"{title} − {RANDOM}"] = difference_of(scores.numbers, name) if compared else ""
            lines.append(line | about_clusters(learned.get(row)))
    chance = next(one[metric] for one in scores.table if one["row"] == CHANCE)
    last = dict.fromkeys(lines[0], "") | {"row": CHANCE}
    return [*lines, last | {name: chance for name in last if name in dict(probes) or name in map(", ".join, probes)}]


def difference_of(numbers: Mapping[str, float], name: str) -> str:
    """Return a difference in points with its standard error, where that is a number."""
    if name not in numbers:
        return ""
    error = numbers[f"{name}/error"]
    return f"{100 * numbers[name]:+.1f}" + (f" ± {100 * error:.1f}" if np.isfinite(error) else "")


def about_clusters(one: Learned | None) -> dict[str, str]:
    """Return the cells on what students learned from: agreement with classes, and how far it was learned."""
    cells = {}
    for column, name in (("NMI", "NMI"), ("learned", LEARNED[0]), ("by chance", LEARNED[1])):
        values = [] if one is None else [each[name] for each in one.numbers if name in each]
        cells[column] = format_mean(np.array(values), spread=False) if values else ""
    return cells


def clusters_of(learned: Mapping[str, Learned], seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Return a row for each student: its seed, what its clusters are like and how far it learned them."""
    rows = [
        {"row": row, "seed": seed} | dict(numbers)
        for row, one in learned.items()
        for seed, numbers in zip(seeds, one.numbers, strict=True)
    ]
    columns = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name, "") for name in columns} for row in rows]


def write_table(scores: Scores, folder: Path) -> list[Path]:
    """Write the table as Markdown and as CSV; return both paths."""
    columns = list(scores.table[0])
    lines = markdown_table(columns, ([str(row[column]) for column in columns] for row in scores.table))
    text = [f"**{scores.title}**", "", *lines, "", *(f"- {note}" for note in scores.notes)]
    paths = [folder / "transfer.md", folder / "transfer.csv"]
    paths[0].write_text(printable("\n".join(text)) + "\n", encoding="utf-8")
    write_csv(paths[1], scores.table)
    return paths
