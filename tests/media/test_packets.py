"""Sound cut straight out of the file is what comes through the container; where it would not be, it is not used."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from avssl.cache import cache_folder
from avssl.media import DecodeError, DecodeTimeout, open_sound, open_video, sound_scan
from avssl.media import sound as sounds
from avssl.media.base import Deadline
from avssl.media.packet_table import NO_HEAD, PacketTable, Unfit, pack, unpack
from avssl.media.packets import Packets
from avssl.media.sound_scan import packet_table_of, scan_sound
from avssl.media.source import Origin
from avssl.media.track import Track, drift
from tests.media.recording import Tape, chirp, record

RATE, SECONDS = 48000, 3
SAME = {  # decoders without chance: what comes out depends on the packets alone
    "pcm.mov": Tape(),
    "pcm24.mkv": Tape(codec="pcm_s24le"),
    "pcm.wav": Tape(film=None),
    "flac.mkv": Tape(codec="flac"),
    "alac.mp4": Tape(codec="alac"),
    "mp3.mkv": Tape(codec="libmp3lame"),
    "low.mp3": Tape(codec="libmp3lame", film=None, bits=32000),  # borrows from frames a fifth of a second before
    "mp3.avi": Tape(codec="libmp3lame", film="mpeg4"),
}
NEAR = {  # decoders that fill bands with noise of their own, or settle slowly
    "aac.mp4": Tape(codec="aac", bits=96000),
    "aac.mkv": Tape(codec="aac", bits=96000),
    "late.mp4": Tape(codec="aac", bits=96000, sound_start=Fraction(1, 4)),
    "opus.webm": Tape(codec="libopus", film="libvpx-vp9"),
    "opus.mp4": Tape(codec="libopus"),
    "ac3.mkv": Tape(codec="ac3"),
}
ELSE = {"aac.ts": Tape(codec="aac", bits=96000), "flac.ogg": Tape(codec="flac", film=None)}


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    """A chirp of three seconds in many kinds of file."""
    folder = tmp_path_factory.mktemp("packets")
    wave = chirp(np.arange(SECONDS * RATE) / RATE).astype(np.float32)[None]
    found = {}
    for name, tape in (SAME | NEAR | ELSE).items():
        try:
            found[name] = record(folder / name, wave, tape)
        except pytest.skip.Exception:  # one codec that this PyAV cannot write must not take the others along
            continue
    return found


def stream_of(path: Path) -> int:
    with av.open(str(path)) as container:
        return container.streams.audio[0].index


def scanned(path: Path) -> PacketTable:
    return scan_sound(Origin(path), stream_of(path), Deadline(None))


def wanted(files: dict[str, Path], name: str) -> Path:
    if name not in files:
        pytest.skip(f"this PyAV cannot write {name}")
    return files[name]


def decibels(truth: np.ndarray, found: np.ndarray) -> float:
    power = (truth.astype(np.float64) ** 2).mean()
    return float(10 * np.log10(power / max(((truth - found) ** 2).mean(), 1e-20 * power)))


@pytest.mark.parametrize("name", [*SAME, *NEAR])
def test_any_piece_is_what_a_decode_from_the_start_gives_there(files, name):
    path = wanted(files, name)
    table = scanned(path)
    assert not table.reason
    with Track(Origin(path), zero=None) as track:
        truth, there = track.read(-500, table.length + 500)
    assert there.sum() == table.length and there[500:-500].all()
    draws = np.random.default_rng(0)
    starts = [-500, 0, 40, *draws.integers(0, table.length - 6000, 12).tolist(), table.length - 5500]
    for low in starts:
        with Packets(Origin(path), table, zero=None) as one:  # each by a start of its own
            wave, known = one.read(low, low + 6000)
        np.testing.assert_array_equal(known, there[500 + low : low + 6500])
        expected = truth[:, 500 + low : low + 6500]
        if name in SAME:
            np.testing.assert_array_equal(wave, expected)
        else:
            assert decibels(expected, wave) > 60


@pytest.mark.parametrize("name", ["pcm.mov", "mp3.mkv", "aac.mp4"])
def test_reading_on_and_starting_anew_give_the_same(files, name):
    table = scanned(files[name])
    with Packets(Origin(files[name]), table, zero=None) as row:
        parts = [row.read(low, low + 3000) for low in range(30000, 60000, 3000)]
        back, _ = row.read(30000, 60000)
    together = np.concatenate([wave for wave, _ in parts], axis=1)
    assert all(known.all() for _, known in parts) and decibels(back, together) > 60


@pytest.mark.parametrize("name", ["aac.mp4", "late.mp4", "opus.webm", "mp3.mkv", "pcm.mov"])
@pytest.mark.parametrize("channels", [1, 2, None])
def test_videos_give_the_same_sound_from_packets_and_through_the_container(files, monkeypatch, name, channels):
    windows = np.array([[-0.2, 0.3], [0.9, 1.4], [1.0, 1.5], [2.7, 3.2]])
    with open_video(wanted(files, name)) as video:
        found = video.sound(windows, 16000, channels)
        monkeypatch.setattr(sounds, "packet_table_of", lambda *_: PacketTable(reason="not now"))
        truth = video.sound(windows, 16000, channels)
    np.testing.assert_array_equal(found.valid.numpy(), truth.valid.numpy())
    assert found.data.shape == truth.data.shape and decibels(truth.data.numpy(), found.data.numpy()) > 60


def test_eight_channels_are_folded_as_through_the_container(tmp_path, monkeypatch):
    wave = np.stack([chirp(np.arange(RATE) / RATE + channel) for channel in range(6)]).astype(np.float32)
    path = record(tmp_path / "cinema.mov", wave, Tape(codec="pcm_f32le", layout="5.1", samples="flt"))
    assert not scanned(path).reason
    sound = open_sound(path)
    for channels in (1, 2, None):
        found = sound.sound([[0.1, 0.5]], RATE, channels).data
        with monkeypatch.context() as patch:
            patch.setattr(sounds, "packet_table_of", lambda *_: PacketTable(reason="not now"))
            np.testing.assert_array_equal(found, sound.sound([[0.1, 0.5]], RATE, channels).data)


def test_no_container_is_opened_for_a_scanned_sound(files, monkeypatch):
    with open_video(files["aac.mp4"]) as video:
        first = video.sound([[1.0, 1.5]], 16000)
        monkeypatch.setattr(sounds, "Track", None)
        monkeypatch.setattr(sound_scan, "Track", None)
        np.testing.assert_array_equal(video.sound([[1.0, 1.5]], 16000).data, first.data)


def test_few_packets_are_decoded_for_a_window(files, monkeypatch):
    fed, feed = [], Packets._feed
    monkeypatch.setattr(Packets, "_feed", lambda row, *packet: fed.append(packet) or feed(row, *packet))
    with Packets(Origin(files["aac.mp4"]), scanned(files["aac.mp4"]), zero=None) as row:
        fed.clear()
        row.read(60000, 60000 + 10 * 1024)
        assert len(fed) <= 11 + 4
        row.read(60000 + 11 * 1024, 60000 + 12 * 1024)
        assert len(fed) <= 13 + 4  # decoded on, without another run-up


@pytest.mark.parametrize("name", ELSE)
def test_where_packets_do_not_lie_whole_in_the_file_the_container_is_read(files, name):
    path = wanted(files, name)
    assert "do not lie in the file" in scanned(path).reason
    assert open_sound(path).sound([[1.0, 1.5]], 16000).valid.all()


def test_a_gap_in_the_times_is_left_to_the_container(tmp_path):
    path = tmp_path / "gap.mkv"
    with av.open(str(path), "w") as out:
        sound = out.add_stream("pcm_f32le", rate=RATE, layout="mono", format="flt")
        for place in [*range(0, 48000, 480), *range(60000, 96000, 480)]:
            part = np.full((1, 480), 0.5, np.float32)
            frame = av.AudioFrame.from_ndarray(part, format="flt", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, place, Fraction(1, RATE)
            out.mux(sound.encode(frame))
        out.mux(sound.encode())
    assert "times and its samples disagree" in scanned(path).reason
    assert open_sound(path).sound([[0.0, 2.0]], RATE).valid.sum() == 84000


def test_times_that_waver_by_half_a_frame_leave_no_holes(files, tmp_path, monkeypatch):
    path = tmp_path / "live.mkv"
    with av.open(str(wanted(files, "opus.webm"))) as source, av.open(str(path), "w") as out:
        heard = source.streams.audio[0]
        copy = out.add_stream_from_template(heard)
        for number, packet in enumerate(each for each in source.demux(heard) if each.size):
            packet.stream = copy
            packet.pts = packet.dts = packet.pts + 10 * (number % 4 == 3)  # as written by recorders of live sound
            out.mux(packet)
    assert not scanned(path).reason
    truth = open_sound(files["opus.webm"]).sound([[0.5, 2.5]], RATE).data
    for source in (path, path.read_bytes()):
        found = open_sound(source).sound([[0.5, 2.5]], RATE)
        assert found.valid.all() and decibels(truth.numpy(), found.data.numpy()) > 60


def test_a_missing_codec_frame_is_more_than_wavering():
    for frame in (480, 960, 1024, 1152, 2048):
        assert drift(frame, RATE) < frame


def test_damage_is_told_or_masked_as_through_the_container(files, tmp_path):
    table = scanned(files["flac.mkv"])
    data = bytearray(files["flac.mkv"].read_bytes())
    middle = len(table.sizes) // 2
    offset = int(table.offsets[middle])
    data[offset : offset + 40] = bytes(40)
    path = tmp_path / "broken.mkv"
    path.write_bytes(data)
    low, high = table.places[middle : middle + 2] / RATE
    with open_video(path) as video:
        assert video.sound([[0.1, 0.4]], RATE).valid.all()
        with pytest.raises(DecodeError, match="truncate"):
            video.sound([[low, high]], RATE)
    with open_video(path, on_error="truncate") as video:
        assert not video.sound([[low + 0.01, high - 0.01]], RATE).valid.any()


def test_packets_that_do_not_keep_the_promise_are_unfit(files, tmp_path):
    path = tmp_path / "short.mov"
    path.write_bytes(files["pcm.mov"].read_bytes())
    table = scanned(path)
    path.write_bytes(path.read_bytes()[: int(table.offsets[-3])])
    with Packets(Origin(path), table, zero=None) as row, pytest.raises(Unfit, match="shorter than when"):
        row.read(0, table.length)


def test_a_scan_is_kept_and_a_changed_file_scanned_anew(files, tmp_path, monkeypatch):
    path = tmp_path / "film.mp4"
    path.write_bytes(files["aac.mp4"].read_bytes())
    first = packet_table_of(Origin(path), 1, Deadline(None))
    with monkeypatch.context() as patch:
        patch.setattr(sound_scan, "scan_sound", None)
        again = packet_table_of(Origin(path), 1, Deadline(None))
    assert (again.head, again.length, again.codec) == (first.head, first.length, "aac")
    np.testing.assert_array_equal(again.places, first.places)
    path.write_bytes(files["late.mp4"].read_bytes())
    assert packet_table_of(Origin(path), 1, Deadline(None)).head.anchor > first.head.anchor
    assert any(kept.suffix == ".sound" for kept in cache_folder("scans").rglob("*"))


def test_bytes_have_no_ledger(files):
    table = packet_table_of(Origin(files["aac.mp4"].read_bytes()), 1, Deadline(None))
    assert "not a file on disk" in table.reason and not len(table.sizes)


def test_a_scan_that_takes_too_long_is_stopped_and_not_kept(files):
    with pytest.raises(DecodeTimeout):
        scan_sound(Origin(files["aac.mp4"]), 1, Deadline(0.0))


@pytest.mark.parametrize("name", ["aac.mp4", "aac.ts"])
def test_a_ledger_survives_being_packed_and_broken_bytes_are_none(files, name):
    table = scanned(files[name])
    data = pack(table)
    again = unpack(data)
    assert again is not None and again.extradata == table.extradata and again.reason == table.reason
    for array in ("offsets", "sizes", "places"):
        np.testing.assert_array_equal(getattr(again, array), getattr(table, array))
    assert unpack(data[:-1]) is None and unpack(b"") is None


def test_run_ups_are_as_long_as_the_codec_asks():
    places = np.arange(101) * 960
    sizes = np.full(100, 138, np.int32)  # 100 bytes that may be lent

    def first(codec: str, packet: int, sizes=sizes, rate=RATE) -> int:
        head = NO_HEAD._replace(rate=rate)
        return PacketTable(head=head, codec=codec, sizes=sizes, places=places).run_up(packet)

    assert first("aac", 50) == 46 and first("aac", 2) == 0 and first("pcm_s16le", 50) == 50
    assert first("opus", 50) == 35  # 0.3 s of 20 ms
    assert first("mp3", 50) == 50 - 6 - 2  # six frames hold 511 bytes
    assert first("mp3", 50, np.full(100, 20, np.int32)) == 0  # frames too small to lend anything
    assert first("mp3", 50, sizes - 15, 24000) == 50 - 3 - 2  # three frames hold 255 bytes
