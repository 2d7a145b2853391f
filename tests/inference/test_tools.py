"""A trained method on anybody's recordings: embedding, scoring along time, drawing where the sound comes from."""

from pathlib import Path

import av
import numpy as np
import pytest
import torch
from pyarrow import parquet

from avssl import config
from avssl.config import ConfigError
from avssl.config.command import given
from avssl.data.demo.band.world import prepare
from avssl.data.sets.fixtures.media import write_sound, write_video
from avssl.features.runs import find_run
from avssl.inference.embeddings import embed
from avssl.inference.loading import frames_at, lasting, within_of
from avssl.inference.localization import localise
from avssl.inference.sync import curve_of, draw, score_sync, shows_offset, summarize
from avssl.media import open_video

NETS = {
    "encoder": {"name": "SmallVision", "widths": [4, 4, 8, 8]},
    "sound": {"name": "SmallSound", "widths": [4, 4, 8, 8]},
}


@pytest.fixture(scope="module")
def band(tmp_path_factory):
    return prepare("full", tmp_path_factory.mktemp("band"), train=4, val=0, heldout=2, duet=0, progress=False)


@pytest.fixture(scope="module")
def runs(band, tmp_path_factory):
    """A run of AVE and one of AVOL, two steps old."""
    from avssl.training import train

    folder = tmp_path_factory.mktemp("runs")
    sampler = {
        "name": "WithSound",
        "seconds": 0.5,
        "align": "centre",
        "edge": "shift",
        "sampler": {"name": "Segments", "count": 1},
    }
    data = {
        "name": "Videos",
        "source": str(band),
        "split": "train",
        "size": [32, 32],
        "sound_rate": 16000,
        "sampler": sampler,
    }
    for name in ("AVE", "AVOL"):
        torch.manual_seed(0)
        train(
            data=config.make(data, "avssl.data.Dataset"),
            method=config.make({"name": name, **NETS}, "avssl.methods.Method"),
            optim=config.make({"name": "AdamW", "lr": 1e-3}, "avssl.training.Optim"),
            out=folder / name,
            steps=2,
            batch_size=2,
            workers=0,
            accelerator="cpu",
        )
    clips = sampler | {"sampler": {"name": "Segments", "count": 2, "frames_per_segment": 4, "stride": "fps(12.5)"}}
    nets = {"encoder": {"name": "SmallClips", "widths": [4, 4, 8, 8]}, "sound": NETS["sound"]}
    train(
        data=config.make(data | {"sampler": clips | {"seconds": None}}, "avssl.data.Dataset"),
        method=config.make({"name": "AVTS", **nets}, "avssl.methods.Method"),
        optim=config.make({"name": "AdamW", "lr": 1e-3}, "avssl.training.Optim"),
        out=folder / "AVTS",
        steps=2,
        batch_size=2,
        workers=0,
        accelerator="cpu",
    )
    return folder


def recording(band):
    return band / "heldout" / "00000.mp4"


def test_a_recording_is_drawn_over_and_keeps_its_times_and_its_sound(band, runs, tmp_path):
    out = localise(video=recording(band), out=tmp_path / "out.mp4", run=runs / "AVOL", device="cpu")
    with open_video(out) as drawn, open_video(recording(band)) as source:
        np.testing.assert_allclose(drawn.timeline.times, source.timeline.times, atol=1e-3)
        assert (drawn.info.height, drawn.info.width) == (source.info.height, source.info.width)
        windows = np.array([[0.2, 2.6]])
        torch.testing.assert_close(
            drawn.sound(windows, 16000).data, source.sound(windows, 16000).data, atol=1e-4, rtol=0
        )
    assert packets(out) == packets(recording(band))


def packets(path):
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def test_embeddings_of_videos_sounds_and_pictures_lie_in_one_file_and_a_bad_file_is_left_out(
    band, runs, tmp_path, capsys
):
    from PIL import Image

    files = tmp_path / "files"
    files.mkdir()
    (files / "a.mp4").write_bytes(recording(band).read_bytes())
    write_sound(files / "b.wav")
    Image.new("RGB", (40, 40), "red").save(files / "c.png")
    (files / "d.mp4").write_bytes(b"no video")
    folder = embed(files=[files], out=tmp_path / "out", run=runs / "AVE", device="cpu")
    rows, index = np.load(folder / "embeddings.npy"), parquet.read_table(folder / "index.parquet").to_pylist()
    assert rows.shape == (len(index), 128) and np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-4)
    kinds = {(row["path"].rpartition("/")[2], row["stream"]) for row in index}
    assert kinds == {("a.mp4", "picture"), ("a.mp4", "sound"), ("b.wav", "sound"), ("c.png", "picture")}
    assert "1 left out" in capsys.readouterr().out
    before = sorted((tmp_path / "out/kept").iterdir())
    embed(files=[files], out=tmp_path / "out", run=runs / "AVE", device="cpu")
    assert sorted((tmp_path / "out/kept").iterdir()) == before and np.array_equal(
        np.load(folder / "embeddings.npy"), rows
    )


