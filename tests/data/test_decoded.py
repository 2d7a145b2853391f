"""Decoded copies: the same bits as without, made once, shared by processes, never of a file as it was before."""

import csv
import os
import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from avssl.cache import cache_folder
from avssl.config import ConfigError
from avssl.data import Pictures, Relabelled, Videos, collate, copies, decoded, store
from avssl.data.base import lasting
from avssl.data.makers import PictureMaker
from avssl.data.store import PIXELS, ROWS, Row, Store
from avssl.lock import FILE, Lock
from avssl.media import open_video
from avssl.media.errors import MediaError
from avssl.sampling import Consecutive, MotionWeighted, OrderedFrames, RandomClip, Segments, WithSound, fps, frames
from tests.media.filming import Sheet, film, settle
from tests.media.recording import Tape, chirp, record

WHERE = ("memory", "file")


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Four recordings: one with B-frames, one with open groups, one whose part alone is used, one with sound."""
    folder = tmp_path_factory.mktemp("films")
    film(folder / "a.mp4", Sheet(frames=40))
    film(folder / "b.mkv", Sheet(frames=30, size=(48, 64), options={"x264-params": "open-gop=1:scenecut=0"}))
    wave = chirp(np.arange(48000) / 24000)[None].astype(np.float32)
    record(folder / "c.mkv", wave, Tape(rate=24000))
    for one in folder.iterdir():
        settle(one)
    with open(folder / "manifest.csv", "w", newline="") as file:
        rows = [["a.mp4", "", ""], ["b.mkv", "", ""], ["a.mp4", "0.5", "1.2"], ["c.mkv", "0.2", "1.8"]]
        csv.writer(file).writerows([["path", "start", "end"], *rows])
    return folder


@pytest.fixture
def tree(tmp_path):
    """Pictures of several shapes and modes."""
    rng = np.random.default_rng(0)
    for number, (mode, size) in enumerate([("RGB", (31, 20)), ("L", (20, 33)), ("RGBA", (24, 24)), ("RGB", (40, 21))]):
        pixels = rng.integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
        path = tmp_path / f"class{number % 2}" / f"{number}.{'jpg' if mode == 'RGB' else 'png'}"
        path.parent.mkdir(exist_ok=True)
        turned = Image.Exif()
        turned[0x0112] = 6 if number == 3 else 1
        Image.fromarray(pixels, "RGBA").convert(mode).save(path, **({"exif": turned} if mode == "RGB" else {}))
        settle(path)
    return tmp_path


def same(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        if isinstance(value, torch.Tensor):
            assert value.dtype == other[name].dtype and torch.equal(value, other[name]), name
            assert value.stride() == other[name].stride(), name
        else:
            assert value == other[name], name


def undecodable(*_):
    raise AssertionError("a copy was there")


# --- the same bits --------------------------------------------------------------------------------------------------
SAMPLERS = {
    "tuples": OrderedFrames(count=2, gaps=(1, 3)),
    "clips": RandomClip(frames=4, stride=fps(12), count=2),
    "segments": Segments(count=3),
    "all in a row": Consecutive(frames=6),
    "motion": MotionWeighted(sampler=RandomClip(frames=3, stride=frames(1))),
    "sound": WithSound(sampler=RandomClip(frames=2, stride=frames(1)), seconds=0.1),
}


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_clips_have_the_same_bits_whatever_is_sampled(films, where, sampler):
    motion = "difference" if sampler == "motion" else None
    heard = {"sound_rate": 8000} if sampler == "sound" else {}
    source = films / "c.mkv" if sampler == "sound" else films
    plain, kept = (
        Videos(source, SAMPLERS[sampler], size=(20, 30), motion=motion, cache=cache, **heard) for cache in (None, where)
    )
    for epoch in range(3):
        for index in range(len(plain)):
            same(plain[epoch, index], kept[epoch, index])
    assert f"{len(plain)} of {len(plain)} recordings stay decoded" in kept.facts()[0]


@pytest.mark.parametrize("size", [None, 24, (16, 28)])
def test_every_size_of_clips_has_the_same_bits_and_copies_of_its_own(films, size):
    plain, kept = (Videos(films, SAMPLERS["clips"], size=size, cache=cache) for cache in (None, "file"))
    for index in range(4):
        same(plain[1, index], kept[1, index])


@pytest.mark.parametrize(
    "settings",
    [
        *({}, {"size": 12}, {"size": (9, 14)}, {"size": (9, 14), "fit": "cover"}),
        {"size": (9, 14), "fit": "contain", "ground": (9, 99, 200)},
    ],
)
@pytest.mark.parametrize("where", WHERE)
def test_pictures_have_the_same_bits(tree, where, settings):
    plain, kept = (Pictures(tree, cache=cache, **settings) for cache in (None, where))
    for index in range(4):
        same(plain[3, index], kept[3, index])


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("where", WHERE)
def test_loading_processes_share_what_is_decoded(films, monkeypatch, where, workers):
    plain, kept = (Videos(films, SAMPLERS["tuples"], size=(16, 16), cache=cache) for cache in (None, where))
    kept.prepare()
    monkeypatch.setattr("avssl.data.videos.open_video", undecodable)  # forked processes inherit it
    loader = DataLoader(kept, 2, sampler=[(5, 0), (5, 2), (5, 1), (5, 3)], num_workers=workers, collate_fn=collate)
    found = list(loader)
    monkeypatch.undo()
    for batch, indices in zip(found, ((0, 2), (1, 3)), strict=True):
        same(collate([plain[5, index] for index in indices]), batch)


def test_an_item_may_be_written_to_and_the_copy_stays(tree):
    kept = Pictures(tree, size=(8, 8), cache="memory")
    before = kept[0]["frames"].clone()
    kept[0]["frames"].zero_()
    assert torch.equal(kept[0]["frames"], before)


@pytest.mark.parametrize("where", WHERE)
def test_another_process_is_handed_the_copies_and_makes_none(tree, monkeypatch, where):
    kept = Pictures(tree, size=(8, 8), cache=where)
    before = kept[1]
    monkeypatch.setattr(PictureMaker, "decode", undecodable)
    monkeypatch.setattr("avssl.data.pictures.read_picture", undecodable)
    same(before, pickle.loads(pickle.dumps(kept))[1])


def test_memory_that_was_not_filled_before_loading_is_refused_in_one_line(tree, monkeypatch):
    monkeypatch.setattr(decoded, "get_worker_info", lambda: "a loading process")
    with pytest.raises(ConfigError, match=r"call prepare\(\) of the data first, or set cache=file"):
        Pictures(tree, size=(8, 8), cache="memory")[0]


def test_data_within_other_data_are_made_ready_and_say_so(tree, tmp_path):
    inner = Pictures(tree, size=(8, 8), cache="memory")
    np.savez(tmp_path / "labels.npz", item=np.arange(4), label=np.zeros(4, np.int64))
    outer = Relabelled(inner, tmp_path / "labels.npz")
    assert not outer.facts()
    outer.prepare()
    assert outer.facts() == ["cache=memory: 4 of 4 recordings stay decoded, 0.00 GB in memory"]


# --- made once ------------------------------------------------------------------------------------------------------
def test_a_file_is_made_once_for_all_data_sets_and_runs(tree, monkeypatch):
    Pictures(tree, size=(8, 8), cache="file").prepare()
    monkeypatch.setattr(PictureMaker, "decode", undecodable)
    again = Pictures(tree, size=(8, 8), cache="file", seed=4, on_bad="skip")
    assert again[0]["frames"].shape[-2:] == (8, 8)
    with pytest.raises(AssertionError, match="a copy was there"):
        Pictures(tree, size=(8, 9), cache="file").prepare()


@pytest.mark.parametrize("where", WHERE)
def test_a_file_that_changes_is_read_anew_and_decoded_anew(tree, where):
    kept = Pictures(tree, size=(8, 8), cache=where)
    before = kept[0]["frames"]
    path = tree / "class0" / "0.jpg"
    Image.new("RGB", (31, 20), (0, 200, 0)).save(path)
    os.utime(path, ns=(10**18, 10**18))
    now = Pictures(tree, size=(8, 8))[0]["frames"]
    assert not torch.equal(before, now) and torch.equal(kept[0]["frames"], now)
    later = Pictures(tree, size=(8, 8), cache=where)
    assert torch.equal(later[0]["frames"], now) and "4 of 4" in later.facts()[0]


def test_what_was_interrupted_goes_on_where_it_stopped(tree, monkeypatch):
    real, seen = PictureMaker.decode, []

    def interrupted(self, recording, plan):
        seen.append(recording.path.name)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return real(self, recording, plan)

    monkeypatch.setattr(store, "cpu_count", lambda: 1)
    monkeypatch.setattr(PictureMaker, "decode", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Pictures(tree, size=(8, 8), cache="file").prepare()
    again = Pictures(tree, size=(8, 8), cache="file")
    again.prepare()
    assert seen.count("0.jpg") == seen.count("2.png") == 1 and "4 of 4" in again.facts()[0]  # two were whole
    for index in range(4):
        same(Pictures(tree, size=(8, 8))[index], again[index])


def test_what_is_whole_is_written_down_on_the_way(tree, monkeypatch):
    real, written = Store.keep, []
    monkeypatch.setattr(copies, "EVERY", 2)
    monkeypatch.setattr(Store, "keep", lambda self, rows: (written.append(len(rows)), real(self, rows)))
    Pictures(tree, size=(8, 8), cache="file").prepare()
    assert written == [2, 2, 0]


def test_a_picture_that_is_not_of_the_size_that_its_header_tells_has_no_copy(tree, monkeypatch):
    monkeypatch.setattr("avssl.data.makers.displayed_size", lambda image: (30, 30))
    kept = Pictures(tree, cache="memory")
    for index in range(4):
        same(Pictures(tree)[index], kept[index])
    assert "0 of 4" in kept.facts()[0]


@pytest.mark.parametrize("damage", ["rows are cut off", "pixels are cut off"])
def test_a_damaged_file_costs_a_decoding_and_no_wrong_pixel(tree, damage):
    kept = Pictures(tree, size=(8, 8), cache="file")
    kept.prepare()
    name = ROWS if damage.startswith("rows") else PIXELS
    path = kept.copies.store.folder / name
    path.write_bytes(path.read_bytes()[:-9])
    again = Pictures(tree, size=(8, 8), cache="file")
    for index in range(4):
        same(Pictures(tree, size=(8, 8))[index], again[index])
    assert "4 of 4" in again.facts()[0]
    third = Pictures(tree, size=(8, 8), cache="file")
    third.prepare()
    assert "4 of 4" in third.facts()[0]


def test_processes_that_need_the_same_copies_make_each_once(tree):
    kept = Pictures(tree, size=(8, 8), cache="file")
    for batch in DataLoader(kept, 1, num_workers=2, collate_fn=collate):
        assert batch["frames"].shape[-2:] == (8, 8)
    (rows,) = cache_folder("decoded").glob(f"{tree.name}-*/{ROWS}")
    assert len(rows.read_text().splitlines()) == 4


def test_who_waits_for_another_process_takes_what_that_one_made(tmp_path, monkeypatch):
    holders = iter(["process 7 on here", "process 7 on here", ""])

    class Held(Lock):
        def __init__(self, folder):
            super().__init__(folder)
            self.holder = next(holders)

    mine, other = Store(tmp_path), Store(tmp_path)
    row = Row(key="a", offset=0, shape=(3,))
    with other.held():
        other.write(0, b"abc")
        other.keep([row])
    monkeypatch.setattr(store, "Lock", Held)
    monkeypatch.setattr(store, "PATIENCE", 0.01)
    with mine.held():
        assert mine.rows == {"a": row} and (tmp_path / FILE).exists()
    assert mine.read(row)[0].tobytes() == b"abc"


# --- what cannot be -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("where", WHERE)
def test_broken_files_are_what_they_are_without_copies(films, tree, tmp_path, where):
    broken = tree / "class0" / "0.jpg"
    broken.write_bytes(settle(broken).read_bytes()[:300])
    settle(broken)
    for policy in ("error", "skip"):
        plain, kept = (Pictures(tree, size=(8, 8), on_bad=policy, cache=cache) for cache in (None, where))
        if policy == "skip":
            assert plain[0]["failure"] == kept[0]["failure"]
        else:
            with pytest.raises(MediaError) as before:
                plain[0]
            with pytest.raises(MediaError) as now:
                kept[0]
            assert str(before.value) == str(now.value)
    assert "3 of 4 recordings stay decoded" in kept.facts()[0] and "each time: 1" in kept.facts()[0]
    broken.unlink()
    assert "there is no such picture" in kept[0]["failure"]["error"]


def test_the_good_frames_of_a_damaged_recording_are_given_as_without(tmp_path):
    path = film(tmp_path / "a.mp4", Sheet(frames=48)).path
    with open_video(path) as video:
        last = int(video.index.offsets[video.index.keys[-1]])
    data = bytearray(path.read_bytes())
    data[last + 8 : last + 90] = bytes(82)
    path.write_bytes(data)
    settle(path)
    sampler = RandomClip(frames=2, stride=frames(1))
    plain, kept = (Videos(path, sampler, size=(16, 16), on_bad="skip", cache=cache) for cache in (None, "memory"))
    kinds = set()
    for epoch in range(12):
        one, other = plain[epoch, 0], kept[epoch, 0]
        kinds.add("failure" in one)
        same(one, other)
    assert kinds == {True, False}


@pytest.mark.parametrize(
    ("where", "ways"), [("memory", "cache=file"), ("file", "AVSSL_CACHE on a disk with room")], ids=WHERE
)
def test_what_does_not_fit_is_said_with_what_it_takes_and_what_to_do(tree, monkeypatch, where, ways):
    monkeypatch.setattr(copies, "free_memory", lambda: 10**6)
    monkeypatch.setattr(copies, "free_disk", lambda _: 10**6)
    big = Pictures(tree, size=(1000, 1000), cache=where)
    told = rf"cache={where}: 4 recordings decoded at this size take 0\.012 GB, and there is room for 0\.0008 GB in .*"
    with pytest.raises(ConfigError, match=told + rf"set a smaller size, {ways}, or cache=null"):
        big[0]
    with pytest.raises(
        ConfigError, match=r"take 7\.68e-07 GB, and cache_gb=1e-07; .* a larger cache_gb, or cache=null"
    ):
        Pictures(tree, size=(8, 8), cache=where, cache_gb=1e-7)[0]
    assert Pictures(tree, size=(8, 8), cache=where, cache_gb=1e-3)[0]["frames"].shape[-1] == 8


def test_a_full_disk_is_one_line(tree, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Store, "write", full)
    with pytest.raises(ConfigError, match=r"copies cannot be written \(No space left on device\); set a smaller size"):
        Pictures(tree, size=(8, 8), cache="file").prepare()


def test_settings_that_alter_no_item_are_no_part_of_what_data_are():
    settings = {"data": {"name": "Pictures", "size": [8, 8], "cache": "file", "cache_gb": 3}, "views": [1]}
    assert lasting(settings) == {"data": {"name": "Pictures", "size": [8, 8]}, "views": [1]}
