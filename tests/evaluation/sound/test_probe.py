"""The probe of sounds: what is there is read, windows are averaged, folds are each the test once, bad input is told."""

import shutil

import numpy as np
import pytest
import torch

from avssl.config import ConfigError
from avssl.data import Sounds
from avssl.data.sets import dcase2014, esc50
from avssl.data.sets.fixtures import dcase2014 as dcase_tree
from avssl.data.sets.fixtures import esc50 as esc50_tree
from avssl.data.sets.fixtures.media import write_sound
from avssl.data.sets.prepare import prepare
from avssl.evaluation.sound.classes import Classes
from avssl.evaluation.sound.probe import SoundProbe, averaged
from avssl.methods import AVE, CPCSound
from avssl.methods.order.shuffle_and_learn import ShuffleAndLearn
from avssl.nets import SmallNet, SmallSound, SmallVision, SpectrogramSpec, WaveEncoder

SPEC = SpectrogramSpec(window=400, hop=160, fft=512, mels=16)


def made(seed=0):
    torch.manual_seed(seed)
    return AVE(SmallVision(widths=(4, 4, 8, 8)), SmallSound(widths=(4, 4, 8, 8), spec=SPEC))


def tones(root, low=300, high=2400):
    """Write short low and high tones, of two sorts of loudness that tell nothing."""
    import wave

    for number in range(12):
        name, pitch = ("low", low) if number % 2 else ("high", high)
        time = np.arange(8000) / 16000
        wobble = 1 + 0.02 * number
        sound = 8000 * (0.5 + number % 3) / 3 * np.sin(2 * np.pi * pitch * wobble * time)
        (root / name).mkdir(parents=True, exist_ok=True)
        with wave.open(str(root / name / f"{number}.wav"), "wb") as out:
            out.setparams((1, 2, 16000, 0, "NONE", ""))
            out.writeframes(sound.astype(np.int16).tobytes())
    return Sounds(root, windows=3, seconds=0.25)


def asked(**sides):
    return SoundProbe(**sides, initialisations=2, quiet=True)


def test_pitch_is_read_and_every_row_stands_in_the_table(tmp_path):
    train, test = tones(tmp_path / "a"), tones(tmp_path / "b", 310, 2500)
    scores = asked(train=train, test=test)(made(), fresh=made)
    assert [line["row"] for line in scores.table] == ["chance", "random", "log-mel", "trained"]
    assert scores.numbers["log-mel/accuracy"] == 1 and scores.numbers["chance/accuracy"] == 0.5
    assert scores.protocol["recordings"] == [12, 12] and scores.protocol["windows"] == [36, 36]


@pytest.mark.parametrize("layer", ["output", "conv5"])
def test_an_encoder_of_waveforms_of_a_method_that_only_hears_is_probed(tmp_path, layer):
    def hearing(seed=0):
        torch.manual_seed(seed)
        return CPCSound(WaveEncoder(channels=4, dim=4), steps=2)

    train, test = tones(tmp_path / "a"), tones(tmp_path / "b", 310, 2500)
    scores = SoundProbe(train=train, test=test, layer=layer, initialisations=1, quiet=True)(hearing(), fresh=hearing)
    assert scores.numbers["log-mel/accuracy"] == 1 and 0 <= scores.numbers["trained/accuracy"] <= 1
    with pytest.raises(ConfigError, match="CPCSound hears and does not see"):
        Classes(train, test)(hearing(), fresh=hearing)


def test_a_test_without_one_of_the_classes_is_read_by_their_names(tmp_path):
    train, test = tones(tmp_path / "a"), tones(tmp_path / "b", 310, 2500)
    shutil.rmtree(tmp_path / "b" / "high")
    test = Sounds(tmp_path / "b", windows=3, seconds=0.25)
    assert train.classes == ["high", "low"] and test.classes == ["low"]  # 1 there is 0 here
    scores = asked(train=train, test=test)(made(), fresh=made)
    assert scores.numbers["log-mel/accuracy"] == 1 and scores.numbers["chance/accuracy"] == 0.5
    assert "1 classes of training have no test item: 'high'." in scores.notes


