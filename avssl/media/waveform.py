"""Waveforms at any instant: band-limited interpolation (Smith and Gossett 1984) phase-exact in any window."""

from fractions import Fraction
from functools import cache, lru_cache

import av
import numpy as np
from av.error import FFmpegError
from threadpoolctl import ThreadpoolController

CROSSINGS = 64  # zero crossings of the sinc on each side: flat up to 0.91 of the lower Nyquist frequency
CUTOFF = 0.955  # of the lower Nyquist frequency; the transition band ends where aliasing would begin
BETA = 8.4  # of the Kaiser window: 85 dB down
STEPS = 1024  # table rows a zero crossing; linear interpolation between them errs by -115 dB
SAME_INSTANT = 1e-5  # in samples; closer than this two instants are one and the sample is copied
KINDS = {"u8": np.uint8, "s16": np.int16, "s32": np.int32, "s64": np.int64, "flt": np.float32, "dbl": np.float64}
LOUDEST = 1e10  # of full scale: nothing means that, and squares stay finite; whole numbers kept as floats are below 2e9
BLOCK = 64  # wanted samples worked on together
LONG = 1024  # phases, above which each block gets weights of its own: odd pairs of rates


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

    Examples:
        >>> interpolate(np.ones((1, 9), dtype=np.float32), Fraction(2), 8000, 8000, 3).tolist()
        [[1.0, 1.0, 1.0]]
    """
    whole, part = _split(start)
    margin = reach(rate_in, rate_out)
    if part == 0 and rate_in == rate_out:
        return _cut(signal, whole, whole + count)
    step = Fraction(rate_in, rate_out)
    phases = step.denominator  # fractions of a recorded sample at which wanted ones lie, over and over
    block = phases * -(-BLOCK // phases) if phases <= LONG else BLOCK
    blocks = -(-count // block)
    end = whole + int((blocks * block - 1) * step) + 2  # behind the last instant
    padded = _cut(signal, whole - margin + 1, end + margin)
    if phases <= LONG:  # all blocks have the same weights: one product of matrices
        _, weights = _weights(part, step, range(block), margin)
        rows = np.lib.stride_tricks.sliding_window_view(padded, len(weights), axis=1)[:, :: int(block * step)]
        return _product(rows[:, :blocks], weights).reshape(len(signal), -1)[:, :count]
    out = np.empty((len(signal), blocks * block), np.float32)
    for low in range(0, blocks * block, block):
        first, weights = _weights(part, step, range(low, low + block), margin)
        out[:, low : low + block] = _product(padded[:, first : first + len(weights)], weights)
    return out[:, :count]


def _product(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Multiply on one thread: those of a BLAS may hang in a process forked after the libraries in it used theirs."""
    with _libraries().limit(limits=1, user_api="blas"):
        return rows @ weights


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


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


@lru_cache(maxsize=16)  # windows that start on frames mostly have few phases; half a megabyte each at the most
def _weights(part: float, step: Fraction, wanted: range, margin: int) -> tuple[int, np.ndarray]:
    """Return how recorded samples make up wanted ones, float32 ``(recorded, wanted)``, and which recorded is first."""
    moved = np.arange(wanted.start, wanted.stop) * step.numerator
    place = part + (moved % step.denominator) / step.denominator
    first = moved // step.denominator + (place >= 1)
    phases = min(len(wanted), step.denominator)  # the same come again after that
    distance = np.abs(np.arange(1 - margin, margin + 1) - (place[:phases] % 1)[:, None])
    scale = min(1.0, float(1 / step))  # the sinc is stretched when the rate falls, which takes away what would alias
    row, between = np.divmod(distance * (scale * STEPS), 1)
    row = row.astype(np.intp).clip(max=CROSSINGS * STEPS)
    sinc, slope = _table()
    kernels = scale * (sinc[row] + between * slope[row])
    weights = np.zeros((len(wanted), first[-1] - first[0] + 2 * margin), np.float32)
    columns = (first - first[0])[:, None] + np.arange(2 * margin)
    np.put_along_axis(weights, columns, kernels[np.arange(len(wanted)) % phases].astype(np.float32), axis=1)
    return int(first[0]), np.ascontiguousarray(weights.T)


@cache
def _table() -> tuple[np.ndarray, np.ndarray]:
    """Return half of the windowed sinc, ``STEPS`` rows a zero crossing, and the way to the next row; 0 at the end."""
    place = np.arange(CROSSINGS * STEPS + 1) / STEPS
    sinc = CUTOFF * np.sinc(CUTOFF * place) * np.kaiser(2 * len(place) - 1, BETA)[len(place) - 1 :]
    sinc[-1] = 0
    return sinc, np.diff(sinc, append=0)


def hush(samples: np.ndarray, known: np.ndarray) -> None:
    """Set to 0, and mark as not known, samples that are no sound: not finite in any channel, or beyond `LOUDEST`.

    Args:
        samples: float32 ``(channels, samples)``.
        known: bool ``(samples,)``.

    Examples:
        >>> samples, known = np.float32([[0.5, np.nan, -0.5]]), np.ones(3, bool)
        >>> hush(samples, known)
        >>> samples.tolist(), known.tolist()
        ([[0.5, 0.0, -0.5]], [True, False, True])
    """
    with np.errstate(invalid="ignore"):
        if samples.size and not (samples.min() >= -LOUDEST and samples.max() <= LOUDEST):
            bad = ~(np.abs(samples) <= LOUDEST).all(0)
            samples[:, bad], known[bad] = 0, False


def samples_of(frame: av.AudioFrame) -> np.ndarray:
    """Return a decoded frame of any sample format as float32 ``(channels, samples)``, full scale at 1."""
    kind, channels = KINDS[frame.format.name.removesuffix("p")], len(frame.layout.channels)
    if frame.format.is_planar:  # by hand, because PyAV's own conversion reads past the planes of eight channels
        planes = frame.planes
        raw = np.stack([np.frombuffer(memoryview(planes[place]), kind, frame.samples) for place in range(channels)])
    else:
        raw = np.frombuffer(memoryview(frame.planes[0]), kind, frame.samples * channels).reshape(-1, channels).T
    if raw.dtype.kind == "f":
        with np.errstate(over="ignore", invalid="ignore"):  # what single precision cannot hold is infinite
            return raw.astype(np.float32)
    if raw.dtype.kind == "u":
        return (raw.astype(np.float32) - 128) / 128
    return (raw / 2.0 ** (8 * raw.itemsize - 1)).astype(np.float32)


def pour(frame: av.AudioFrame, first: int, out: np.ndarray) -> None:
    """Write a decoded frame's samples from ``first`` on into ``out``, float32 ``(channels, samples)``, as recorded."""
    count = out.shape[1]
    if frame.format.name == "fltp":  # what most decoders give: no copy on the way
        planes = frame.planes  # PyAV may list more than there are channels
        for place, row in enumerate(out):
            row[:] = np.frombuffer(memoryview(planes[place]), np.float32, count, 4 * first)
    else:
        out[:] = samples_of(frame)[:, first : first + count]


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
    return mix(samples_of(frame), channels)


def mix(samples: np.ndarray, channels: int | None) -> np.ndarray:
    """Return ``(channels, samples)`` with 1 channel (the mean), 2 (one channel twice; not of more than two) or as is.

    Examples:
        >>> mix(np.array([[1.0, 0.0], [0.0, 0.0]]), 1).tolist()
        [[0.5, 0.0]]
    """
    if channels is None or len(samples) == channels:
        return samples
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite stays so, and is told of later
        return samples.mean(axis=0, keepdims=True) if channels == 1 else samples.repeat(2, axis=0)
