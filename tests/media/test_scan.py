"""The scan lists frames as they are shown, trusts only what can be trusted, and is kept on disk."""

import warnings
from dataclasses import fields
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avssl.cache import cache_folder
from avssl.media import open_video, scan, scan_cache
from avssl.media.bitstream import examiner
from avssl.media.headers import rational
from avssl.media.source import Origin
from avssl.media.walk import walk


def same(one, other) -> bool:
    """Tell whether two indices hold the same."""
    return all(
        np.array_equal(getattr(one, part.name), getattr(other, part.name))
        if isinstance(getattr(one, part.name), np.ndarray)
        else getattr(one, part.name) == getattr(other, part.name)
        for part in fields(one)
    )


def kept() -> set:
    return {path for path in cache_folder("scans").rglob("*") if path.is_file()}


@pytest.fixture
def clip(zoo, tmp_path):
    """A file of this test's own."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(zoo["gop12.mp4"].path.read_bytes())
    return path


def test_a_plain_file_has_the_times_groups_and_places_that_were_written(zoo):
    index = scan.scan(Origin(zoo["gop12.mp4"].path))
    assert index.mode == "pts" and len(index) == 96 and index.packets == 96 and index.discarded == 0
    assert index.keys.tolist() == list(range(0, 96, 12)) == index.key_frames.tolist()
    np.testing.assert_allclose(index.times(), np.arange(96) / 25)
    assert index.timeline().end == pytest.approx(96 / 25) == index.info.duration
    assert sorted(index.packet.tolist()) == list(range(96)) and not index.reordered and index.strict
    assert len(index.offsets) == 96 and index.info.constant_rate
    data = zoo["gop12.mp4"].path.read_bytes()
    with av.open(str(zoo["gop12.mp4"].path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    cut = [data[place : place + size] for place, size in zip(index.offsets, index.sizes, strict=True)]
    assert cut == packets


def test_packets_that_nothing_refers_to_are_known_for_h264_and_hevc_only(zoo):
    for name, some in (("gop12.mp4", True), ("h264.ts", True), ("hevc.mkv", True), ("vp9.webm", False)):
        droppable = scan.scan(Origin(zoo[name].path)).droppable
        assert droppable.any() == some and not droppable.all(), name


@pytest.mark.parametrize("name", ["h264.avi", "mpeg1.mpg", "raw.h264", "too_fast.mkv", "wmv2.wmv", "packed_2.avi"])
def test_frames_are_counted_where_times_cannot_be_trusted_and_the_scan_says_so(zoo, name):
    index = scan.scan(Origin(zoo[name].path))
    assert index.mode == "ordinal" == index.info.mode and len(index) == len(zoo[name].numbers)
    assert any("frames were counted by decoding" in note for note in index.notes)
    assert (np.diff(index.pts) > 0).all()


def test_what_an_edit_list_hides_is_not_listed_but_still_decoded(zoo):
    index = scan.scan(Origin(zoo["cut.mp4"].path))
    assert index.discarded > 0 and len(index) == len(zoo["cut.mp4"].numbers) < index.packets


def test_frames_that_cannot_be_decoded_are_not_promised(zoo):
    film = zoo["beheaded_open_x265.mkv"]
    index = scan.scan(Origin(film.path))
    assert len(index) == len(film.numbers) < index.packets
    assert any("cannot be decoded" in note for note in index.notes)


def test_open_groups_are_seen_and_decoded_without_refusing_broken_references(zoo):
    open_ = scan.scan(Origin(zoo["open_x264.mp4"].path))
    assert open_.reordered and not open_.strict
    assert scan.scan(Origin(zoo["open_x265.mp4"].path)).reordered
    assert not scan.scan(Origin(zoo["gop12.mp4"].path)).reordered


def test_a_key_frame_that_only_begins_to_refresh_is_no_place_to_start(zoo):
    assert scan.scan(Origin(zoo["intra_refresh.mp4"].path)).keys.tolist() == [0]


def test_the_best_stream_is_chosen_and_another_may_be_asked_for(zoo):
    path = zoo["two_videos.mp4"].path
    with av.open(str(path)) as container:
        sizes = {stream.index: (stream.height, stream.width) for stream in container.streams.video}
    best = scan.scan(Origin(path))
    (other,) = set(sizes) - {best.info.stream}
    second = scan.scan(Origin(path), other)
    assert second.info.stream == other and (second.info.height, second.info.width) == sizes[other]
    assert (best.info.height, best.info.width) == zoo["two_videos.mp4"].size


def test_sound_lies_on_the_video_s_clock(zoo):
    index = scan.scan(Origin(zoo["sound_first.mp4"].path))
    sound = index.info.sound
    assert sound is not None and sound.start < 0 < sound.end
    assert index.timeline().sound == (sound.start, sound.end)


def test_the_second_scan_comes_from_disk(clip, monkeypatch):
    first = scan.scan(Origin(clip))
    monkeypatch.setattr(scan, "walk", None)
    assert same(first, scan.scan(Origin(clip)))


def test_a_changed_file_is_scanned_anew(clip, zoo):
    assert len(scan.scan(Origin(clip))) == 96
    clip.write_bytes(zoo["gop250.mp4"].path.read_bytes())
    assert len(scan.scan(Origin(clip))) == 300


@pytest.mark.parametrize("harm", ["cut", "flip", "empty"])
def test_a_broken_scan_on_disk_is_made_again(clip, harm):
    before = kept()
    first = scan.scan(Origin(clip))
    (path,) = kept() - before
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes({"cut": data[: len(data) // 2], "flip": data, "empty": b""}[harm])
    assert same(first, scan.scan(Origin(clip)))
    assert scan_cache.unpack(path.read_bytes()) is not None


def test_scans_are_small_and_leave_no_half_written_file(zoo, clip):
    clip.write_bytes(zoo["gop250.mp4"].path.read_bytes())
    before = kept()
    scan.scan(Origin(clip))
    (path,) = kept() - before
    assert path.suffix == ".scan" and path.stat().st_size < 4000


def test_a_cache_that_cannot_be_written_is_said_and_does_no_harm(clip, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("AVSSL_CACHE", str(tmp_path / "file" / "folder"))
    with pytest.warns(UserWarning, match="the scan cannot be kept.*AVSSL_CACHE"), open_video(clip) as video:
        assert len(video) == 96


def test_bytes_are_scanned_without_a_trace(zoo):
    before = kept()
    assert len(scan.scan(Origin(zoo["gop12.mp4"].path.read_bytes()))) == 96
    assert kept() == before


@pytest.mark.parametrize(
    "name", ["gop12.mp4", "h264.avi", "packed_2.avi", "cut.mp4", "clock_wraps.ts", "sound_first.mkv"]
)
def test_an_index_survives_being_packed(zoo, name):
    index = scan.scan_now(Origin(zoo[name].path))
    again = scan_cache.unpack(scan_cache.pack(index))
    assert again is not None and same(index, again)


@given(st.binary(max_size=200))
def test_no_bytes_at_all_make_an_index_by_chance(data):
    assert scan_cache.unpack(data) is None


def test_any_library_s_rational_becomes_a_fraction_or_none():
    class Rational:
        def __init__(self, numerator, denominator):
            self.numerator, self.denominator = numerator, denominator

    assert rational(Rational(1, 25)) == rational(Fraction(1, 25)) == Fraction(1, 25)
    assert rational(None) is rational(Rational(0, 1)) is rational(Rational(0, 0)) is rational(Rational(1, 0)) is None


def test_a_walk_over_a_broken_container_tells_where_it_breaks_off(zoo, tmp_path):
    data = zoo["h264.mkv"].path.read_bytes()
    path = tmp_path / "short.mkv"
    path.write_bytes(data[: len(data) * 6 // 10])
    found = walk(Origin(path))
    assert 0 < len(found.rows) < 96


def test_h264_units_are_read_with_lengths_and_with_start_codes():
    with_lengths = examiner("h264", b"\x01\x64\x00\x0a\xff\xe1\x00")
    with_codes = examiner("h264", b"\0\0\0\1\x67")
    for kind, droppable in ((0x01, True), (0x41, False), (0x65, False)):
        unit = bytes([kind, 1, 2, 3])
        assert with_lengths(memoryview(b"\0\0\0\4" + unit), False).droppable == droppable
        assert with_codes(memoryview(b"\0\0\0\1\x09\x10\0\0\1" + unit), False).droppable == droppable
    assert with_codes(memoryview(b"\0\0\1\x65\x88"), True).closed
    assert not with_codes(memoryview(b"\0\0\1\x41\x88"), True).fresh  # a key packet without any promise
    assert with_codes(memoryview(b"\0\0\1\x06\x06\x01\xc4\x80\0\0\1\x41\x88"), True).fresh  # exact at once
    assert not with_codes(memoryview(b"\0\0\1\x06\x06\x01\x24\x80\0\0\1\x41\x88"), True).fresh  # after some frames
    mixed = with_codes(memoryview(b"\0\0\1\x01\x88\0\0\1\x41\x88"), False)
    assert not mixed.droppable  # one of two slices is referred to


def test_hevc_units_of_a_higher_layer_are_told_apart():
    read = examiner("hevc", b"")
    assert read(memoryview(b"\0\0\1\x00\x01\x80"), False) == (True, False, True, False, 0, False)  # TRAIL_N, layer 0
    assert read(memoryview(b"\0\0\1\x00\x02\x80"), False).layer == 1
    assert not read(memoryview(b"\0\0\1\x02\x01\x80"), False).droppable  # TRAIL_R
    assert read(memoryview(b"\0\0\1\x2a\x01\x80"), True).fresh  # CRA


def test_hidden_frames_of_vp8_and_vp9_are_seen():
    assert examiner("vp8", b"")(memoryview(b"\x01\0\0"), False).hidden
    assert not examiner("vp8", b"")(memoryview(b"\x10\0\0"), True).hidden
    shown, hidden, again = 0b10_0_0_0_1_1_0, 0b10_0_0_0_1_0_0, 0b10_0_0_1_000
    assert not examiner("vp9", b"")(memoryview(bytes([shown, 0, 0])), False).hidden
    assert examiner("vp9", b"")(memoryview(bytes([hidden, 0, 0])), False).hidden
    assert not examiner("vp9", b"")(memoryview(bytes([again, 0, 0])), False).hidden


def test_several_pictures_in_one_packet_are_seen():
    read = examiner("mpeg4", b"")
    assert read(memoryview(b"\0\0\1\xb6ab\0\0\1\xb6cd"), False).packed
    assert not read(memoryview(b"\0\0\1\xb6ab"), False).packed


def test_nothing_is_warned_of_on_plain_files(zoo):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scan.scan_now(Origin(zoo["gop12.mp4"].path))
