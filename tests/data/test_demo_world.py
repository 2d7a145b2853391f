"""The demo world on disk: whole files, a manifest last, safe to interrupt, and no work done twice."""

import csv
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from avssl import progress
from avssl.cache import cache_folder
from avssl.data.demo import draw_figure, prepare, world


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return prepare(root=tmp_path_factory.mktemp("world"), train=4, heldout=2, progress=False)


def rows_of(folder):
    with open(folder / "manifest.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_the_manifest_names_every_recording_its_split_label_and_truth(folder):
    rows = rows_of(folder)
    assert [row["split"] for row in rows] == ["train"] * 4 + ["heldout"] * 2
    assert [row["label"] for row in rows] == ["0", "1", "2", "0", "0", "1"]
    for row in rows:
        truth = np.load(folder / row["keypoints"])
        assert truth["keypoints"].shape == (64, 14, 2) and truth["visible"].shape == (64, 14)
        assert truth["parts"].shape == (64, 72, 72) and truth["keypoints"].dtype == np.float32
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {"manifest.csv"} | {row[name] for row in rows for name in ("path", "keypoints")}


def test_a_file_is_ordinary_h264_and_shows_what_was_drawn(folder):
    drawing = draw_figure((0, 1), style="mirrored")
    with av.open(str(folder / "train/00001.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264" and stream.average_rate == 25 and stream.pix_fmt == "yuv420p"
        decoded = list(container.decode(stream))
    kinds = {int(frame.pict_type) for frame in decoded}
    assert kinds == {1, 2, 3}, "I, P and B frames"
    assert max(np.diff([i for i, frame in enumerate(decoded) if frame.key_frame])) <= 12
    frames = np.stack([frame.to_ndarray(format="rgb24") for frame in decoded])
    assert frames.shape == (64, 72, 72, 3)
    assert np.abs(frames.astype(float) - drawing.frames).mean() < 6
    assert np.array_equal(np.load(folder / "train/00001.npz")["keypoints"], drawing.keypoints)


def test_a_second_call_draws_nothing(folder, monkeypatch):
    monkeypatch.setattr(world, "draw_figure", None)
    before = (folder / "manifest.csv").stat().st_mtime_ns
    assert prepare(root=folder, train=4, heldout=2) == folder
    assert (folder / "manifest.csv").stat().st_mtime_ns == before


def test_an_interrupted_call_leaves_whole_files_and_the_next_one_goes_on(tmp_path, monkeypatch):
    write, written = world.write_video, []

    def interrupted(path, frames, rate):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(path)
        write(path, frames, rate)

    monkeypatch.setattr(world, "write_video", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepare(root=tmp_path, train=5, heldout=1, workers=1, progress=False)
    assert not (tmp_path / "manifest.csv").exists()
    assert sorted(tmp_path.rglob("*.mp4")) == sorted(written) and not list(tmp_path.rglob("*.part"))
    kept = {path: path.stat().st_mtime_ns for path in written}

    monkeypatch.setattr(world, "write_video", write)
    prepare(root=tmp_path, train=5, heldout=1, progress=False)
    assert len(rows_of(tmp_path)) == len(list(tmp_path.rglob("*.mp4"))) == 6
    assert {path: path.stat().st_mtime_ns for path in written} == kept


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    def write_half(path):
        with world.whole(path) as part:
            part.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half(tmp_path / "video.mp4")
    assert not list(tmp_path.iterdir())


def test_a_lost_file_is_drawn_again_and_more_are_added_without_touching_the_rest(tmp_path):
    prepare(root=tmp_path, train=2, heldout=1, progress=False)
    before = np.load(tmp_path / "train/00001.npz")["keypoints"]
    kept = (tmp_path / "train/00000.mp4").stat().st_mtime_ns
    (tmp_path / "train/00001.npz").unlink()
    prepare(root=tmp_path, train=3, heldout=1, progress=False)
    assert np.array_equal(np.load(tmp_path / "train/00001.npz")["keypoints"], before)
    assert (tmp_path / "train/00000.mp4").stat().st_mtime_ns == kept
    assert len(rows_of(tmp_path)) == 4


def test_without_a_root_the_world_lies_in_the_cache_by_version_and_counts():
    assert prepare(train=1, heldout=0, progress=False) == cache_folder("demo", f"{world.VERSION}-1-0")


def test_many_threads_draw_the_same_as_one(tmp_path):
    one = prepare(root=tmp_path / "one", train=3, heldout=0, workers=1, progress=False)
    many = prepare(root=tmp_path / "many", train=3, heldout=0, workers=3, progress=False)
    for path in sorted(one.rglob("*.npz")):
        assert path.read_bytes() == (many / path.relative_to(one)).read_bytes()


def test_progress_is_shown_on_the_error_stream(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 0.0)  # where nothing can move, lines are written now and then
    prepare(root=tmp_path, train=1, heldout=0)
    told = capsys.readouterr()
    assert told.out == "" and "1/1" in told.err


def test_the_script_draws_a_contact_sheet(tmp_path):
    script = [sys.executable, str(Path(__file__).parents[2] / "datasets/demo/prepare.py")]
    subprocess.run([*script, "--sheet", str(tmp_path / "sheet.png")], check=True, capture_output=True)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (8 * 144, 4 * 144)


@pytest.mark.parametrize(
    ("wrong", "message"), [({"world": "moon"}, "world='moon' is unknown"), ({"train": -1}, "train=-1")]
)
def test_wrong_arguments_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        prepare(**wrong)


def test_worlds_with_an_arrow_have_folders_of_their_own(monkeypatch, tmp_path):
    monkeypatch.setenv("AVSSL_CACHE", str(tmp_path))
    folders = [
        prepare(name, train=1, heldout=0, progress=False)
        for name in ("figures", "figures-arrow", "figures-arrow-0.35", "figures-arrow-0.7", "figures-arrow-0")
    ]
    assert [folder.name for folder in folders] == [
        "figures-v1-1-0",
        "figures-v1-arrow-0.7-1-0",
        "figures-v1-arrow-0.35-1-0",
        "figures-v1-arrow-0.7-1-0",
        "figures-v1-1-0",
    ]
    points = [np.load(folder / "train/00000.npz")["keypoints"] for folder in folders[:3]]
    assert not np.array_equal(points[0], points[1]) and not np.array_equal(points[1], points[2])
    for wrong in ("figures-arrow-2", "figures-arrow-much", "figures-arrows"):
        with pytest.raises(ValueError, match=f"world='{wrong}' is unknown"):
            prepare(wrong)
