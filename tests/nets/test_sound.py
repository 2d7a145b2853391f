"""The front end equals a slow writing of the maths, and the towers have the papers' sizes."""

import numpy as np
import pytest
import torch
from torchaudio.transforms import MelSpectrogram

from avssl.nets import SmallSound, SmallVision, SoundTower, Spectrogram, SpectrogramSpec, VisionTower
from avssl.nets.spectrogram import silence


def tone(hertz, rate, seconds=1.0):
    return torch.sin(2 * torch.pi * hertz * torch.arange(int(rate * seconds)) / rate)[None, None]


@pytest.mark.parametrize("spec", [SpectrogramSpec.l3(), SpectrogramSpec.ots()])
def test_a_spectrogram_is_the_power_of_windows_that_start_every_hop(spec):
    wave = torch.randn(1, 1, spec.rate)
    found = Spectrogram(spec)(wave)[0, 0].double()
    window = np.hanning(spec.window + 1)[:-1]
    for column in (0, 7, found.shape[1] - 1):
        piece = wave[0, 0, column * spec.hop :][: spec.window].double().numpy() * window
        power = np.abs(np.fft.rfft(piece, spec.fft)) ** 2
        expected = (np.log(power + spec.floor) - spec.mean) / spec.std
        np.testing.assert_allclose(found[:, column].numpy(), expected, atol=2e-3)


def test_mel_bands_are_torchaudios():
    spec, wave = SpectrogramSpec(), torch.randn(2, 1, 16000)
    theirs = MelSpectrogram(16000, 512, 400, 160, 60.0, 7600.0, n_mels=64, center=False, pad=56)
    expected = (theirs(wave[:, 0]) + spec.floor).log()
    found = Spectrogram(spec)(wave)[:, 0] * spec.std + spec.mean
    torch.testing.assert_close(found, expected[..., : found.shape[-1]], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    "spec", [SpectrogramSpec.l3(), SpectrogramSpec.ots(), SpectrogramSpec(), SpectrogramSpec(shrink=2)]
)
def test_the_shape_is_known_beforehand(spec):
    for samples in (spec.rate, spec.rate // 2 + 7):
        assert Spectrogram(spec)(torch.zeros(1, 1, samples)).shape[-2:] == spec.shape(samples)


def test_a_higher_tone_lies_higher():
    front = Spectrogram(SpectrogramSpec())
    peaks = [int(front(tone(hertz, 16000)).mean((0, 1, 3)).argmax()) for hertz in (200, 800, 3200)]
    assert peaks == sorted(peaks) and len(set(peaks)) == 3


def test_a_gain_adds_the_same_to_every_loud_cell():
    front, wave = Spectrogram(SpectrogramSpec()), torch.randn(1, 1, 16000)
    gain = torch.tensor(1.7)
    torch.testing.assert_close(front(gain * wave), front(wave) + front.louder(gain), atol=1e-3, rtol=1e-3)


def test_channels_are_averaged_and_silence_is_a_constant():
    front, wave = Spectrogram(SpectrogramSpec()), torch.randn(1, 2, 16000)
    torch.testing.assert_close(front(wave), front(wave.mean(1, keepdim=True)))
    assert (front(torch.zeros(1, 1, 16000)) - silence(front.spec)).abs().max() < 1e-5


def test_half_precision_networks_get_full_precision_spectrograms():
    front, wave = Spectrogram(SpectrogramSpec()), torch.randn(1, 1, 16000)
    with torch.autocast("cpu", torch.bfloat16):
        assert front(wave).dtype == torch.float32 and torch.equal(front(wave), front(wave))


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [({"window": 600}, "window <= fft"), ({"low": 9000.0}, "low < high"), ({"std": 0.0}, "std > 0")],
)
def test_windows_that_cannot_be_are_refused(settings, complaint):
    with pytest.raises(ValueError, match=complaint):
        SpectrogramSpec(**settings)


def test_too_little_sound_is_refused():
    with pytest.raises(ValueError, match="1 samples of sound are less than a window of 400"):
        Spectrogram(SpectrogramSpec())(torch.zeros(1, 1, 1))


@pytest.mark.parametrize(
    ("stride", "spec", "side", "sound_map"),
    [(1, SpectrogramSpec.l3(), 28, (32, 24)), (2, SpectrogramSpec.ots(), 14, (16, 12))],
)
def test_towers_have_the_papers_maps(stride, spec, side, sound_map):
    pictures, sounds = VisionTower(stride=stride).eval(), SoundTower(stride=stride, spec=spec).eval()
    with torch.no_grad():
        found = pictures.taps(torch.rand(1, 3, 224, 224), ["conv4"])["conv4"]
        spectrogram = sounds.front(torch.randn(1, 1, 48000))
        maps = sounds.trunk[:-2](spectrogram)
    assert found.shape == (1, 512, side, side) and maps.shape == (1, 512, *sound_map)
    assert sum(p.numel() for n, p in pictures.trunk.named_parameters() if p.ndim == 4) == pytest.approx(
        4.68e6, rel=0.01
    )


def test_small_towers_keep_a_map_and_give_one_vector():
    with torch.no_grad():
        assert SmallVision().eval().taps(torch.rand(2, 3, 48, 48), ["conv4"])["conv4"].shape == (2, 64, 6, 6)
        assert SmallVision().eval()(torch.rand(2, 3, 48, 48)).shape == (2, 64)
        assert SmallSound().eval()(torch.randn(2, 1, 16000)).shape == (2, 64)


def test_towers_of_other_than_four_blocks_are_refused():
    with pytest.raises(ValueError, match="four blocks"):
        SmallVision(widths=(8, 8))


def test_weights_of_another_spectrogram_are_refused():
    learned = SmallSound(spec=SpectrogramSpec(shrink=2))
    SmallSound(spec=SpectrogramSpec(shrink=2)).load_state_dict(learned.state_dict())
    with pytest.raises(RuntimeError, match=r"spectrograms of hop=160 and this encoder's have 80"):
        SmallSound(spec=SpectrogramSpec(shrink=2, hop=80)).load_state_dict(learned.state_dict())
