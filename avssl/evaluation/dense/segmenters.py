"""What finished networks of segmentation score, as they are: nothing is learned here."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from avssl.config import describe
from avssl.data import Dataset
from avssl.evaluation.base import Evaluator
from avssl.evaluation.dense.pixels import MASK, Constant, score
from avssl.evaluation.dense.segmentation import (
    METRICS,
    Regions,
    class_rows,
    histogram,
    overlap_of,
    overlap_of_items,
    weighed_overlap,
)
from avssl.evaluation.dense.sides import scan
from avssl.evaluation.dense.trials import Trial, differences, grouped, item_rows
from avssl.features.runs import Fresh
from avssl.nets import Encoder
from avssl.report.comparison import (
    by_metric,
    difference_notes,
    difference_numbers,
    format_percent,
    group_at,
    numbers_of,
    table_of,
)
from avssl.report.scores import Scores


class Segmenters(Evaluator):
    """Overlap of true and found regions, by networks that were trained before.

    Scores: ``miou`` and ``pixel accuracy``, shares in [0, 1]; each test picture whole, in its own size.

    Rows: the networks by name, and ``always ...``, every pixel of the test's commonest class: the level of chance.

    Args:
        test: pictures with a ``mask``.
        classes: names of the classes.
        networks: of pictures in [0, 1] to logits of pixels.
        against: the row that the others are compared with.
    """

    name = "eval_segmenters"

    def __init__(self, test: Dataset, classes: Sequence[str], networks: Mapping[str, nn.Module], against: str):
        if against not in networks:
            raise ValueError(f"against: there is no row {against!r}; there is {', '.join(networks)}")
        self.test, self.classes, self.networks, self.against = test, list(classes), dict(networks), against

    def __call__(
        self, encoder: Encoder, fresh: Fresh | None = None, folder: Path | None = None, device: str = "cpu"
    ) -> Scores:
        task, place = Regions(len(self.classes)), torch.device(device)
        seen = scan(self.test, MASK, "test", lambda item: (item["path"], item["group"], histogram(item)), True)
        counts = np.sum([each for *_, each in seen], 0)[: len(self.classes)]
        always = f"always {self.classes[int(counts.argmax())]}"
        constant = Constant(torch.from_numpy(counts).float())
        trials = [
            Trial(row=row, tuning="", seed=0, found=score(network, task, self.test, [], place))
            for row, network in {**self.networks, always: constant}.items()
        ]
        groups = grouped(trials)
        scores = {group: by_metric([overlap_of(trial) for trial in each]) for group, each in groups.items()}
        found = differences(groups, weighed_overlap, np.array([group for _, group, _ in seen]), self.against)
        level = float(scores[group_at(always, encoder="")]["miou"].mean())
        return Scores(
            title="Networks of segmentation as they are: overlap of found and true regions in %",
            numbers=numbers_of(scores) | difference_numbers(found, "miou", self.against),
            protocol={
                "test data": describe(self.test),
                "test pictures": len(seen),
                "classes": self.classes,
                "score": "mean over classes of intersection over union of all test pixels together; void left out",
                "torch": torch.__version__,
            },
            table=table_of(scores, METRICS),
            notes=(
                *difference_notes(found, METRICS[0], self.against),
                "In a difference the interval is a bootstrap over groups of test pictures: of one training each.",
                f"Chance scores {format_percent(level)} mean IoU: {always}.",
            ),
            tables={
                "items": item_rows(trials, [path for path, *_ in seen], overlap_of_items),
                "classes": list(class_rows(groups, self.classes)),
            },
        )
