"""Single cues that could tell a pair: loudness and brightness and the like, alone and all together."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from avssl.evaluation.sound.clips import others

PICTURE = ("brightness", "contrast", "saturation", "warmth", "edges")
SOUND = ("loudness", "peak", "zero crossings", "centroid", "onset")
TOGETHER = "all together"
ONSET = 0.1  # of the loudest sample: where a window is said to begin to sound


def picture_cues(pictures: Tensor) -> Tensor:
    """Return `PICTURE` for pictures, float64 ``(N, 5)``.

    Args:
        pictures: float in [0, 1], ``(N, 3, H, W)``.
    """
    grey, spread = pictures.mean(1), pictures.amax(1) - pictures.amin(1)
    edges = grey.diff(dim=1).abs().mean((1, 2)) + grey.diff(dim=2).abs().mean((1, 2))
    warmth = (pictures[:, 0] - pictures[:, 2]).mean((1, 2))
    found = [grey.mean((1, 2)), grey.flatten(1).std(1), spread.mean((1, 2)), warmth, edges]
    return torch.stack(found, 1).double()


def sound_cues(sound: Tensor) -> Tensor:
    """Return `SOUND` for windows of sound, float64 ``(N, 5)``.

    Loudness and peak in logarithms; the centroid of the spectrum as a share of half the rate; the onset as a share of
    the window.

    Args:
        sound: ``(N, channels, samples)``.
    """
    wave = sound.mean(1)
    power = torch.fft.rfft(wave, dim=1).abs().square()
    place = torch.linspace(0, 1, power.shape[1])
    centroid = (power * place).sum(1) / power.sum(1).clamp(min=1e-12)
    crossings = (wave.sign().diff(dim=1) != 0).float().mean(1)
    loudest = wave.abs().amax(1)
    onset = (wave.abs() >= ONSET * loudest[:, None].clamp(min=1e-12)).float().argmax(1) / wave.shape[1]
    logs = [wave.square().mean(1).clamp(min=1e-12).log() / 2, loudest.clamp(min=1e-6).log()]
    return torch.stack([*logs, crossings, centroid, onset], 1).double()


def cue_scores(
    pictures: tuple[np.ndarray, np.ndarray], sounds: tuple[np.ndarray, np.ndarray], partner: tuple[np.ndarray, ...]
) -> Mapping[str, float]:
    """Return the AUC with which cues tell held-out pairs, by pair of cues and for ``"all together"``; chance 0.5.

    Cues, their products and squares go through logistic regression, fitted on training pairs, judged on held-out ones.

    Args:
        pictures: cues of training and of held-out pictures, each ``(N, 5)``.
        sounds: likewise of sounds; row by row they belong together.
        partner: whose sound makes the false pair, for training and held-out rows.
    """
    both, truth = rows_of(pictures, sounds, partner)
    return single_cues(both, truth) | {TOGETHER: separability(both, truth)}


def single_cues(both: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> dict[str, float]:
    """Return the AUC of each cue of the picture with each of the sound."""
    return {
        f"{seen} with {heard}": separability([rows[:, [one, len(PICTURE) + two]] for rows in both], truth)
        for one, seen in enumerate(PICTURE)
        for two, heard in enumerate(SOUND)
    }


def separability(both: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> float:
    """Return the held-out AUC of logistic regression on cues, their squares and products.

    Products, because sounds exchanged within the data leave every single cue as it was: no tree could even begin.
    """
    from sklearn.linear_model import LogisticRegression  # slow to import
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    model = make_pipeline(StandardScaler(), PolynomialFeatures(2), StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(both[0], truth[0])
    return float(roc_auc_score(truth[1], model.decision_function(both[1])))


def chance_level(
    pictures: tuple[np.ndarray, np.ndarray],
    sounds: tuple[np.ndarray, np.ndarray],
    partner: tuple[np.ndarray, ...],
    clips: tuple[int, int],
    recording: tuple[Tensor, Tensor],
    times: int = 19,
) -> float:
    """Return what the best pair of cues reaches, once in twenty, where nothing belongs together.

    The sounds are given to other recordings, ``times`` times, and the greatest AUC of all is returned.

    Args:
        pictures: as for `cue_scores`.
        sounds: likewise.
        partner: likewise.
        clips: pairs of each item, in a row, in training and held-out data.
        recording: a number for that of each pair, likewise, ``(N,)``; several items may be of one.
        times: how often.
    """
    found = []
    for number in range(times):
        moved = []
        for heard, count, numbers in zip(sounds, clips, recording, strict=True):
            (whose,) = others(numbers[::count], 1, number)  # each item gets the sounds of another recording
            moved.append(heard.reshape(-1, count, heard.shape[1])[whose.numpy()].reshape(heard.shape))
        found.append(max(single_cues(*rows_of(pictures, moved, partner)).values()))
    return max(found)


def rows_of(
    pictures: Sequence[np.ndarray], sounds: Sequence[np.ndarray], partner: Sequence[np.ndarray]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return true pairs above false ones, and which are which, for training and held-out data."""
    both = [
        np.concatenate([np.hstack([seen, heard]), np.hstack([seen, heard[other]])])
        for seen, heard, other in zip(pictures, sounds, partner, strict=True)
    ]
    return both, [np.repeat([1, 0], len(rows) // 2) for rows in both]