def test_recordings_of_a_class_that_training_never_heard_count_as_wrong(tmp_path):
    train, test = tones(tmp_path / "a"), tones(tmp_path / "b", 310, 2500)
    (tmp_path / "b" / "low").rename(tmp_path / "b" / "dull")
    test = Sounds(tmp_path / "b", windows=3, seconds=0.25)
    scores = asked(train=train, test=test)(made(), fresh=made)
    assert scores.numbers["log-mel/accuracy"] == 0.5 and max(scores.numbers.values()) <= 0.5
    assert "6 of 12 test items are of classes without a training item ('dull'): they cannot" in " ".join(scores.notes)


def test_classes_that_nothing_can_be_heard_of_are_not_read(tmp_path):
    train, test = tones(tmp_path / "a", 500, 500), tones(tmp_path / "b", 500, 500)
    scores = asked(train=train, test=test)(made(), fresh=made)
    assert scores.numbers["trained/accuracy"] <= 0.75


def test_the_mean_and_spread_of_five_folds_are_told(tmp_path):
    esc50_tree.write(tmp_path)
    for fold in range(1, 6):  # every class in every fold
        for target, name in ((0, "dog"), (14, "chirping_birds"), (49, "hand_saw")):
            source = f"{fold}-{fold}{target}-A-{target}.wav"
            write_sound(tmp_path / "audio" / source, seconds=0.5, rate=44100, seed=name)
            with open(tmp_path / "meta" / "esc50.csv", "a") as table:
                table.write(f"{source},{fold},{target},{name},False,{fold}{target},A\n")
    prepare(esc50.read, "usage", ["--root", str(tmp_path), "--workers", "1"])
    folds = [Sounds(tmp_path, f"fold{number}", windows=2, seconds=0.25) for number in range(1, 6)]
    scores = asked(folds=folds)(made(), fresh=made)
    line = scores.table[-1]
    assert list(line) == ["row", "accuracy", "±", *(f"fold {number}" for number in range(1, 6))]
    mean = np.mean([float(line[f"fold {number}"]) for number in range(1, 6)])
    assert float(line["accuracy"]) == pytest.approx(mean, abs=0.06)
    assert scores.protocol["scored"] == "5 folds, each the test once"


def test_scenes_are_learned_from_one_archive_and_asked_from_the_other(tmp_path):
    dcase_tree.write(tmp_path)
    prepare(dcase2014.read, "usage", ["--root", str(tmp_path), "--workers", "1"])
    train, test = (Sounds(tmp_path, split, windows=2, seconds=0.25) for split in ("train", "test"))
    scores = asked(train=train, test=test)(made(), fresh=made)
    assert scores.protocol["recordings"] == [20, 10] and scores.numbers["chance/accuracy"] == 0.1


def test_the_score_of_a_recording_is_the_mean_of_its_windows():
    assert averaged(np.array([[1.0, 0.0], [5.0, 2.0], [3.0, 3.0]]), np.array([1, 1, 0])).tolist() == [[3, 3], [3, 1]]


def test_what_cannot_be_asked_is_refused(tmp_path):
    data = tones(tmp_path)
    with pytest.raises(ConfigError, match="groups are in training and in test"):
        asked(train=data, test=data)(made(), fresh=made)
    with pytest.raises(ConfigError, match="sounds come at 8000 Hz, the encoder hears 16000 Hz"):
        asked(train=data, test=Sounds(tmp_path, rate=8000))(made(), fresh=made)
    deaf = ShuffleAndLearn(SmallNet(dim=8, width=4))
    with pytest.raises(ConfigError, match="ShuffleAndLearn does not hear"):
        asked(train=data, test=data)(deaf, fresh=lambda _: deaf)
    for train, folds in ((None, []), (data, []), (None, [data]), (data, [data, data])):
        with pytest.raises(ValueError, match="give"):
            SoundProbe(train=train, folds=folds)
