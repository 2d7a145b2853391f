"""CPC of sound: its loss, what it may hear, what counts, sound alone as data, and what it can learn."""

import math
import wave

import numpy as np
import pytest
import torch
from torch import nn

from avssl.data import Sounds, collate
from avssl.methods import CPCSound, Rotation, SeveralTasks
from avssl.nets import SmallNet, SmallSound, SpectrogramSpec, WaveEncoder
from avssl.training import SGD, train
from avssl.training.export import load_sound


def made(steps=3, anchors=None, skip=0, **settings):
    torch.manual_seed(0)
    method = CPCSound(WaveEncoder(channels=8, dim=6, **settings), steps, skip, anchors).eval()
    for weight in method.predict.parameters():  # they begin at zero
        nn.init.normal_(weight)
    return method


def heard(items=2, windows=2, samples=1600, seed=0):
    chance = torch.Generator().manual_seed(seed)
    key = torch.tensor([[0, 0, index] for index in range(items)])
    return {"sound": torch.randn(items, windows, 1, samples, generator=chance), "key": key}


def slow(method, sound):
    """Return the loss by loops over steps, windows, anchors and candidates; windows 2 i and 2 i + 1 are of item i."""
    latents, contexts = (each[:, 1:-1] for each in method.sound.sequences(sound.flatten(0, 1)))
    windows, vectors = latents.shape[:2]
    means = []
    for ahead, predict in enumerate(method.predict, start=method.skip + 1):
        losses = []
        for window in range(windows):
            for time in range(vectors - method.skip - method.steps):
                asked = predict.weight @ contexts[window, time]
                logits = {
                    (other, place): float(asked @ latents[other, place])
                    for other in range(windows)
                    for place in range(vectors)
                    if other == window or other // 2 != window // 2
                }
                losses.append(math.log(sum(map(math.exp, logits.values()))) - logits[window, time + ahead])
        means.append(sum(losses) / len(losses))
    return sum(means) / len(means)


@torch.no_grad()
@pytest.mark.parametrize("skip", [0, 2])
def test_the_loss_is_the_mean_over_steps_of_the_papers_sum(skip):
    method, batch = made(skip=skip), heard()
    assert math.isclose(method(batch)["loss"].item(), slow(method, batch["sound"]), rel_tol=1e-5)


def test_it_begins_at_the_loss_of_chance_and_learns_from_there():
    method = CPCSound(WaveEncoder(channels=8, dim=6), steps=3)
    found = method(heard())
    assert math.isclose(found["loss"].item(), -math.log(found["chance"].item()), rel_tol=1e-6)
    found["loss"].backward()
    assert all((weight.grad != 0).any() for weight in method.predict.parameters())


def test_quiet_sound_is_heard_as_loud_sound_is():
    sound, waves = made().sound, torch.randn(2, 1, 1600)
    torch.testing.assert_close(sound(waves), sound(waves * 0.05), rtol=0.02, atol=0.01)


def test_the_context_never_hears_what_comes_later():
    sound = made().sound
    latents = torch.randn(1, 8, 10)
    whole = sound.trunk.context(latents)
    for time in range(9):
        later = latents.clone()
        later[:, :, time + 1 :] += 1
        assert sound.trunk.context(later)[:, :, : time + 1].equal(whole[:, :, : time + 1])
    assert not sound.trunk.context(latents.flip(2)).flip(2).equal(whole)


@pytest.mark.parametrize("norm", ["channel", "none"])
def test_a_vector_of_every_160_samples_hears_465_of_them_and_no_other_window(norm):
    sound = made(norm=norm).sound.train()
    waves = torch.randn(2, 1, 3200, requires_grad=True)
    latents, contexts = sound.sequences(waves)
    assert latents.shape == (2, 20, 8) and contexts.shape == (2, 20, 6)
    latents[0, 10].sum().backward()
    felt = waves.grad.abs().sum(1)
    assert (felt[1] == 0).all() and 400 < int((felt[0] > 0).sum()) <= 465
    places = felt[0].nonzero().flatten()
    assert int(places[-1] - places[0]) < 465


@torch.no_grad()
def test_features_are_the_means_of_the_context_and_layers_are_rows_of_vectors():
    sound, waves = made().sound, torch.randn(3, 2, 1600)
    latents, contexts = sound.sequences(waves)
    torch.testing.assert_close(sound(waves), contexts.mean(1))
    taps = sound.taps(waves, ["conv5", "context"])
    assert taps["conv5"].equal(latents.transpose(1, 2)) and taps["context"].equal(contexts.transpose(1, 2))


def test_anchors_are_drawn_one_in_each_stretch_by_key_and_stand_in_its_middle_in_evaluation():
    method, key = made(anchors=4).train(), torch.tensor([[0, 0, index, 0] for index in range(50)])
    times = method.times(key, room=22)
    assert times.equal(method.times(key, 22)) and not times.equal(method.times(key + 1, 22))
    edges = torch.tensor([0.0, 5.5, 11.0, 16.5])
    assert (times >= edges.floor()).all() and (times < edges + 5.5).all() and len(times.unique()) > 15
    assert method.eval().times(key, 22)[0].tolist() == [2, 8, 13, 19]
    assert method.times(key, 4)[0].tolist() == [0, 1, 2, 3]


