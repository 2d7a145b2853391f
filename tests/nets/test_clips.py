"""Which kind of thing an encoder takes: pictures or clips, said and kept."""

import pytest
import torch

from avssl.config import ConfigError
from avssl.nets import ResNet, SmallClips, SmallNet, SoundEncoder, VideoResNet
from avssl.nets.clips import channels_of_maps, encode_clips, encode_maps
from avssl.nets.encoders import require_takes, shapes_of

CLIPS = torch.rand(2, 4, 3, 32, 32)


@pytest.mark.parametrize("kind", ["r3d", "mc3", "r2plus1d"])
def test_video_networks_take_clips_and_give_vectors_and_maps_of_them(kind):
    encoder = VideoResNet(kind).eval()
    assert encoder.takes == "clips"
    with torch.inference_mode():
        assert encoder(CLIPS).shape == (2, encoder.dim)
        found = encoder.maps(CLIPS, "layer1")
    assert found.values.shape[:2] == (2, 64) and found.values.ndim == 5 and len(found.stride) == 3


def test_encoders_say_what_they_take():
    assert (SmallNet().takes, ResNet().takes, SmallClips().takes, SoundEncoder.takes) == (
        "pictures",
        "pictures",
        "clips",
        "sound",
    )


def test_the_other_kind_is_answered_in_one_line():
    with pytest.raises(
        ValueError, match=r"^SmallClips takes clips \(N, frames, 3, H, W\); got values of shape \(8, 3,"
    ):
        SmallClips()(torch.rand(8, 3, 32, 32))
    with pytest.raises(ValueError, match=r"^SmallNet takes pictures \(N, 3, H, W\); got values of shape \(2, 4, 3,"):
        SmallNet()(CLIPS)
    with pytest.raises(ValueError, match=r"^SmallClips takes clips"):
        shapes_of(SmallClips(), ["conv1"], 32)
    with pytest.raises(
        ConfigError, match=r"^This needs an encoder of pictures \(N, 3, H, W\); SmallClips takes clips$"
    ):
        require_takes(SmallClips(), "pictures", "This")
    require_takes(SmallNet(), "pictures", "This")


def test_clips_are_seen_whole_or_as_the_mean_over_their_frames():
    whole, single = SmallClips().eval(), SmallNet().eval()
    with torch.inference_mode():
        torch.testing.assert_close(encode_clips(whole, CLIPS), whole(CLIPS))
        mean = torch.stack([single(CLIPS[:, frame]) for frame in range(4)]).mean(0)
        torch.testing.assert_close(encode_clips(single, CLIPS), mean)


def test_maps_of_clips_are_the_mean_over_frames_beside_the_features_of_the_same_pass():
    for encoder in (SmallNet(dim=8, width=2).eval(), SmallClips(widths=(2, 2, 4, 4)).eval()):
        features, (first, last) = encode_maps(encoder, CLIPS, ["conv1", encoder.layers[-1]])
        torch.testing.assert_close(features, encode_clips(encoder, CLIPS))
        pictures = encoder.takes == "pictures"
        shown = encoder.taps(CLIPS.flatten(0, 1) if pictures else CLIPS, ["conv1"])["conv1"]
        torch.testing.assert_close(first, shown.unflatten(0, (2, 4)).mean(1) if pictures else shown.mean(2))
        assert last.shape == (2, encoder.dim, 1, 1)  # vectors: a map of one cell


def test_channels_of_maps_leave_the_encoder_as_it_was_and_say_which_layer_gives_vectors():
    for encoder in (SmallNet(dim=8, width=2), SmallClips(widths=(2, 3, 4, 5))):
        before = {name: value.clone() for name, value in encoder.state_dict().items()}
        found = channels_of_maps(encoder, encoder.layers, who="")
        assert encoder.training and found[0] == 2 and found[-1] == encoder.dim
        assert all(value.equal(before[name]) for name, value in encoder.state_dict().items())
        with pytest.raises(ValueError, match=r"Somebody compares the cells of a map, and layer '(fc|pool)' of Small"):
            channels_of_maps(encoder, encoder.layers, who="Somebody")
