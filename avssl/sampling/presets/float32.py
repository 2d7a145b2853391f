"""The evenly spaced numbers of PyTorch in NumPy, to the last bit: truncation makes a bit a frame."""

import numpy as np


def linspace(start: float, end: float, steps: int) -> np.ndarray:
    """Return ``torch.linspace(start, end, steps)``, float32 ``(steps,)``.

    PyTorch counts up from the start in the first half and down from the end in the second, and on processors with a
    fused multiply-add (nearly all) rounds each number once.
    """
    low, high = np.float32(start), np.float32(end)
    if steps == 1:
        return np.array([low])
    step = np.float64((high - low) / np.float32(steps - 1))
    count = np.arange(steps)
    # float64 stands for the fused multiply-add: its product is exact, and only the sum is rounded to float32.
    upwards, downwards = np.float64(low) + step * count, np.float64(high) - step * (steps - 1 - count)
    return np.where(count < steps // 2, upwards, downwards).astype(np.float32)


def whole_linspace(start: int, end: int, steps: int) -> np.ndarray:
    """Return ``torch.linspace(start, end, steps, dtype=torch.int)``, int64 ``(steps,)``.

    PyTorch multiplies and adds in float64 with one rounding (a fused multiply-add), which can be seen where a product
    is nearly whole, as of ``(0, 2, 155)``; so the product is exact here, in more digits.
    """
    if steps == 1:
        return np.array([start])
    step = np.longdouble((end - start) / (steps - 1))
    count = np.arange(steps)
    places = np.where(count < steps // 2, start + step * count, end - step * (steps - 1 - count))
    return places.astype(np.float64).astype(np.int64)