@torch.no_grad()
def test_silent_and_padded_windows_count_nowhere():
    method, batch = made(), heard(items=4, windows=1)
    whole = {name: value[:2] for name, value in batch.items()}
    silent = torch.tensor([[False], [False], [True], [False]])
    valid = torch.ones(4, 1, 1600, dtype=torch.bool)
    valid[3, 0, 1200:] = False
    found = method(batch | {"silent": silent, "sound_valid": valid})
    torch.testing.assert_close(found | {"heard": torch.ones(())}, method(whole))
    assert found["heard"] == 0.5
    nothing = method(batch | {"silent": torch.ones(4, 1, dtype=torch.bool)})
    assert nothing["loss"] == 0 and nothing["heard"] == 0


def files(root, count=3):
    for number in range(count):
        tone = 8000 * np.sin(0.1 * (1 + number) * np.arange(4000))
        with wave.open(str(root / f"{number}.wav"), "wb") as out:
            out.setparams((1, 2, 16000, 0, "NONE", ""))
            out.writeframes(tone.astype(np.int16).tobytes())
    return Sounds(root, windows=2, seconds=0.1, pick="random")


def test_sound_alone_is_learned_from_and_its_encoder_comes_back(tmp_path):
    (tmp_path / "sounds").mkdir()
    data, method = files(tmp_path / "sounds"), made(anchors=2).train()
    settings = {"steps": 2, "batch_size": 2, "workers": 0, "accelerator": "cpu", "tensorboard": False}
    train(method=method, data=data, held_out=data, optim=SGD(lr=0.01), out=tmp_path / "run", **settings)
    waves = collate([data[0]])["sound"].flatten(0, 1)
    back = load_sound(tmp_path / "run")
    assert isinstance(back, WaveEncoder) and back(waves).equal(method.sound.eval()(waves))
    assert sorted(path.name for path in (tmp_path / "run").glob("*.safetensors")) == ["sound.safetensors"]


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        (heard(samples=959), "predicting 3 steps ahead from 1 places needs windows of 960 samples; got 959: ask"),
        ({"key": torch.zeros(2, 3).long()}, "these data have no sound"),
        (heard() | {"sound_rate": torch.tensor([8000, 8000])}, "has 8000 samples a second .* made for 16000"),
    ],
)
def test_sound_that_cannot_be_learned_from_is_refused_in_one_line(batch, said):
    with pytest.raises(ValueError, match=said) as caught:
        made()(batch)
    assert "\n" not in str(caught.value)


def test_settings_that_cannot_be_are_refused_in_one_line():
    with pytest.raises(ValueError, match=r"^CPCSound needs an encoder of waveforms, WaveEncoder; got SmallSound$"):
        CPCSound(SmallSound())
    with pytest.raises(ValueError, match="steps and anchors must be at least 1, skip at least 0; got 12, 0 and 0"):
        CPCSound(WaveEncoder(8, 6), anchors=0)
    with pytest.raises(ValueError, match=r"norm 'channel' or 'none'; got 8, 6, 'batch'"):
        WaveEncoder(8, 6, "batch")
    with pytest.raises(ValueError, match="100 samples of sound are less than a vector's 160"):
        WaveEncoder(8, 6)(torch.zeros(1, 1, 100))
    with pytest.raises(ValueError, match=r"no strips to hide: set masks to null"):
        WaveEncoder(8, 6)(torch.zeros(1, 1, 1600), lambda waves: waves)


def test_a_method_that_only_hears_shares_no_trunk_with_others():
    with pytest.raises(
        ValueError, match=r"methods\.1 has no encoder of pictures or clips to share: CPCSound only hears"
    ):
        SeveralTasks([Rotation(SmallNet(dim=8, width=2)), made()])


def test_the_rate_is_that_of_the_spec():
    assert (
        made(spec=SpectrogramSpec(rate=8000, high=3900.0)).sound.spec.rate == 8000 and made().encoder.spec.rate == 16000
    )


def tones(step, cue):
    """Return windows of a tone each, that begins anew with each vector; without the cue, of noise."""
    chance = torch.Generator().manual_seed(step)
    noise = torch.randn(8, 1, 1, 2400, generator=chance)
    hertz = 100 * torch.randint(1, 17, (8, 1), generator=chance)
    wave = torch.sin(2 * math.pi * (hertz * torch.arange(2400) / 16000 + torch.rand(8, 1, generator=chance)))
    return {"sound": wave[:, None, None] + 0.01 * noise if cue else noise}


def test_tones_that_go_on_are_learned_and_noise_stays_at_chance_as_no_zeros_beyond_windows_tell_the_place():
    found = []
    for cue in (True, False):
        torch.manual_seed(0)
        method = CPCSound(WaveEncoder(channels=32, dim=32), steps=2, skip=2)
        optimizer = torch.optim.Adam(method.parameters(), lr=3e-3)
        for step in range(30):
            loss = method(tones(step, cue))["loss"]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        found.append(method.eval()(tones(99, cue))["loss"].item())
    assert found[0] < math.log(104) - 0.8 and found[1] > math.log(104) - 0.02  # 8 windows of 13 vectors
