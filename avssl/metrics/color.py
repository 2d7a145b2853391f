"""How near colours are to the true ones: the area under the share of near pixels, and the signal to noise.

Zhang, Isola and Efros, "Colorful Image Colorization", ECCV 2016, section 3.1, "Raw accuracy (AuC)".
https://arxiv.org/abs/1603.08511. A picture's own colours are one guess among several: raw measures favour dull ones.
"""

import numpy as np

FARTHEST = 150  # greatest distance in the plane of a and b that is asked for (section 3.1)


def color_area(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the area under the share of pixels whose colour is within a distance, over distances of 0 to 150.

    The distance is Euclidean in a and b. Scaled to 1 for the true colours; thresholds are not stepped: the area under
    a pixel's step is exact.

    Args:
        found: channels a and b, ``(N, 2, H, W)``.
        truth: the same of the true pictures.

    Returns:
        A share in [0, 1] for each picture, ``(N,)``.

    Examples:
        >>> color_area(np.array([[[[30.0]], [[40.0]]]]), np.zeros((1, 2, 1, 1))).round(3).tolist()
        [0.667]
    """
    far = np.sqrt(((found.astype(np.float64) - truth) ** 2).sum(1))
    return (1 - far.clip(max=FARTHEST) / FARTHEST).mean((1, 2))


def signal_to_noise(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the peak signal-to-noise ratio of uint8 pictures in dB, ``(N,)``; infinite where they are equal.

    Examples:
        >>> signal_to_noise(np.full((1, 3, 2, 2), 51, np.uint8), np.zeros((1, 3, 2, 2), np.uint8)).round(2).tolist()
        [13.98]
    """
    error = ((found.astype(np.float64) - truth) ** 2).mean((1, 2, 3))
    return np.where(error > 0, 10 * np.log10(255**2 / np.maximum(error, 1e-12)), np.inf)
