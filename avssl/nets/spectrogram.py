"""From waveforms to spectrograms: one frozen description of the windows, and the front end that follows it.

The papers' windows: Arandjelovic and Zisserman, "Look, Listen and Learn", ICCV 2017, section 3.1 (1 s at 48 kHz,
windows of 10 ms, half overlapping, 257 bands, 199 windows), https://arxiv.org/abs/1705.08168; the same, "Objects that
Sound", ECCV 2018, section 2 (257 x 200), https://arxiv.org/abs/1712.06651.
"""

import math
from dataclasses import astuple, dataclass, fields

import torch
from torch import Tensor, nn
from torchaudio import functional as AF


@dataclass(frozen=True, kw_only=True)
class SpectrogramSpec:
    """How sound becomes a picture of time and frequency; part of an encoder, so that it cannot differ in use.

    Args:
        rate: samples a second of the waveform.
        window: samples of a (Hann) window.
        hop: samples from window to window.
        fft: points of the transform; windows are padded with zeros to it.
        mels: bands of the mel scale (HTK's); None keeps the ``fft // 2 + 1`` linear ones.
        low: lowest frequency of the mel scale, in Hz.
        high: highest, in Hz; None for half the rate.
        floor: added to the power before the logarithm: silence is ``log(floor)``.
        mean: taken out of the logarithms.
        std: what they are divided by afterwards.
        shrink: cells averaged to one, in both directions (1: none).

    Raises:
        ValueError: if the numbers do not fit together.

    Examples:
        >>> SpectrogramSpec.l3().shape(48000), SpectrogramSpec.ots().shape(48000), SpectrogramSpec().shape(16000)
        ((257, 199), (257, 200), (64, 98))
    """

    rate: int = 16000
    window: int = 400
    hop: int = 160
    fft: int = 512
    mels: int | None = 64
    low: float = 60.0
    high: float | None = 7600.0
    floor: float = 1e-6
    mean: float = -6.0
    std: float = 4.0
    shrink: int = 1

    def __post_init__(self):
        if min(self.rate, self.window, self.hop, self.shrink) < 1 or self.window > self.fft:
            raise ValueError(f"needs rate, window, hop, shrink >= 1 and window <= fft; got {self}")
        if not 0 <= self.low < self.top <= self.rate / 2 or self.floor <= 0 or self.std <= 0:
            raise ValueError(f"needs 0 <= low < high <= rate / 2, floor > 0 and std > 0; got {self}")

    @property
    def top(self) -> float:
        """The highest frequency, in Hz."""
        return self.rate / 2 if self.high is None else self.high

    @property
    def bands(self) -> int:
        """Bands before any averaging."""
        return self.fft // 2 + 1 if self.mels is None else self.mels

    def shape(self, samples: int) -> tuple[int, int]:
        """Return the bands and windows that so many samples give."""
        windows = max(0, 1 + (samples - self.window) // self.hop)
        return self.bands // self.shrink, windows // self.shrink

    @staticmethod
    def l3() -> "SpectrogramSpec":
        """Return L3-Net's windows: 480 samples at 48 kHz padded to 512, hop 240; its scale of the logarithm is ours."""
        return SpectrogramSpec(rate=48000, window=480, hop=240, fft=512, mels=None, low=0.0, high=None)

    @staticmethod
    def ots() -> "SpectrogramSpec":
        """Return windows that give the 257 x 200 of "Objects that Sound": 512 samples, hop 238 (its public copies)."""
        return SpectrogramSpec(rate=48000, window=512, hop=238, fft=512, mels=None, low=0.0, high=None)


class Spectrogram(nn.Module):
    """Waveforms to logarithms of (mel) power, on the device of the batch, in single precision whatever the network's.

    Args:
        spec: the windows.
    """

    hann: Tensor
    filters: Tensor | None
    numbers: Tensor

    def __init__(self, spec: SpectrogramSpec):
        super().__init__()
        self.spec = spec
        told = [math.nan if value is None else float(value) for value in astuple(spec)]
        self.register_buffer("numbers", torch.tensor(told, dtype=torch.float64))  # goes into every state dict
        self.register_buffer("hann", torch.hann_window(spec.window), persistent=False)
        filters = None
        if spec.mels is not None:
            filters = AF.melscale_fbanks(spec.fft // 2 + 1, spec.low, spec.top, spec.mels, spec.rate)
        self.register_buffer("filters", filters, persistent=False)

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        """Refuse weights that were learned from another spectrogram."""
        theirs = state_dict.get(f"{prefix}numbers")
        if theirs is not None and not torch.equal(theirs.nan_to_num(-1).cpu(), self.numbers.nan_to_num(-1).cpu()):
            pairs = zip(fields(self.spec), theirs.tolist(), self.numbers.tolist(), strict=True)
            name, was, now = next((field.name, old, new) for field, old, new in pairs if repr(old) != repr(new))
            error_msgs.append(
                f"these weights were learned with spectrograms of {name}={was:g} and this encoder's have {now:g}; "
                "build it with the SpectrogramSpec of the weights"
            )
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )

    def forward(self, sound: Tensor) -> Tensor:
        """Return spectrograms.

        Args:
            sound: float ``(N, channels, samples)`` at ``spec.rate``; channels are averaged.

        Returns:
            float32 ``(N, 1, bands, windows)``, low frequencies first.

        Raises:
            ValueError: if the sound is shorter than a window.
        """
        spec = self.spec
        wave = sound.float().mean(1)
        if wave.shape[-1] < spec.window:
            raise ValueError(f"{wave.shape[-1]} samples of sound are less than a window of {spec.window}; ask for more")
        with torch.autocast(sound.device.type, enabled=False):
            margin = (spec.fft - spec.window) // 2  # so that windows, not transforms, lie edge to edge with the sound
            power = AF.spectrogram(
                wave, margin, self.hann, spec.fft, spec.hop, spec.window, power=2.0, normalized=False, center=False
            )
            power = power[..., : 1 + (wave.shape[-1] - spec.window) // spec.hop]
            if self.filters is not None:
                power = self.filters.T @ power
            logs = (power + spec.floor).log()
        found = ((logs - spec.mean) / spec.std)[:, None]
        return found if spec.shrink == 1 else nn.functional.avg_pool2d(found, spec.shrink)

    def louder(self, gain: Tensor) -> Tensor:
        """Return what a gain of the waveform adds to a spectrogram above the floor, so that jitter needs no new one.

        Args:
            gain: factors on the amplitude, any shape.
        """
        return 2 * gain.log() / self.spec.std


def silence(spec: SpectrogramSpec) -> float:
    """Return what silence looks like.

    Examples:
        >>> sound = torch.zeros(1, 1, 16000)
        >>> bool((Spectrogram(SpectrogramSpec())(sound) - silence(SpectrogramSpec())).abs().max() < 1e-5)
        True
    """
    return (math.log(spec.floor) - spec.mean) / spec.std
