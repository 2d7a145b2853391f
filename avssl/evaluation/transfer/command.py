"""Knowledge transfer from teachers to one common student, and the table: what ``tools/transfer.py`` runs.

Noroozi, Vinjimoor, Favaro and Pirsiavash, "Boosting Self-Supervised Learning via Knowledge Transfer", CVPR 2018,
https://arxiv.org/abs/1805.00385.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from rich.console import Console

from avssl.config import ConfigError, Trust, trusting
from avssl.data import Dataset
from avssl.evaluation.probes.evaluator import Probes
from avssl.evaluation.runner import score_and_write
from avssl.evaluation.transfer.labels import ClusterSettings, Looking, label_items, permute_labels
from avssl.evaluation.transfer.student import Student, measures_of
from avssl.evaluation.transfer.table import LEARNED, PERMUTED, Learned, compare, student_row, write_table
from avssl.evaluation.transfer.teachers import Loaded, Teacher, find_teachers
from avssl.features.device import find_device
from avssl.features.runs import CONFIG
from avssl.features.sharing import from_environment
from avssl.report.scores import CHANCE, RANDOM, Scores


def transfer(
    data: Dataset,
    student: Student,
    out: Path,
    teachers: Mapping[str, str | Teacher],
    evaluator: Probes | None = None,
    clustered: Dataset | None = None,
    clustering: ClusterSettings | None = None,
    layer: str | None = None,
    max_features: int | None = 9216,
    permuted: bool = True,
    extra: Mapping[str, Sequence[str]] | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    train: bool = True,
    device: str = "auto",
    batch: int = 256,
    workers: int = 0,
    trust: Trust = (),
) -> Scores | None:
    """Cluster the features of teachers, teach the clusters to one common student from scratch, and probe all.

    Each teacher, pixels and HOG among them, goes the same way: features of ``clustered``, k-means, the nearest centre
    of each item of ``data`` as its label, and for each seed a student that learns these labels, an ordinary run under
    ``<out>/students``. Steps that are done are not done again; what the folder holds of other settings is refused.

    The table has random weights of the student, ``permuted`` labels, the students, ``extra`` rows, the teachers
    themselves by the layer that was clustered, and chance. It is printed, and written as ``transfer.md`` and
    ``transfer.csv``, into ``scores.jsonl`` and the report.

    Args:
        data: what is labelled and learned from.
        student: what learns.
        out: folder to write into.
        teachers: from a name to the folder of a run, a file of weights, or settings of more (`Teacher`).
        evaluator: probes of the features; None stops after the students.
        clustered: what clusters are made of; None for ``data``.
        clustering: how; None for 2,000 clusters of 256 whitened components.
        layer: of teachers that name none; None for their deepest map.
        max_features: numbers that maps are averaged to at most, before they are clustered.
        permuted: add a student of the first teacher's labels, dealt out by lot.
        extra: further rows, from a name to runs of the student's architecture, such as the teacher's task itself.
        seeds: of k-means and students, one of each for every seed.
        train: False writes labels and the settings of students, for ``tools/train.py`` on any number of devices; the
            same command then goes on with the table.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
        batch: frames a pass.
        workers: processes that read ahead.
        trust: packages whose classes runs may name and so run, see `avssl.load_encoder`.

    Returns:
        The table; None without ``evaluator``, or where students are yet to be trained.

    Raises:
        ConfigError: if a teacher cannot be loaded, has no such layer or looks at other items, there are fewer items
            than clusters, or ``out`` holds what does not fit.
    """
    check(teachers, extra or {}, seeds)
    console, device = Console(soft_wrap=True, highlight=False), find_device(device)
    looking = Looking(device=device, batch=batch, workers=workers, trust=trust)
    clustering = ClusterSettings() if clustering is None else clustering
    with trusting(trust):
        found = find_teachers(teachers, data, clustered, layer, max_features, trust)
        found = sorted(found, key=lambda one: one.name not in teachers)  # the first one named is the one permuted
        learned, waiting = learn_all(found, data, student, out, clustering, permuted, seeds, train, looking, console)
        if waiting:
            console.print("Students are yet to be trained, then the same command again:")
            for run in waiting:
                console.print(f"  python tools/train.py {run / CONFIG}")
            return None
        scores = None
        if evaluator is not None:
            scores = score_and_write(
                evaluator,
                f"students under {out}",
                out,
                lambda kept: compare(evaluator, student, seeds, learned, found, extra or {}, kept, looking),
            )
            console.print(f"Written: {', '.join(map(str, write_table(scores, out)))}")
    for line in next_commands(learned[student_row(found[0].name)].runs[0]):
        console.print(line)
    return scores


def check(teachers: Mapping[str, str | Teacher], extra: Mapping[str, Sequence[str]], seeds: Sequence[int]) -> None:
    """Refuse what cannot be compared.

    Raises:
        ConfigError: if so.
    """
    if from_environment().world > 1:
        raise ConfigError(
            "tools/transfer.py works in one process; start it without torchrun, and with train=false to train students "
            "on several devices by tools/train.py"
        )
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise ConfigError(f"seeds: needs different whole numbers of at least 0; got {list(seeds)}")
    for name in (RANDOM, PERMUTED, CHANCE):
        if name in teachers or name in extra:
            raise ConfigError(
                f"{'teachers' if name in teachers else 'extra'}.{name}: there is a row of that name; choose another"
            )
    if empty := [name for name, paths in extra.items() if not paths or isinstance(paths, str)]:
        raise ConfigError(f"extra.{empty[0]}: needs a list of runs or files of weights")


def learn_all(
    teachers: Sequence[Loaded],
    data: Dataset,
    student: Student,
    out: Path,
    clustering: ClusterSettings,
    permuted: bool,
    seeds: Sequence[int],
    train: bool,
    looking: Looking,
    console: Console,
) -> tuple[dict[str, Learned], list[Path]]:
    """Return the students of each row, and the runs that are yet to be trained."""
    learned: dict[str, Learned] = {}
    waiting: list[Path] = []
    accelerator = "cuda" if torch.device(looking.device).type == "cuda" else "cpu"

    def learn(row: str, name: str, labels: Sequence[Path], numbers: Sequence[Mapping[str, float]]) -> None:
        runs, all_numbers = [], []
        for seed, file, own in zip(seeds, labels, numbers, strict=True):
            run = out / "students" / f"{name}_{seed}"
            console.print(f"{row}, seed {seed}: {run}", style="bold")
            student.learn(data, file, clustering.clusters, seed, run, accelerator, train)
            measures = measures_of(run, student.steps)
            if measures is None:
                waiting.append(run)
            runs.append(run)
            all_numbers.append({**own, **{one: value for one, value in (measures or {}).items() if one in LEARNED}})
        learned[row] = Learned(runs, all_numbers)

    for place, teacher in enumerate(teachers):
        folder = out / "teachers" / teacher.name
        given = [label_items(teacher, clustering, seed, folder, looking) for seed in seeds]
        files, numbers = [file for file, _ in given], [own for _, own in given]
        if permuted and not place:
            lots = [
                permute_labels(file, data, seed, folder / f"{PERMUTED}_{seed}")
                for seed, file in zip(seeds, files, strict=True)
            ]
            learn(PERMUTED, PERMUTED, lots, [{} for _ in seeds])
        learn(student_row(teacher.name), teacher.name, files, numbers)
    return learned, waiting


def next_commands(run: Path) -> list[str]:
    """Return what is asked of a student next: probes of every layer, and VOC 2007, by probes and fine-tuned."""
    commands = (
        "eval_probe.py configs/eval_probe_voc07.yaml",
        "eval_finetune.py configs/eval_finetune_voc07.yaml",
        "eval_detection.py configs/eval_detection_voc07.yaml",
    )
    return ["Next, for any student:", *(f"  python tools/{one} run={run}" for one in commands)]
