"""The TorchCodec presets beside TorchCodec itself, on a real file."""

import av
import numpy as np
import pytest

from avssl.sampling import Timeline, presets, rng_for

FRAMES, RATE = 41, 25


@pytest.fixture(scope="module")
def samplers():
    try:
        from torchcodec import samplers
    except (ImportError, RuntimeError) as error:  # it raises RuntimeError where its libraries do not load
        pytest.skip(f"TorchCodec cannot be used here: {type(error).__name__}")
    return samplers


@pytest.fixture(scope="module")
def decoder(samplers, tmp_path_factory):
    from torchcodec.decoders import VideoDecoder

    path = tmp_path_factory.mktemp("film") / "film.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for number in range(FRAMES):
            picture = np.full((32, 32, 3), number * 5, dtype=np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())
    return VideoDecoder(str(path))


def index_of(batch):
    return np.round(batch.pts_seconds.numpy() * RATE).astype(int)


@pytest.mark.parametrize("policy", ["repeat_last", "wrap"])
@pytest.mark.parametrize(("clips", "frames", "step"), [(1, 1, 1), (5, 8, 2), (7, 3, 5), (60, 4, 1), (3, 16, 4)])
def test_regular_clips_are_torchcodecs(samplers, decoder, policy, clips, frames, step):
    arguments = {
        "num_clips": clips,
        "num_frames_per_clip": frames,
        "num_indices_between_frames": step,
        "policy": policy,
    }
    theirs = index_of(samplers.clips_at_regular_indices(decoder, **arguments))
    ours = presets.TorchCodecRegular(**arguments)(Timeline.constant(frames=FRAMES, rate=RATE))
    assert ours.index.tolist() == theirs.tolist()


def test_random_clips_start_where_torchcodecs_do(samplers, decoder, fits):
    arguments = {"num_frames_per_clip": 2, "num_indices_between_frames": 30, "num_clips": 400}
    theirs = index_of(samplers.clips_at_random_indices(decoder, **arguments))
    ours = presets.TorchCodecRandom(**arguments)(Timeline.constant(frames=FRAMES, rate=RATE), rng_for(0, 0, 0)).index
    assert set(theirs[:, 0]) == set(ours[:, 0]) == set(range(11))
    fits(np.bincount(ours[:, 0]), np.ones(11))


def test_both_refuse_to_pad_when_told(samplers, decoder):
    arguments = {"num_frames_per_clip": 50, "policy": "error"}
    with pytest.raises(ValueError, match="error"):
        samplers.clips_at_regular_indices(decoder, **arguments)
    with pytest.raises(ValueError, match="too short"):
        presets.TorchCodecRegular(**arguments)(Timeline.constant(frames=FRAMES, rate=RATE))
