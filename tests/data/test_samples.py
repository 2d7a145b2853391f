"""The real sample videos: pinned, verified, resumable, split by time and by video; no network but in the last test."""

import csv
import hashlib
import importlib.util
import io
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from avssl import config, load_encoder
from avssl.data import find_recordings
from avssl.media import open_video


def load(path):
    """Import a script of datasets/, which is no package."""
    spec = importlib.util.spec_from_file_location("samples_prepare", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


FOLDER = Path(__file__).parents[2] / "datasets" / "samples"
CONFIG = Path(__file__).parents[2] / "configs" / "shuffle_learn_samples.yaml"
samples = load(FOLDER / "prepare.py")
BYTES = {"long.mp4": b"a long video", "one.avi": b"one", "other.avi": b"other"}


def sha(content):
    return hashlib.sha256(content).hexdigest()


def pack(path, contents):
    """Write files as a wheel (zip) or a source archive (tar.gz)."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in contents.items():
                archive.writestr(f"package/{name}", content)
        return
    with tarfile.open(path, "w:gz") as archive:
        for name, content in contents.items():
            about = tarfile.TarInfo(f"package/{name}")
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))


@pytest.fixture
def store(tmp_path):
    """A registry of two archives on disk, what is pinned of them, and a fetch that counts."""

    class Store:
        def __init__(self):
            self.fetched, self.folder, self.root = [], tmp_path / "registry", tmp_path / "samples"
            self.folder.mkdir()
            self.root.mkdir()
            self.archives = [
                self.archive("a", "wheel", [("long", "long.mp4", 100.0, "time")]),
                self.archive(
                    "b", "sdist", [("one", "one.avi", 5.0, "heldout_video"), ("other", "other.avi", 4.0, "train")]
                ),
            ]

        def archive(self, package, kind, videos):
            path = self.folder / (package + (".whl" if kind == "wheel" else ".tar.gz"))
            pack(path, {member: BYTES[member] for _, member, *_ in videos})
            return samples.Archive(
                package=package, version="1", kind=kind, megabytes=1, sha256=sha(path.read_bytes()), licence="MIT",
                credit="nobody", show=True, asked=False,
                videos=tuple(
                    samples.Video(name=name, member=f"package/{member}", sha256=sha(BYTES[member]), seconds=seconds,
                                  label="x", use=use)
                    for name, member, seconds, use in videos
                ),
            )  # fmt: skip

        def fetch(self, archive, folder):
            self.fetched.append(archive.package)
            path = next(self.folder.glob(f"{archive.package}.*"))
            return Path(shutil.copy(path, folder))

        def gather(self, names=(), fetch=None):
            wanted = samples.chosen(self.archives, list(names))
            return samples.gather(wanted, self.root, fetch or self.fetch)

    return Store()


def test_everything_pinned_is_gathered_and_nothing_else_is_kept(store):
    assert store.gather() == []
    kept = {path.name: path.read_bytes() for path in store.root.rglob("*") if path.is_file()}
    assert kept == BYTES


def test_what_is_there_and_verified_is_not_fetched_again(store):
    store.gather()
    store.gather()
    assert store.fetched == ["a", "b"]
    (store.root / "videos/one.avi").write_bytes(b"bad")
    store.gather()
    assert store.fetched == ["a", "b", "b"] and (store.root / "videos/one.avi").read_bytes() == b"one"


def test_an_interrupted_run_goes_on_where_it_stopped(store):
    def interrupted(archive, folder):
        if archive.package == "b":
            raise KeyboardInterrupt
        return store.fetch(archive, folder)

    with pytest.raises(KeyboardInterrupt):
        store.gather(fetch=interrupted)
    assert [path.name for path in store.root.rglob("*") if path.is_file()] == ["long.mp4"]
    assert store.gather() == [] and store.fetched == ["a", "b"]


def test_only_what_is_named_is_gathered_and_the_manifest_lists_what_came_before_too(store):
    store.gather(["one"])
    assert store.fetched == ["b"] and [path.name for path in (store.root / "videos").iterdir()] == ["one.avi"]
    store.gather(["long"])
    rows = samples.write_manifest(store.archives, store.root)
    assert {row["path"] for row in rows} == {"videos/long.mp4", "videos/one.avi"}


def test_an_unknown_name_is_refused_with_the_known_ones(store):
    with pytest.raises(ValueError, match="unknown: two; there is long, one, other"):
        store.gather(["two"])


def test_other_bytes_than_the_pinned_ones_are_refused(store):
    pack(store.folder / "a.whl", {"long.mp4": b"something else"})
    failures = store.gather()
    assert len(failures) == 1 and failures[0].startswith("a==1: the archive has sha256")
    assert not (store.root / "videos/long.mp4").exists() and (store.root / "videos/one.avi").exists()


def test_a_registry_out_of_reach_is_said_once(store):
    def unplugged(archive, folder):
        store.fetched.append(archive.package)
        raise samples.RegistryError("the package registry is out of reach; pip says: no route")

    assert store.gather(fetch=unplugged) == ["the package registry is out of reach; pip says: no route"]
    assert store.fetched == ["a"]


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (
            "WARNING: Retrying (Retry(total=4\nERROR: No matching distribution",
            "out of reach; pip says: ERROR: No match",
        ),
        ("ERROR: No matching distribution found for a==1", "did not give a==1; pip says: ERROR: No matching"),
        ("/usr/bin/python: No module named pip", "has no pip; run: .* -m ensurepip"),
    ],
)
def test_what_pip_says_becomes_one_clear_line(store, tmp_path, monkeypatch, told, message):
    def pip(command, **_):
        assert "--require-hashes" in command and "--no-deps" in command
        return subprocess.CompletedProcess(command, 1, stdout="", stderr=told)

    monkeypatch.setattr(samples.subprocess, "run", pip)
    with pytest.raises(samples.RegistryError, match=message):
        samples.download(store.archives[0], tmp_path)


def test_a_long_video_is_split_by_time_with_a_gap_and_cut_into_equal_pieces(store):
    parts = samples.parts_of(store.archives[0].videos[0])
    train = [(start, end) for split, start, end in parts if split == "train"]
    held = [(start, end) for split, start, end in parts if split == "heldout_time"]
    assert (train[0][0], train[-1][1], held[0][0], held[-1][1]) == (0, 73, 75, 100)
    for stretch in (train, held):
        assert all(before[1] == after[0] for before, after in pairwise(stretch))
        assert len({round(end - start, 6) for start, end in stretch}) == 1 and stretch[0][1] - stretch[0][0] <= 5


def test_videos_with_sound_of_the_moment_are_listed_once_more(store):
    store.gather()
    first, *others = store.archives
    heard = replace(first, videos=tuple(replace(video, sound=True) for video in first.videos))
    samples.write_manifest([heard, *others], store.root)
    sounding, _ = find_recordings(store.root, "sound_train")
    assert {recording.path.stem for recording in sounding} <= {video.name for video in first.videos} and sounding
    assert len(find_recordings(store.root, "train")[0]) == 16
    named = {video.name for archive in samples.read_sources() for video in archive.videos if video.sound}
    assert named == {"dancer", "pianist", "band", "talk-1", "talk-2", "oath"}


def test_the_loader_reads_the_manifest(store):
    store.gather()
    samples.write_manifest(store.archives, store.root)
    train, classes = find_recordings(store.root, "train")
    assert classes == ["x"] and len(train) == 16 and (train[0].start, train[-1].start) == (0, None)
    assert {recording.path.name for recording in train} == {"long.mp4", "other.avi"}
    assert [recording.path.name for recording in find_recordings(store.root, "heldout_video")[0]] == ["one.avi"]


def test_the_command_writes_the_manifest_and_ends_in_success(store, monkeypatch, capsys):
    monkeypatch.setattr(samples, "read_sources", lambda: store.archives)
    monkeypatch.setattr(samples.gather, "__defaults__", (store.fetch, None))
    assert samples.main(["--root", str(store.root)]) == 0
    assert "3 gathered videos are listed in" in capsys.readouterr().out
    with open(store.root / "manifest.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == samples.COLUMNS and rows[-1]["source"] == "b==1 package/other.avi"


def test_the_list_names_every_video_and_its_licence(capsys):
    assert samples.main(["--list"]) == 0
    told = capsys.readouterr().out
    for archive in samples.read_sources():
        assert archive.pin in told and archive.licence in told and all(video.name in told for video in archive.videos)


def test_the_pinned_sources_are_complete_and_no_video_serves_both_sides():
    archives = samples.read_sources()
    videos = [video for archive in archives for video in archive.videos]
    assert len({video.name for video in videos}) == len({video.sha256 for video in videos}) == len(videos) >= 15
    assert all(len(thing.sha256) == 64 for thing in (*archives, *videos))
    assert {video.use for video in videos} == {"time", "train", "heldout_time", "heldout_video"}
    assert {archive.kind for archive in archives} == {"wheel", "sdist"}
    for video in videos:
        spans = sorted(samples.parts_of(video), key=lambda part: part[1])
        for before, after in pairwise(spans):
            assert after[1] - before[2] >= (samples.GAP - 1e-6 if before[0] != after[0] else 0)


def test_the_readme_names_every_package_with_its_licence():
    text = (FOLDER / "README.md").read_text()
    for archive in samples.read_sources():
        assert archive.pin in text and archive.licence.split(";")[0] in text
        assert all(f"`{video.name}`" in text for video in archive.videos)


@pytest.mark.network
def test_real_videos_are_fetched_from_the_registry_read_and_trained_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PIP_RETRIES", "0")
    wanted = samples.chosen(samples.read_sources(), ["bikes", "carphone"])
    failures = samples.gather(wanted, tmp_path)
    if failures and "registry" in failures[0]:
        pytest.skip(failures[0])
    assert failures == []
    for video in wanted[0][1]:
        with open_video(tmp_path / video.path, size=(48, 64)) as opened:
            assert abs(opened.timeline.end - video.seconds) < 0.01
            frames = opened.at(np.array([0.0, video.seconds / 2]))
            assert frames.data.shape == (2, 3, 48, 64) and frames.data.float().std() > 10
    samples.write_manifest(samples.read_sources(), tmp_path)
    settings = [f"{part}.source={tmp_path}" for part in ("data", "held_out")]
    settings += [f"out={tmp_path}/run", "steps=3", "batch_size=1", "data.sampler.count=2", "held_out.sampler.count=2"]
    settings += ["workers=0", "measure_items=2", "tensorboard=false", "accelerator=cpu"]
    config.main("avssl.training.train", None, arguments=[str(CONFIG), *settings])
    assert "step 3: train/loss" in capsys.readouterr().out
    assert load_encoder(tmp_path / "run").dim == 128
