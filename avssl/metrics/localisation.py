"""How well a map finds a box: pointing, overlap under several rules, and the rows that need no sound.

Boxes are left, top, right, bottom in pixels, edges (0-based: the first pixel reaches from 0 to 1). Pointing:
Arandjelovic and Zisserman, "Objects that Sound", ECCV 2018, section 4.2. cIoU and its area under thresholds: Senocak et
al., CVPR 2018, section 5: annotators vote for each place; with one box, or the union of several, cIoU is the IoU.
"""

import numpy as np

THRESHOLDS = np.arange(0, 1.0001, 0.05)  # of the IoU, for the area


def box_mask(box: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return which pixels have their middle in a box, bool ``(height, width)``.

    Examples:
        >>> int(box_mask(np.array([0, 0, 2, 1]), 4, 4).sum())
        2
    """
    left, top, right, bottom = box
    rows, columns = np.arange(height) + 0.5, np.arange(width) + 0.5
    return ((rows >= top) & (rows < bottom))[:, None] & ((columns >= left) & (columns < right))[None]


def peak(scores: np.ndarray) -> tuple[float, float]:
    """Return the middle of the greatest cell of a map ``(height, width)``, x and y; the mean of those that are equal.

    Examples:
        >>> peak(np.array([[0.0, 1.0], [0.0, 0.0]]))
        (1.5, 0.5)
    """
    rows, columns = np.nonzero(scores == scores.max())
    return float(columns.mean() + 0.5), float(rows.mean() + 0.5)


def within(point: tuple[float, float], box: np.ndarray) -> bool:
    """Tell whether a point x, y lies in a box."""
    return bool(box[0] <= point[0] < box[2] and box[1] <= point[1] < box[3])


def iou(mask: np.ndarray, truth: np.ndarray) -> float:
    """Return the overlap of two masks, their intersection over their union; 0 if both are empty."""
    union = (mask | truth).sum()
    return float((mask & truth).sum() / union) if union else 0.0


def consensus(boxes: np.ndarray, votes: float, height: int, width: int) -> np.ndarray:
    """Return how far annotators agree on each pixel, in [0, 1], ``(height, width)``: the boxes on it over ``votes``.

    Args:
        boxes: in pixels, ``(boxes, 4)``.
        votes: boxes that count in full; 1 makes their union, 2 the consensus of Flickr-SoundNet.
        height: of the picture, in pixels.
        width: of the picture, in pixels.

    Examples:
        >>> consensus(np.array([[0, 0, 2, 1], [1, 0, 3, 1]]), 2, 1, 4).tolist()
        [[0.5, 1.0, 0.5, 0.0]]
    """
    covered = np.sum([box_mask(box, height, width) for box in boxes], axis=0, dtype=float)
    return np.minimum(covered / votes, 1)


def consensus_iou(mask: np.ndarray, truth: np.ndarray) -> float:
    """Return the cIoU: truth under a mask, over all truth and what a mask covers without any; 0 if both are empty.

    Args:
        mask: what was found, bool ``(height, width)``.
        truth: in [0, 1], see `consensus`; where it is a mask itself, this is the IoU.

    Examples:
        >>> consensus_iou(np.array([True, True, False]), np.array([0.5, 0.0, 1.0]))
        0.2
    """
    total = truth.sum() + (mask & (truth == 0)).sum()
    return float(truth[mask].sum() / total) if total else 0.0


def top_half(scores: np.ndarray) -> np.ndarray:
    """Return the half of the pixels where a map is greatest: the field's rule (at least its median).

    Exactly half, so that a flat map does not become the whole picture: equal pixels are taken in reading order.
    """
    mask = np.zeros(scores.size, bool)
    mask[np.argsort(-scores.ravel(), kind="stable")[: scores.size // 2]] = True
    return mask.reshape(scores.shape)


def above(scores: np.ndarray, threshold: float) -> np.ndarray:
    """Return where a map, brought to 0 to 1, is at least a threshold; everywhere if it is flat."""
    low, high = scores.min(), scores.max()
    return np.ones(scores.shape, bool) if high <= low else (scores - low) / (high - low) >= threshold


def best_half(truth: np.ndarray) -> float:
    """Return the greatest cIoU that half of the picture can have with the truth: what the top-half rule allows.

    Examples:
        >>> best_half(box_mask(np.array([0, 0, 2, 2]), 4, 4))
        0.5
    """
    best = np.sort(truth.astype(float).ravel())[::-1]
    half = truth.size // 2
    return float(best[:half].sum() / (best.sum() + (best[:half] == 0).sum()))


def success(overlaps: np.ndarray, threshold: float = 0.5) -> float:
    """Return the share of overlaps of at least a threshold: cIoU@0.5."""
    return float((overlaps >= threshold).mean())


def area(overlaps: np.ndarray) -> float:
    """Return the area under the share of overlaps above each of `THRESHOLDS`, by trapezia.

    Examples:
        >>> round(area(np.array([1.0])), 3), round(area(np.array([0.0])), 3)
        (1.0, 0.025)
    """
    return float(np.trapezoid([success(overlaps, threshold) for threshold in THRESHOLDS], THRESHOLDS))


def centre_disc(height: int, width: int, share: float = 0.5) -> np.ndarray:
    """Return a disc, in the picture's proportions, round the centre that covers a share of the picture."""
    y, x = np.meshgrid((np.arange(height) + 0.5) / height - 0.5, (np.arange(width) + 0.5) / width - 0.5, indexing="ij")
    far = x**2 + y**2
    mask = np.zeros(far.size, bool)
    mask[np.argsort(far.ravel(), kind="stable")[: round(share * far.size)]] = True
    return mask.reshape(far.shape)
