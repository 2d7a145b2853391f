"""Features are what the encoder says, computed once, and kept through interruptions."""

import numpy as np
import pytest
import torch
from torch import nn

from avssl.evaluation.baselines import Pixels, calibrated, reinitialised
from avssl.features.cache import FeatureCache, digest
from avssl.features.layers import Extractor, last_map, unit
from avssl.nets import AlexNet, Encoder, ResNet, SmallNet


def pictures(count=5, side=32):
    return torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_features_equal_the_encoders_own_in_evaluation_mode():
    encoder, images = SmallNet(width=4, dim=8), pictures()
    found = Extractor(FeatureCache(), batch=2, piece=3, quiet=True)(encoder, images)
    with torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(found), encoder.eval()(unit(images)))


def test_a_layer_gives_its_maps():
    found = Extractor(FeatureCache(), quiet=True)(SmallNet(width=4), pictures(), "conv2")
    assert found.shape == (5, 8, 8, 8) and found.dtype == np.float32


def test_what_was_done_before_an_interruption_is_not_done_again(tmp_path):
    encoder, images = SmallNet(width=4, dim=8), pictures(6)
    expected = Extractor(FeatureCache(), quiet=True)(encoder, images)
    extract, passes = Extractor(FeatureCache(tmp_path), piece=2, quiet=True), []
    run = extract._run

    def breaks(*arguments):
        passes.append(arguments)
        if len(passes) == 3:
            raise KeyboardInterrupt
        return run(*arguments)

    extract._run = breaks
    with pytest.raises(KeyboardInterrupt):
        extract(encoder, images)
    np.testing.assert_allclose(extract(encoder, images), expected, rtol=1e-5)
    assert len(passes) == 4  # two pieces before the interruption, the third twice
    extract(encoder, images)
    assert len(passes) == 4


def test_other_weights_other_pictures_or_another_layer_are_other_features(tmp_path):
    extract, images = Extractor(FeatureCache(tmp_path), quiet=True), pictures()
    encoder = SmallNet(width=4, dim=8)
    first = extract(encoder, images)
    with torch.no_grad():
        encoder.trunk.get_submodule("fc.0").weight.mul_(2)
    encoder.trunk.get_submodule("fc.1").running_var.mul_(3)
    assert not np.array_equal(extract(encoder, images), first)
    extract(encoder, images + 1)
    extract(encoder, images, "conv1")
    assert len(list(tmp_path.iterdir())) == 4


def test_a_result_half_written_is_never_read(tmp_path):
    kept = FeatureCache(tmp_path)
    (tmp_path / "abc.123.part").write_bytes(b"half")
    assert kept({"a": 1}, lambda: np.ones(2)).tolist() == [1, 1]
    assert kept({"a": 1}, lambda: np.zeros(2)).tolist() == [1, 1]
    assert kept({"a": 2}, lambda: np.zeros(2)).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("encoder", "side", "layer"),
    [(SmallNet, 32, "conv3"), (ResNet, 64, "layer4"), (AlexNet, 96, "conv5"), (Pixels, 32, "pixels")],
    ids=["small", "resnet", "alexnet", "pixels"],
)
def test_the_last_map_is_the_deepest_layer_that_knows_where(encoder, side, layer):
    assert last_map(encoder(), pictures(1, side)) == layer


def test_an_encoder_without_maps_is_told_so():
    flat = Encoder(nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 4)), 4, {"all": "1"})
    with pytest.raises(ValueError, match=r"no layer of Encoder is a map .* name a layer out of all"):
        last_map(flat, pictures(1, 8))


def test_calibration_gives_batch_normalisation_the_statistics_of_the_pool():
    encoder = SmallNet(width=4, dim=8)
    norms = [module for module in encoder.modules() if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d)]
    momenta = [norm.momentum for norm in norms]
    images = pictures(64)
    calibrated(encoder, images, batch=32)
    with torch.no_grad():
        out = encoder.trunk.get_submodule("conv1.0")((unit(images) - encoder.mean) / encoder.std)
    torch.testing.assert_close(norms[0].running_mean, out.mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
    assert not encoder.training and [norm.momentum for norm in norms] == momenta


def test_initialisations_differ_by_seed_and_repeat_by_seed_without_touching_torchs_stream():
    encoder = SmallNet(width=4, dim=8)
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    one, same, other = (reinitialised(encoder, seed) for seed in (0, 0, 1))
    assert digest(one) == digest(same) != digest(other)
    assert digest(one) != digest(encoder)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_an_architecture_that_cannot_be_reset_is_told_so():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1))

    with pytest.raises(ValueError, match=r"trunk \(Odd\) has weights but no reset_parameters; pass fresh="):
        reinitialised(Encoder(Odd(), 1, {}), 0)


def test_pixels_are_the_picture_itself():
    images = pictures(2, 8)
    found = Extractor(FeatureCache(), quiet=True)(Pixels(), images, "pixels")
    np.testing.assert_allclose(found, images.numpy() / 255, rtol=1e-6)
    assert Extractor(FeatureCache(), quiet=True)(Pixels(side=4), images).shape == (2, 48)
