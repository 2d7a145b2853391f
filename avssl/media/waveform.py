"""Waveforms at any instant: band-limited interpolation (Smith and Gossett 1984) phase-exact in any window."""

from fractions import Fraction
from functools import cache

import av
import numpy as np
from av.error import FFmpegError

CROSSINGS = 64  # zero crossings of the sinc on each side: flat up to 0.91 of the lower Nyquist frequency
CUTOFF = 0.955  # of the lower Nyquist frequency; the transition band ends where aliasing would begin
BETA = 8.4  # of the Kaiser window: 85 dB down
STEPS = 1024  # table rows a zero crossing; linear interpolation between them errs by -115 dB
SAME_INSTANT = 1e-5  # in samples; closer than this two instants are one and the sample is copied
KINDS = {"u8": np.uint8, "s16": np.int16, "s32": np.int32, "s64": np.int64, "flt": np.float32, "dbl": np.float64}
ROWS = 4096  # output samples worked on at a time: bounds the memory


def reach(rate_in: int, rate_out: int) -> int:
    """Return how many recorded samples on each side of an instant :func:`interpolate` looks at."""
    return -(-CROSSINGS * max(rate_in, rate_out) // rate_out)


def interpolate(signal: np.ndarray, start: Fraction, rate_in: int, rate_out: int, count: int) -> np.ndarray:
    """Return the signal at the instants ``start + k * rate_in / rate_out`` for ``k`` in ``range(count)``.

    Every instant is worked out in whole numbers, so a sample does not depend on the window it is asked in. Instants
    that fall on recorded samples at an unchanged rate are copied. torchaudio's ``resample`` uses the same sum, but only
    from a first sample onwards; here the first instant may lie anywhere between two samples.

    Args:
        signal: recorded samples, float32 ``(channels, samples)``; silence is taken to lie beyond both ends.
        start: first instant, in recorded samples from ``signal[:, 0]``.
        rate_in: recorded rate in Hz.
        rate_out: wanted rate in Hz.
        count: how many samples are wanted.

    Returns:
        float32 ``(channels, count)``.

    Example:
        >>> interpolate(np.ones((1, 9), dtype=np.float32), Fraction(2), 8000, 8000, 3).tolist()
        [[1.0, 1.0, 1.0]]
    """
    whole, part = _split(start)
    margin = reach(rate_in, rate_out)
    if part == 0 and rate_in == rate_out:
        return _cut(signal, whole, whole + count)
    step = Fraction(rate_in, rate_out)
    last = whole + (count - 1) * step.numerator // step.denominator + 1
    padded = _cut(signal, whole - margin + 1, last + margin + 1)
    views = np.lib.stride_tricks.sliding_window_view(padded, 2 * margin, axis=1)
    kernels = _kernels(part, step, min(count, step.denominator), margin)
    out = np.empty((len(signal), count), np.float32)
    for low in range(0, count, ROWS):
        moved = np.arange(low, min(count, low + ROWS)) * step.numerator
        phase = np.arange(low, low + len(moved)) % step.denominator
        first = moved // step.denominator + (part + (moved % step.denominator) / step.denominator >= 1)
        for channel in range(len(signal)):
            out[channel, low : low + len(moved)] = np.einsum("kt,kt->k", views[channel, first], kernels[phase])
    return out


def _split(instant: Fraction) -> tuple[int, float]:
    whole = round(instant)
    part = float(instant - whole)
    if abs(part) < SAME_INSTANT:
        return whole, 0.0
    return (whole, part) if part > 0 else (whole - 1, part + 1)


def _cut(signal: np.ndarray, low: int, high: int) -> np.ndarray:
    """Return ``signal[:, low:high]`` with silence where it does not reach."""
    length = signal.shape[1]
    inside = signal[:, min(max(low, 0), length) : min(max(high, 0), length)]
    if inside.shape[1] == high - low:
        return inside
    out = np.zeros((len(signal), high - low), np.float32)
    offset = max(0, -low)
    out[:, offset : offset + inside.shape[1]] = inside
    return out


def _kernels(part: float, step: Fraction, phases: int, margin: int) -> np.ndarray:
    """Return the weights of each phase, float32 ``(phases, 2 * margin)``; phases recur every ``step.denominator``."""
    scale = min(1.0, float(1 / step))  # the sinc is stretched when the rate falls, which takes away what would alias
    moved = part + (np.arange(phases) * step.numerator % step.denominator) / step.denominator
    distance = np.arange(1 - margin, margin + 1) - (moved % 1)[:, None]
    place = np.abs(distance) * (scale * STEPS)
    return (scale * np.interp(place, np.arange(len(_table())), _table(), right=0)).astype(np.float32)


@cache
def _table() -> np.ndarray:
    """Return half of the windowed sinc, ``STEPS`` rows a zero crossing."""
    place = np.arange(CROSSINGS * STEPS + 1) / STEPS
    return CUTOFF * np.sinc(CUTOFF * place) * np.kaiser(2 * len(place) - 1, BETA)[len(place) - 1 :]


def samples_of(frame: av.AudioFrame) -> np.ndarray:
    """Return a decoded frame of any sample format as float32 ``(channels, samples)``, full scale at 1."""
    kind, channels = KINDS[frame.format.name.removesuffix("p")], len(frame.layout.channels)
    if frame.format.is_planar:  # by hand, because PyAV's own conversion reads past the planes of eight channels
        planes = [memoryview(frame.planes[place]) for place in range(channels)]
        raw = np.stack([np.frombuffer(plane, kind, frame.samples) for plane in planes])
    else:
        raw = np.frombuffer(memoryview(frame.planes[0]), kind, frame.samples * channels).reshape(-1, channels).T
    if raw.dtype.kind == "f":
        return raw.astype(np.float32)
    if raw.dtype.kind == "u":
        return (raw.astype(np.float32) - 128) / 128
    return (raw / 2.0 ** (8 * raw.itemsize - 1)).astype(np.float32)


def fold(frame: av.AudioFrame, channels: int | None) -> np.ndarray:
    """Return a decoded frame's samples with 1 channel (the mean), 2 (left and right) or as recorded (None)."""
    recorded = len(frame.layout.channels)
    if channels == 2 and recorded > 2:
        matrix = av.AudioResampler(format="fltp", layout="stereo", rate=frame.sample_rate)
        try:
            parts = matrix.resample(frame)
        except FFmpegError as error:
            raise ValueError(
                f"FFmpeg has no standard way from {recorded} channels ({frame.layout.name}) to stereo; "
                "use channels=1 (mean) or channels=None (as recorded)"
            ) from error
        return np.concatenate([samples_of(part) for part in parts], axis=1)
    samples = samples_of(frame)
    if channels is None or recorded == channels:
        return samples
    return samples.mean(axis=0, keepdims=True) if channels == 1 else samples.repeat(2, axis=0)
