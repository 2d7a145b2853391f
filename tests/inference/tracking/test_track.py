import csv
import json
import re
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from avssl.config import ConfigError
from avssl.evaluation.propagation.adaptation import Adapt
from avssl.inference.tracking.command import track
from avssl.inference.tracking.marks import read_objects
from avssl.media import open_video
from avssl.metrics.masks import jaccard
from tests.inference.tracking.films import SIZE, frames, middle, write

START = 5
SETTINGS = {"short": 64, "radius": 16.0, "context": 3, "device": "cpu"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A film, what was marked in frame 5, and what was found with windows of pixels."""
    folder = tmp_path_factory.mktemp("track")
    pictures, masks = frames()
    video = write(folder / "film.mp4", pictures)
    Image.fromarray(masks[START]).save(folder / "mask.png")
    x, y = middle(START, 1)
    out = track(
        video=video, out=folder / "out/tracked.mp4", mask=folder / "mask.png", points=f"{x + 3},{y - 2}",
        frame=START, **SETTINGS,
    )  # fmt: skip
    return folder, out


def rows_of(out):
    with open(out.with_suffix(".csv"), newline="") as file:
        return list(csv.DictReader(file))


def painted(out, frame):
    with Image.open(out.with_name(f"{out.stem}_masks") / f"{frame:05d}.png") as image:
        return np.array(image)


def test_objects_are_found_in_all_frames_after_and_before_the_one_that_was_marked(made):
    _, masks = frames()
    for frame in range(len(masks)):
        found = painted(made[1], frame)
        assert [bool(jaccard(found == one, masks[frame] == one) > 0.7) for one in (1, 2)] == [True, True], frame
    assert (painted(made[1], START) == masks[START]).all()


def test_masks_are_palette_pngs_whose_values_are_objects(made):
    with Image.open(made[1].with_name("tracked_masks") / "00000.png") as image:
        assert image.mode == "P" and set(np.unique(np.asarray(image))) == {0, 1, 2}


def test_the_table_says_where_everything_is_in_each_frame_and_how_sure_it_is(made):
    rows = rows_of(made[1])
    assert len(rows) == 12 * 3 and list(rows[0]) == ["frame", "time", "name", "x", "y", "confidence", "pixels"]
    for row in rows:
        time, name = int(row["frame"]), row["name"]
        assert float(row["time"]) == pytest.approx(time / 10, abs=1e-3) and 0 < float(row["confidence"]) <= 1
        x, y = middle(time, 1) if name != "object 2" else middle(time, 2)
        x, y = (x + 3, y - 2) if name == "point 1" else (x, y)
        assert np.hypot(float(row["x"]) - x, float(row["y"]) - y) < 4, row
    assert {row["confidence"] for row in rows if int(row["frame"]) == START} == {"1.0000"}


def test_the_film_keeps_times_size_and_sound_and_shows_what_was_found(made):
    folder, out = made
    with open_video(out) as drawn, open_video(folder / "film.mp4") as source:
        np.testing.assert_allclose(drawn.timeline.times, source.timeline.times, atol=1e-3)
        assert (drawn.info.height, drawn.info.width) == SIZE
        change = (drawn.frames([9]).data.float() - source.frames([9]).data.float()).abs().mean((0, 1)).numpy()
    mask = painted(out, 9)
    assert change[mask > 0].mean() > 30 and change[mask == 0].mean() < 8
    assert packets(out) == packets(folder / "film.mp4") and packets(out)


def packets(path):
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def test_the_page_shows_every_frame_and_says_what_compared_them(made):
    _, out = made
    text = out.with_suffix(".html").read_text()
    data = json.loads(re.search(r'<script id="data"[^>]*>(.*?)</script>', text, re.DOTALL)[1])
    assert data["frames"] == list(range(12)) and data["start"] == START and "raw pixels" in data["by"]
    assert np.shape(data["confidence"]) == (3, 12)
    for frame in data["frames"]:
        with Image.open(out.with_name("tracked_page") / f"{frame:05d}.jpg") as shown:
            assert shown.size == SIZE[::-1]


def test_no_weights_are_said_and_a_silent_film_without_points_is_followed(tmp_path, capsys):
    pictures, masks = frames(4)
    video = write(tmp_path / "silent.mp4", pictures, sound=False)
    Image.fromarray(masks[0]).save(tmp_path / "mask.png")
    out = track(video=video, out=tmp_path / "tracked.mkv", mask=tmp_path / "mask.png", steps=2, **SETTINGS)
    assert "nothing learned" in capsys.readouterr().out
    with open_video(out) as drawn:
        assert len(drawn) == 4 and drawn.timeline.sound is None
    assert sorted(path.name for path in (tmp_path / "tracked_page").iterdir()) == ["00000.jpg", "00003.jpg"]


def test_a_film_whose_picture_begins_after_its_sound_stays_together(tmp_path):
    pictures, _ = frames(4)
    video = write(tmp_path / "late.mkv", pictures, start=Fraction(1, 2))
    out = track(video=video, out=tmp_path / "tracked.mkv", points="20,12", **SETTINGS)
    for path in (video, out):
        with av.open(str(path)) as container:
            assert float(next(container.decode(video=0)).time) == pytest.approx(0.5, abs=0.02)
    assert not (tmp_path / "tracked_masks").exists()


def test_a_run_compares_frames_by_its_encoder(tmp_path, monkeypatch):
    import torch

    from avssl.nets import MapNet

    torch.manual_seed(0)
    seen = []
    monkeypatch.setattr("avssl.inference.tracking.compared.find_run", lambda run: seen.append(run) or run)
    monkeypatch.setattr("avssl.inference.tracking.compared.load_encoder", lambda run, trust: MapNet(dim=16, width=8))
    pictures, masks = frames(4)
    video = write(tmp_path / "film.mp4", pictures, sound=False)
    Image.fromarray(masks[0]).save(tmp_path / "mask.png")
    out = track(video=video, out=tmp_path / "o.mp4", mask=tmp_path / "mask.png", run=tmp_path / "mine", **SETTINGS)
    assert seen == [tmp_path / "mine"] and "features of" in out.with_suffix(".html").read_text()
    assert jaccard(painted(out, 3) == 1, masks[3] == 1) > 0.5


def test_a_run_is_adapted_to_the_recording_first(tmp_path, monkeypatch, capsys):
    import torch

    from avssl.inference.tracking import compared
    from avssl.methods import RandomWalk
    from avssl.nets import MapNet

    torch.manual_seed(0)
    method = RandomWalk(MapNet(dim=8, width=4), layer="conv3", patch=16, stride=16, dim=8).eval()
    start = {name: value.clone() for name, value in method.state_dict().items()}
    made = []
    monkeypatch.setattr(compared, "find_run", lambda run: run)
    monkeypatch.setattr(compared, "load_encoder", lambda run, trust: method.encoder)
    monkeypatch.setattr(compared, "load_method", lambda run, trust: method)
    maps = compared.Adapter.maps
    monkeypatch.setattr(compared.Adapter, "maps", lambda self, found: made.append(found) or maps(self, found))
    video = write(tmp_path / "film.mp4", frames(4)[0], sound=False)
    adapt = Adapt(steps=1, clips=1, lr=1e-2)
    out = track(video=video, out=tmp_path / "o.mp4", points="20,12", run=tmp_path / "mine", adapt=adapt, **SETTINGS)
    text = capsys.readouterr().out
    assert "Adapted to the recording in 1 steps: loss" in text and "adapted to the recording in 1 steps" in text
    assert "adapted to the recording" in out.with_suffix(".html").read_text()
    assert all(torch.equal(method.state_dict()[name], value) for name, value in start.items())
    own = made[0].encoder.trunk.state_dict()["conv1.0.weight"]
    assert not torch.equal(own, start["encoder.trunk.conv1.0.weight"])


def test_no_more_frames_and_features_are_held_than_a_piece_and_the_context(tmp_path, monkeypatch):
    from avssl.features.propagation import propagate as module
    from avssl.media.reader import Reader

    pictures, _ = frames(12)
    video = write(tmp_path / "film.mp4", pictures, sound=False)
    read, held = [], []
    reads, carried = Reader.frames, module.carried
    monkeypatch.setattr("avssl.inference.tracking.carrying.PIECE", 3)
    monkeypatch.setattr("avssl.inference.tracking.command.PIECE", 3)
    monkeypatch.setattr(Reader, "frames", lambda self, index: read.append(np.size(index)) or reads(self, index))
    monkeypatch.setattr(
        module, "carried", lambda query, seen, *more: held.append(len(seen)) or carried(query, seen, *more)
    )
    track(video=video, out=tmp_path / "o.mp4", points="20,12", frame=6, **SETTINGS)
    assert max(read) == 3 and max(held) == 4  # three recent frames and the marked one


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, r"nothing to follow: give mask=FILE.png"),
        ({"points": "20"}, r"points: got '20'; write them as"),
        ({"points": "20,12;200,3"}, r"points: \[200.0, 3.0\] lies outside the frames of 96x64"),
        ({"points": "20,12", "frame": 12}, r"frame: got 12; .*film.mp4 has 4, 0 to 3"),
        ({"points": "20,12", "layer": "conv1"}, r"layer: 'conv1' is of a run"),
        ({"points": "20,12", "adapt": Adapt()}, r"adapt: Adapt\(steps=20.*\) is of a run"),
        ({"mask": "small.png"}, r"small.png is 8x8, the frames are 96x64"),
        ({"mask": "empty.png"}, r"empty.png holds no object"),
        ({"mask": "soft.png"}, r"soft.png has \d+ colours; at most 32"),
        ({"mask": "nothing.png"}, r"nothing.png cannot be read"),
        ({"points": "20,12", "out": "film.mp4"}, r"is the recording itself"),
        ({"points": "20,12", "out": "film.gif"}, r"should end in .mp4, .mkv or .mov"),
    ],
)
def test_what_cannot_be_followed_is_answered_in_one_line(tmp_path, given, said):
    write(tmp_path / "film.mp4", frames(4)[0], sound=False)
    Image.new("L", (8, 8), 1).save(tmp_path / "small.png")
    Image.new("L", SIZE[::-1]).save(tmp_path / "empty.png")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (*SIZE, 3), np.uint8)).save(tmp_path / "soft.png")
    files = {name: tmp_path / given[name] for name in ("mask", "out") if name in given}
    settings = {"video": tmp_path / "film.mp4", "out": tmp_path / "o.mp4"} | SETTINGS | given | files
    with pytest.raises(ConfigError, match=said):
        track(**settings)


def test_masks_come_painted_in_values_in_colours_and_in_black_and_white(tmp_path):
    values = np.zeros((4, 6), np.uint8)
    values[0, 1], values[2, 3:5] = 7, 3
    colors = np.zeros((4, 6, 4), np.uint8)
    colors[values == 7], colors[values == 3] = (255, 0, 0, 255), (10, 0, 0, 255)
    colors[3, 0] = (9, 9, 9, 0)  # transparent
    wanted = {"values": (values == 3) + 2 * (values == 7), "colors": (values == 7) + 2 * (values == 3)}
    wanted["white"] = wanted["bits"] = (values > 0).astype(np.uint8)
    Image.fromarray(values).save(tmp_path / "values.png")
    Image.fromarray(colors).save(tmp_path / "colors.png")
    Image.fromarray(np.where(values > 0, 255, 0).astype(np.uint8)).save(tmp_path / "white.png")
    Image.fromarray(values > 0).save(tmp_path / "bits.png")
    for name, objects in wanted.items():
        assert read_objects(tmp_path / f"{name}.png", (4, 6)).tolist() == objects.tolist(), name
    void = np.where(values == 7, 255, values).astype(np.uint8)
    Image.fromarray(void).save(tmp_path / "void.png")
    assert read_objects(tmp_path / "void.png", (4, 6)).tolist() == (values == 3).astype(int).tolist()
