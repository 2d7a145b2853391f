"""Recordings that are not as they should be: one clear line each, and a run over a folder goes on and counts."""

from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from av.audio.stream import AudioStream

from avssl import config
from avssl.config import ConfigError
from avssl.inference.embeddings import embed
from avssl.inference.localization import localise
from avssl.inference.sync import score_sync
from avssl.media.errors import MediaError

SAMPLER = {
    "name": "WithSound",
    "seconds": 0.5,
    "align": "centre",
    "edge": "shift",
    "sampler": {"name": "Segments", "count": 2},
}
DATA = {"name": "Videos", "size": [32, 32], "sound_rate": 16000, "sampler": SAMPLER}
PICTURE, NO_PICTURE, CORRUPT = "has no sound", "no video stream, only audio", "the sound stream holds no sound"
GOOD = ("good.mkv", "eight.mkv", "slow.mkv", "fast.mkv", "late.mkv", "early.mkv")


def film(path, frames=40, rate=16000, layout="mono", samples=None, start=0.0, codec="pcm_s16le", streams="both"):
    """Write grey frames that grow brighter, 25 a second, and a tone."""
    with av.open(str(path), "w") as out:
        picture = out.add_stream("libx264", rate=25) if streams != "sound" else None
        sound = out.add_stream(codec, rate=rate, layout=layout) if streams != "picture" else None
        assert isinstance(sound, AudioStream | None)
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
            for number in range(frames):
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 40 + 2 * number, np.uint8), format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                out.mux(picture.encode(frame))
            out.mux(picture.encode())
        if sound is not None:
            channels = av.AudioLayout(layout).nb_channels
            count = frames * rate // 25 if samples is None else samples
            tone = (8000 * np.sin(np.arange(count) * 0.2)).astype(np.int16).repeat(channels)
            frame = av.AudioFrame.from_ndarray(tone[None], format="s16", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, int(start * rate), Fraction(1, rate)
            out.mux(sound.encode(frame))
            out.mux(sound.encode())


def spoil(source, path):
    """Write a recording again with noise in place of every packet of sound."""
    data = bytearray(source.read_bytes())
    with av.open(str(source)) as whole:
        for packet in whole.demux(audio=0):
            if packet.size and packet.pos is not None:
                noise = np.random.default_rng(packet.pos).integers(0, 256, packet.size, np.uint8)
                data[packet.pos : packet.pos + packet.size] = noise.tobytes()
    path.write_bytes(data)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    film(folder / "good.mkv")
    film(folder / "mute.mkv", streams="picture")
    film(folder / "blind.mkv", streams="sound")
    film(folder / "one.mkv", samples=1)
    film(folder / "eight.mkv", layout="7.1")
    film(folder / "slow.mkv", rate=8000)
    film(folder / "fast.mkv", rate=192000)
    film(folder / "late.mkv", frames=100, samples=32000, start=2.0)
    film(folder / "early.mkv", frames=100, samples=16000)
    whole = tmp_path_factory.mktemp("whole") / "whole.mp4"
    film(whole, codec="aac")
    spoil(whole, folder / "corrupt.mp4")
    return folder


@pytest.fixture(scope="module")
def runs(folder, tmp_path_factory):
    """A run of AVE and one of AVOL, a step old, on the very folder."""
    from avssl.training import train

    runs = tmp_path_factory.mktemp("runs")
    nets = {name: {"name": kind, "widths": [4, 4, 8, 8]} for name, kind in
            (("encoder", "SmallVision"), ("sound", "SmallSound"))}  # fmt: skip
    for name in ("AVE", "AVOL"):
        torch.manual_seed(0)
        train(
            data=config.make(DATA | {"source": str(folder), "on_bad": "skip"}, "avssl.data.Dataset"),
            method=config.make({"name": name, **nets}, "avssl.methods.Method"),
            optim=config.make({"name": "AdamW", "lr": 1e-3}, "avssl.training.Optim"),
            out=runs / name,
            steps=1,
            batch_size=len(list(folder.iterdir())),
            workers=0,
            accelerator="cpu",
        )
    return runs


def test_a_data_set_leaves_out_what_has_no_picture_or_no_sound_and_marks_the_rest(folder):
    data = config.make(DATA | {"source": str(folder), "on_bad": "skip"}, "avssl.data.Dataset")
    items = {data.recordings[number].path.name: data[0, number] for number in range(len(data))}
    told = {name: item["failure"]["error"] for name, item in items.items() if "failure" in item}
    assert sorted(told) == ["blind.mkv", "corrupt.mp4", "mute.mkv"]
    for name, line in (("blind.mkv", NO_PICTURE), ("corrupt.mp4", CORRUPT), ("mute.mkv", PICTURE)):
        assert line in told[name] and "\n" not in told[name]
    assert items["one.mkv"]["silent"].all()
    for name in GOOD:
        assert items[name]["sound"].shape == (2, 1, 8000) and items[name]["sound_valid"].all(), name
        assert not items[name]["silent"].any(), name


def test_a_run_of_embedding_goes_on_and_counts(folder, runs, tmp_path, capsys):
    embed(files=[folder], out=tmp_path, run=runs / "AVE", every=0.5, device="cpu")
    said = capsys.readouterr().out
    lines = [line for line in said.splitlines() if line.startswith("left out: ")]
    assert len(lines) == 2 and NO_PICTURE in lines[0] and CORRUPT in lines[1]
    assert "from 8 files; 2 left out" in said


def test_scores_and_maps_say_what_is_amiss_in_one_line(folder, runs, tmp_path):
    for name, line in (("mute.mkv", PICTURE), ("blind.mkv", NO_PICTURE), ("corrupt.mp4", CORRUPT)):
        for ask in (
            lambda path: score_sync(video=path, out=tmp_path, run=runs / "AVE", device="cpu"),
            lambda path: localise(video=path, out=tmp_path / "out.mkv", run=runs / "AVOL", device="cpu"),
        ):
            with pytest.raises((ConfigError, MediaError), match=line) as told:
                ask(folder / name)
            assert name in str(told.value) and "\n" not in str(told.value)
    with pytest.raises(ConfigError, match=r"one\.mkv: picture .* have no moment in common"):
        score_sync(video=folder / "one.mkv", out=tmp_path, run=runs / "AVE", device="cpu")


def test_odd_rates_channels_and_beginnings_are_scored_and_drawn(folder, runs, tmp_path):
    for name in GOOD[1:5]:
        found = score_sync(video=folder / name, out=tmp_path, run=runs / "AVE", reach=0.2, every=0.5, device="cpu")
        assert np.isfinite(found["score"]), name
        localise(video=folder / name, out=tmp_path / name, run=runs / "AVOL", device="cpu")
        assert (tmp_path / name).stat().st_size > 1000


def test_a_file_that_cannot_hold_the_sound_is_refused_with_the_way_out(folder, runs, tmp_path):
    with pytest.raises(ConfigError, match=r"cannot hold .* \(pcm_s16le, 8 channels\); write an \.mkv instead"):
        localise(video=folder / "eight.mkv", out=tmp_path / "out.mp4", run=runs / "AVOL", device="cpu")
    assert not list(tmp_path.iterdir())
