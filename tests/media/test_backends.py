"""Decord and TorchCodec serve only what the scan proves, refuse the rest with a reason, and show PyAV's frames."""

import pickle
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from torch.utils.data import DataLoader

from avssl.media import BackendUnavailable, BackendUnsuitable, open_video
from tests.media.filming import read_numbers
from tests.media.zoo import NAMES

PEERS = ["decord", "torchcodec"]
EVERYDAY = [
    "gop12.mp4",
    "gop250.mp4",
    "all_keys.mp4",
    "h264.mkv",
    "h264.mov",
    "fragmented.mp4",
    "uneven.mp4",
    "vp9.webm",
]
EQUAL = [*EVERYDAY, "hole.mkv", "starts_late.mp4", "full_range.mp4", "bt709.mp4", "yuv444.mp4", "anamorphic.mp4"]
CLOSE = ["ten_bits.mp4"]
REFUSED = {
    "h264.avi": "presentation times",
    "packed_2.avi": "presentation times",
    "raw.h264": "presentation times",
    "cut.mp4": "edit list",
    "h264.ts": "mpegts",
    "intra_refresh.mp4": "key frames lean",
    "beheaded_open_x265.mkv": "cannot be decoded|open groups",
    "two_videos.mp4": "several video streams",
    "loop.gif": "pictures",
}


def numbers(frames) -> list[int]:
    return read_numbers(frames.data.movedim(-3, -1).numpy())


@pytest.fixture(params=PEERS)
def peer(request, need) -> str:
    need(request.param)
    return request.param


@pytest.mark.parametrize("odd", NAMES, indirect=True)
def test_a_backend_is_exact_or_refuses_with_a_reason(odd, peer):
    count = len(odd.numbers)
    rng = np.random.default_rng(8)
    refused = None
    try:
        with open_video(odd.path, backend=peer) as video:
            assert len(video) == count
            for index in [*rng.integers(count, size=12).tolist(), count - 1, 0]:
                assert numbers(video.frames([index])) == [odd.numbers[index]]
            for picks in (rng.permutation(count), rng.integers(count, size=20), [0, 0, count - 1, 0]):
                assert numbers(video.frames(list(map(int, picks)))) == [odd.numbers[index] for index in picks]
    except BackendUnsuitable as error:
        refused = error
    assert refused is None or (len(refused.reason) > 20 and refused.reason in str(refused) and refused.backend == peer)


@pytest.mark.parametrize("odd", NAMES, indirect=True)
def test_auto_is_exact_and_says_what_it_chose(odd):
    picks = np.random.default_rng(9).integers(len(odd.numbers), size=20).tolist()
    with open_video(odd.path) as video:
        assert numbers(video.frames(picks)) == [odd.numbers[index] for index in picks]
        assert len(video.explain()) > 20


@pytest.mark.parametrize("odd", EVERYDAY, indirect=True)
def test_everyday_files_are_served_resized_too(odd, peer):
    with open_video(odd.path, backend=peer, size=32) as video, open_video(odd.path, backend="pyav", size=32) as ours:
        picks = [5, 90, 41, 5]
        frames, expected = video.frames(picks), ours.frames(picks)
        assert numbers(frames) == picks
        assert frames.data.shape == expected.data.shape
        # ours resizes before the colours are converted, the others after
        assert (frames.data.int() - expected.data.int()).abs().float().mean() < 3


@pytest.mark.parametrize("odd", EQUAL, indirect=True)
def test_eight_bit_frames_are_equal_bit_by_bit_at_native_size(odd, peer):
    picks = list(range(0, len(odd.numbers), 7))
    with open_video(odd.path, backend=peer) as video, open_video(odd.path, backend="pyav") as ours:
        assert (video.frames(picks).data == ours.frames(picks).data).all()


@pytest.mark.parametrize("odd", CLOSE, indirect=True)
def test_ten_bit_frames_are_nearly_equal(odd, peer):
    picks = list(range(0, len(odd.numbers), 7))
    with open_video(odd.path, backend=peer) as video, open_video(odd.path, backend="pyav") as ours:
        difference = (video.frames(picks).data.int() - ours.frames(picks).data.int()).abs()
        assert difference.float().mean() < 3 and difference.max() < 20


@pytest.mark.parametrize("odd", ["turned_90.mp4", "turned_180.mp4", "turned_270.mp4"], indirect=True)
def test_a_turned_file_stands_upright(odd, peer):
    with open_video(odd.path, backend=peer) as video:
        frames = video.frames([3, 50])
        assert frames.data.shape[-2:] == odd.size and numbers(frames) == [3, 50]


@pytest.mark.parametrize("odd", REFUSED, indirect=True)
def test_dangerous_files_are_refused(odd, peer):
    reason = REFUSED[odd.path.name]
    if odd.path.name == "two_videos.mp4" and peer == "torchcodec":
        pytest.skip("TorchCodec is told which stream to read")
    with pytest.raises(BackendUnsuitable, match=reason) as caught, open_video(odd.path, backend=peer) as video:
        video.frames([0])
    assert 'backend="auto"' in str(caught.value)


@pytest.mark.parametrize("odd", ["open_x264.mp4", "open_x265.mp4", "mpeg4.mp4"], indirect=True)
def test_decord_is_kept_from_open_groups(odd, need):
    need("decord")
    with pytest.raises(BackendUnsuitable, match="open groups"), open_video(odd.path, backend="decord") as video:
        video.frames([0])


@pytest.mark.parametrize("odd", ["gop12.mp4"], indirect=True)
def test_bytes_and_openers_reach_the_other_libraries(odd, peer):
    for source in (odd.path.read_bytes(), partial(open, odd.path, "rb")):
        with open_video(source, backend=peer) as video:
            assert numbers(video.frames([9, 70])) == [9, 70]


@pytest.mark.parametrize("odd", ["gop12.mp4"], indirect=True)
def test_no_handle_crosses_a_fork(odd, peer):
    with open_video(odd.path, backend=peer) as video:
        assert numbers(video.frames([11])) == [11]
        picks = list(range(0, 96, 5))
        loader = DataLoader(
            picks,  # type: ignore[arg-type]
            batch_size=4,
            num_workers=2,
            multiprocessing_context="fork",
            collate_fn=video.frames,
            timeout=600,
        )
        assert [number for frames in loader for number in numbers(frames)] == picks
        assert numbers(video.frames([11])) == [11]


@pytest.mark.parametrize("odd", ["gop12.mp4"], indirect=True)
@pytest.mark.parametrize(("backend", "package"), [("decord", "decord"), ("torchcodec", "torchcodec.decoders")])
def test_a_missing_library_names_the_pip_line(odd, monkeypatch, backend, package):
    monkeypatch.setitem(sys.modules, package, None)  # what `import` finds when nothing is installed
    with pytest.raises(BackendUnavailable, match=f'pip install "{backend}') as caught:
        open_video(odd.path, backend=backend).frames([0])
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize("odd", ["gop12.mp4"], indirect=True)
def test_libraries_that_nobody_asked_for_are_not_loaded(odd):
    code = (
        "import sys; from avssl.media import open_video; video = open_video(sys.argv[1]); video.frames([5]); "
        "print([name for name in ('decord', 'torchcodec', 'cv2') if name in sys.modules])"
    )
    child = subprocess.run([sys.executable, "-c", code, str(odd.path)], capture_output=True, text=True, timeout=120)
    assert child.stdout.strip() == "[]", child.stderr