def test_a_recording_is_scored_along_time_and_by_offset(band, runs, tmp_path, capsys):
    found = score_sync(video=recording(band), out=tmp_path, run=runs / "AVE", reach=0.4, step=0.2, device="cpu")
    assert abs(found["offset"]) <= 0.4 and "00000.mp4: " in capsys.readouterr().out
    lines = (tmp_path / "00000_sync.csv").read_text().splitlines()
    offsets = ("-0.400", "-0.200", "+0.000", "+0.200", "+0.400")
    assert lines[0] == ",".join(["time in s", *(f"sound {one} s" for one in offsets)]) and len(lines) == 1 + 15
    assert (tmp_path / "00000_sync.png").stat().st_size > 5000


def test_a_method_of_clips_sees_and_hears_what_its_sampler_gave_it(band, runs, tmp_path):
    inner = {"name": "UniformClips", "count": 3, "frames": 4, "stride": "fps(12.5)"}
    sampler = config.make({"name": "WithSound", "sampler": inner}, "avssl.sampling.Sampler")
    within = within_of({"name": "WithSound", "sampler": inner}, tmp_path)
    with open_video(recording(band)) as video:
        clips = sampler(video.timeline)
        middles = clips.sound.mean(1)
        assert torch.equal(frames_at(video, middles, within), video.read(clips).data)
    assert lasting(within, tmp_path) == pytest.approx(np.diff(clips.sound).mean())
    found = score_sync(video=recording(band), out=tmp_path, run=runs / "AVTS", reach=0.2, step=0.2, device="cpu")
    assert abs(found["offset"]) <= 0.2
    with pytest.raises(ConfigError, match="train with a stride in time"):
        within_of({"frames": 4, "stride": "frames(2)"}, tmp_path)


@pytest.mark.parametrize(
    ("found", "told", "shown"),
    [
        ({"offset": 0.2, "score": 2.0, "at 0": 1.0, "error": 0.1, "at the edge": 0.0}, "fits best 0.20 s later", True),
        ({"offset": 0.2, "score": 2.0, "at 0": 1.9, "error": 0.1, "at the edge": 0.0}, "no offset is shown", False),
        ({"offset": -0.4, "score": 2.0, "at 0": 1.0, "error": 0.1, "at the edge": 1.0}, "is the edge of what", False),
        ({"offset": 0.2, "score": 2.0, "at 0": 1.0, "error": float("nan"), "at the edge": 0.0}, "no offset is", False),
        ({"offset": 0.0, "score": -1.0, "at 0": -1.0, "error": 0.0, "at the edge": 0.0}, "above 0 would say", False),
    ],
)
def test_only_an_offset_that_stands_out_is_told_as_the_best(found, told, shown):
    text = summarize(Path("a.mp4"), found)
    assert told in text and shows_offset(found) == shown
    assert ("fits best" in text and "no offset" not in text) == shown


@pytest.mark.parametrize("shown", [None, -0.2])
def test_what_is_drawn_of_a_score_fits_its_picture(shown):
    scores = np.random.default_rng(0).normal(size=(1234, 5))
    picture = draw(scores, np.arange(1234.0), np.linspace(-0.4, 0.4, 5), "a.mp4", 0.5, shown)
    assert (np.asarray(picture.convert("L"))[:, [0, 1, -2, -1]] == 255).all()


def test_a_file_is_no_folder_for_the_score(tmp_path):
    with pytest.raises(ConfigError, match="give a folder"):
        score_sync(video=tmp_path / "a.mp4", out=tmp_path / "a.png", device="cpu")


def test_the_curve_counts_moments_that_have_every_offset():
    scores = np.array([[np.nan, 1.0, 2.0], [3.0, 4.0, 6.0], [1.0, 2.0, 0.0]])
    assert curve_of(scores).tolist() == [2.0, 3.0, 3.0]
    assert curve_of(np.array([[np.nan, 1.0], [np.nan, 3.0]]))[1] == 2.0


def test_what_cannot_be_done_is_said_in_one_line(band, runs, tmp_path):
    write_video(tmp_path / "mute.mp4")
    with pytest.raises(ConfigError, match=r"mute\.mp4: has no sound, and this needs picture and sound"):
        score_sync(video=tmp_path / "mute.mp4", run=runs / "AVE", device="cpu")
    with pytest.raises(ConfigError, match=r"AVE of .* cannot say where the sound comes from"):
        localise(video=recording(band), out=tmp_path / "out.mp4", run=runs / "AVE", device="cpu")
    with pytest.raises(ConfigError, match="is the recording itself"):
        localise(video=recording(band), out=recording(band), run=runs / "AVOL", device="cpu")
    with pytest.raises(ConfigError, match="does not exist"):
        embed(files=[tmp_path / "nothing.mp4"], run=runs / "AVE", device="cpu")
    assert find_run(runs / "AVE") == runs / "AVE"


def test_bare_words_of_the_command_line_are_files():
    assert given(["a.mp4", "b.mp4", "--run", "x"], "files", several=True) == ["run=x", 'files=["a.mp4", "b.mp4"]']
    with pytest.raises(ConfigError, match=r"video: got 2 \("):
        given(["a.mp4", "b.mp4"], "video", several=False)
