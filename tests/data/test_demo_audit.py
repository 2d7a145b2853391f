"""No way around the task: on the demo figures an untrained network, pixels, colour statistics or still figures fail.

One place for the shortcuts of temporal order: each control sees tuples of training videos, then is scored on tuples
of held-out videos. Chance is 0.5 everywhere.
"""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from torch import nn

from avssl.data.demo import STYLES, draw_figure
from avssl.methods.order.shuffle_and_learn import TRIPLETS, pixel_closeness
from avssl.nets import RelationHead, SmallNet
from avssl.transforms import Draws, GainOffset

VIDEOS = {"train": 30, "heldout": 30}
LABELS = torch.tensor([1, 1, 0, 0, 0, 0])
FAIR = torch.tensor([2.0, 2.0, 1.0, 1.0, 1.0, 1.0]) / 8  # both classes weigh the same


def tuples_of(split: str, still: bool = False, truth: bool = False) -> torch.Tensor:
    """Return five frames a < b < c < d < e, 3 to 7 frames apart, of each video 20 times: ``(tuples, 5, 3, 32, 32)``.

    Light changes from frame to frame, as in training. With ``truth`` the joints instead, ``(tuples, 5, 14, 2)``.
    """
    rng = np.random.default_rng(list(VIDEOS).index(split))
    tuples = []
    for number in range(VIDEOS[split]):
        seed = (list(VIDEOS).index(split), number)
        drawing = draw_figure(seed, style=STYLES[number % 3], size=32)
        frames = torch.from_numpy(drawing.keypoints if truth else drawing.frames.transpose(0, 3, 1, 2))
        gaps = rng.integers(3, 8, (20, 4)).cumsum(1)
        start = rng.integers(0, 64 - gaps[:, -1])
        index = np.column_stack([start, start[:, None] + gaps])
        tuples.append(frames[index * (not still)])
    if truth:
        return torch.cat(tuples)
    plain = torch.cat(tuples).float() / 255
    key = torch.arange(len(plain))[:, None] + 10**6 * list(VIDEOS).index(split)
    return GainOffset(gain=0.2, offset=0.15, scope="frame")(plain, Draws(key))


@pytest.fixture(scope="module")
def moving() -> dict[str, torch.Tensor]:
    return {split: tuples_of(split) for split in VIDEOS}


def verify(train: torch.Tensor, heldout: torch.Tensor) -> tuple[float, float]:
    """Train a relation head on features ``(tuples, 5, dim)``; return balanced accuracy and AUC on held-out ones."""
    torch.manual_seed(0)
    head = RelationHead(train.shape[-1], 3)
    steps = 200
    optimizer = torch.optim.AdamW(head.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    for _ in range(steps):
        triplets = train[torch.randint(len(train), (64,))][:, TRIPLETS]
        losses = nn.functional.cross_entropy(head(triplets.flatten(0, 1)), LABELS.repeat(64), reduction="none")
        optimizer.zero_grad()
        (losses.view(64, 6) * FAIR).sum(1).mean().backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        scores = head.eval()(heldout[:, TRIPLETS].flatten(0, 1))
    return scored((scores[:, 1] - scores[:, 0]).numpy())


def scored(scores: np.ndarray) -> tuple[float, float]:
    truth = LABELS.repeat(len(scores) // 6).numpy()
    return float(balanced_accuracy_score(truth, scores > 0)), float(roc_auc_score(truth, scores))


@torch.no_grad()
def untrained(tuples: dict[str, torch.Tensor], seed: int) -> dict[str, torch.Tensor]:
    """Return features of a network that nobody trained; its normalisation has seen the training videos."""
    torch.manual_seed(seed)
    encoder = SmallNet(dim=128, width=24)
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.momentum = None  # the plain mean over what is seen
    for batch in tuples["train"].flatten(0, 1).split(500):
        encoder.train()(batch)
    encoder.eval()
    return {split: encoder(frames.flatten(0, 1)).unflatten(0, (-1, 5)) for split, frames in tuples.items()}


def test_an_untrained_network_does_not_solve_temporal_order(moving):
    accuracy, auc = verify(**untrained(moving, seed=0))
    assert accuracy <= 0.62 and auc <= 0.66


def test_pixel_differences_do_not_solve_it(moving):
    _, auc = scored(pixel_closeness(moving["heldout"]).flatten().numpy())
    assert auc <= 0.62


def test_colour_statistics_do_not_solve_it(moving):
    def statistics(tuples):
        features = torch.cat([tuples.mean((3, 4)), tuples.std((3, 4))], 2)[:, TRIPLETS]
        gaps = (features - features.roll(1, 2)).abs()
        return torch.cat([features, gaps], 3).flatten(2).flatten(0, 1).numpy()

    model = LogisticRegression(class_weight="balanced", max_iter=1000)
    model.fit(statistics(moving["train"]), LABELS.repeat(len(moving["train"])))
    accuracy, auc = scored(model.decision_function(statistics(moving["heldout"])))
    assert 0.44 < accuracy < 0.56 and 0.44 < auc < 0.56


def test_the_joints_do_solve_it():
    """The task is hard, not void: where the limbs are tells the order, even for a plain sum of distances."""
    joints = tuples_of("heldout", truth=True)
    _, auc = scored(pixel_closeness(joints[..., None]).flatten().numpy())
    assert auc >= 0.75


def test_still_figures_leave_chance():
    still = {split: tuples_of(split, still=True) for split in VIDEOS}
    accuracy, auc = verify(**untrained(still, seed=0))
    assert 0.46 < accuracy < 0.54 and 0.46 < auc < 0.54
