"""Heads learn what they should from labels, and nothing from the test pictures."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge as SklearnRidge
from torch import nn

from avssl.config import ConfigError
from avssl.evaluation.keypoints.heads import HeatMaps, Labelled, Regression, Ridge, fitting
from avssl.evaluation.keypoints.heads.fitting import mirror, shifted
from avssl.evaluation.keypoints.heads.regression import Finder
from avssl.evaluation.keypoints.heads.ridge import predict, standardised
from avssl.features.cache import FeatureCache, digest
from avssl.features.layers import Extractor
from avssl.nets import SmallNet
from avssl.transforms import Draws

EXTRACT = Extractor(FeatureCache(), quiet=True)


def some_labels(labels=8, side=16, margin=2, joints=3):
    rng = np.random.default_rng(0)
    whole = side + 2 * margin
    return Labelled(
        images=torch.from_numpy(rng.integers(0, 256, (labels, 3, whole, whole), dtype=np.uint8)),
        points=rng.uniform(0, side - 1, (labels, joints, 2)).astype(np.float32),
        counted=np.ones((labels, joints), bool),
        margin=margin,
    )


@pytest.mark.parametrize("penalty", [0.01, 1.0, 100.0])
def test_the_dual_form_equals_scikit_learns_ridge(penalty):
    rng = np.random.default_rng(1)
    features, others, targets = rng.random((12, 30)), rng.random((5, 30)), rng.random((12, 4))
    found = predict(features, others, targets, np.ones((12, 4), bool), penalty)
    expected = SklearnRidge(alpha=penalty).fit(features, targets).predict(others)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_outputs_that_some_labels_lack_are_fitted_from_the_others_alone():
    rng = np.random.default_rng(2)
    features, others, targets = rng.random((12, 30)), rng.random((5, 30)), rng.random((12, 3))
    counted = np.ones((12, 3), bool)
    counted[4:, 1] = counted[:, 2] = False
    found = predict(features, others, np.where(counted, targets, np.nan), counted, 0.5)
    expected = SklearnRidge(alpha=0.5).fit(features[:4], targets[:4, 1]).predict(others)
    np.testing.assert_allclose(found[:, 1], expected, rtol=1e-9)
    assert np.isnan(found[:, 2]).all()


def test_features_that_never_vary_become_zero_for_labels_and_test_alike():
    ours, theirs = standardised(np.array([[1.0, 0], [1, 2]]), np.array([[5.0, 1]]))
    assert (ours[:, 0] == 0).all() and (theirs == 0).all()


def test_the_penalty_is_chosen_without_the_test_pictures():
    head, labelled, encoder = Ridge(), some_labels(labels=24), SmallNet(width=4)
    chosen = []
    head.choose = lambda *arguments: chosen.append(Ridge.choose(head, *arguments)) or chosen[-1]
    for seed in (0, 1):
        test = torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (3, 3, 16, 16), dtype=np.uint8))
        head(encoder, labelled, test, EXTRACT, seed=0)
    assert chosen[0] == chosen[1]


def test_a_clear_signal_gets_a_small_penalty_and_noise_a_large_one():
    rng = np.random.default_rng(3)
    features, counted = rng.standard_normal((200, 10)), np.ones((200, 2), bool)
    head = Ridge()
    clear = head.choose(features, features[:, :2] * 3, counted, np.random.default_rng(0))
    noise = head.choose(features, rng.standard_normal((200, 2)), counted, np.random.default_rng(0))
    assert clear == min(head.penalties) and noise >= 1


def test_an_encoder_is_not_changed_by_a_head_that_fine_tunes_it():
    encoder = SmallNet(width=4, dim=8)
    before = digest(encoder)
    Regression(steps=3, batch=4)(encoder, some_labels(), some_labels().middle, EXTRACT, seed=0)
    assert digest(encoder) == before


def test_a_frozen_regression_moves_the_linear_layer_alone():
    head, labelled = Regression(freeze=True, steps=3, batch=4), some_labels()
    network = Finder(SmallNet(width=4, dim=8), labelled.mean_pose(), (16, 16))
    encoder, linear = digest(network.encoder), digest(network.head)
    head.learning(network, labelled, head.loss, 0, torch.device("cpu"))
    assert digest(network.encoder) == encoder and digest(network.head) != linear


def test_regression_begins_as_the_mean_pose():
    labelled = some_labels()
    network = Finder(SmallNet(width=4, dim=8), labelled.mean_pose(), (16, 16)).eval()
    found = network(torch.rand(2, 3, 16, 16))
    np.testing.assert_allclose(found.detach().numpy()[1], labelled.mean_pose(), atol=1e-4)


def test_regression_learns_its_labels_by_heart_when_there_are_few():
    labelled = some_labels(labels=4, margin=0)
    head = Regression(steps=150, batch=4, gain=0.0, offset=0.0)
    found = head(SmallNet(width=8, dim=32), labelled, labelled.middle, EXTRACT, seed=0)
    spread = np.abs(labelled.points - labelled.mean_pose()).mean()
    assert np.abs(found - labelled.points).mean() < 0.25 * spread


def test_equal_seeds_give_equal_joints_even_with_dropout_and_whatever_torchs_own_stream():
    encoder = SmallNet(width=4, dim=8)
    encoder.trunk.add_module("drop", nn.Dropout(0.5))
    labelled = some_labels()
    first, second = (Regression(steps=4, batch=4)(encoder, labelled, labelled.middle, EXTRACT, 5) for _ in range(2))
    other = Regression(steps=4, batch=4)(encoder, labelled, labelled.middle, EXTRACT, 6)
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_a_joint_that_a_label_lacks_does_not_touch_the_loss():
    labelled = some_labels()
    points, counted = labelled.points.copy(), labelled.counted.copy()
    counted[0, 1] = False
    found = []
    for wrong in (np.nan, 1e6):
        points[0, 1] = wrong
        unsure = Labelled(images=labelled.images, points=points.copy(), counted=counted, margin=2)
        found.append(Regression(steps=3, batch=4)(SmallNet(width=4, dim=8).eval(), unsure, unsure.middle, EXTRACT, 0))
        torch.manual_seed(0)
    assert all(np.isfinite(one).all() and np.abs(one).max() < 100 for one in found)


def test_shifting_moves_pictures_and_joints_together():
    images = torch.zeros(6, 3, 20, 20, dtype=torch.uint8)
    images[:, :, 9, 11] = 255  # (x, y) = (9, 7) of the middle 16 x 16
    cut, moved = shifted(images, Draws(torch.arange(6)[:, None]), margin=2)
    assert cut.shape == (6, 3, 16, 16) and moved.abs().max() == 2
    for picture, (x, y) in zip(cut, moved.int().tolist(), strict=True):
        assert picture[0, 7 - y, 9 - x] == 255


def test_a_mirror_moves_joints_and_exchanges_sides():
    pictures = torch.zeros(2, 3, 8, 10)
    pictures[:, :, 2, 1] = 1
    points = torch.tensor([[[1.0, 2.0], [7.0, 5.0]]] * 2)
    counted = torch.tensor([[True, False]] * 2)
    turned = mirror(pictures, points, counted, torch.tensor([True, False]), [1, 0])
    assert turned[0][0, 0, 2, 8] == 1 and turned[0][1, 0, 2, 1] == 1
    assert turned[1].tolist() == [[[2.0, 5.0], [8.0, 2.0]], [[1.0, 2.0], [7.0, 5.0]]]
    assert turned[2].tolist() == [[False, True], [True, False]]


@pytest.mark.parametrize(
    "head", [Regression(steps=2, batch=4, flip_test=True), HeatMaps(steps=40, width=8, flip_test=True)]
)
def test_with_the_flip_test_a_mirrored_picture_gives_mirrored_joints(head):
    labelled = some_labels(labels=12)
    labelled = Labelled(**(vars(labelled) | {"mirrored": (1, 0, 2)}))
    encoder = SmallNet(width=8, dim=16)
    there, back = (
        head(encoder, labelled, pictures, EXTRACT, 0) for pictures in (labelled.middle, labelled.middle.flip(-1))
    )
    np.testing.assert_allclose(back[:, [1, 0, 2], 0], 15 - there[..., 0], atol=1e-3)
    np.testing.assert_allclose(back[:, [1, 0, 2], 1], there[..., 1], atol=1e-3)


@pytest.mark.parametrize("head", [Regression(flip=0.5, steps=1), Regression(flip_test=True, steps=1)])
def test_mirroring_needs_to_know_the_sides(head):
    with pytest.raises(ConfigError, match="need to know which joints are left and right"):
        head(SmallNet(width=4, dim=8), some_labels(), some_labels().middle, EXTRACT, 0)


def test_the_rate_drops_by_ten_after_nine_and_twelve_fourteenths_of_the_steps():
    head = Regression(schedule="drops", steps=14, lr=1.0, weight_decay=0.0)
    network = Finder(SmallNet(width=4, dim=8), some_labels().mean_pose(), (16, 16))
    optimiser, schedule = head.learning._optimiser(network, 14)
    rates = []
    for _ in range(14):
        rates.append(optimiser.param_groups[1]["lr"])
        optimiser.step()
        schedule.step()
    assert rates == pytest.approx([1.0] * 9 + [0.1] * 3 + [0.01] * 2)
    assert head.settings()["optimiser"] == "Adam"


def test_steps_that_are_augmented_together_are_those_of_each_by_its_own_key(monkeypatch):
    labelled = replace(some_labels(), mirrored=(0, 2, 1))
    learning = Regression(steps=5, batch=3, flip=0.5).learning

    def batches(ahead):
        monkeypatch.setattr(fitting, "AHEAD", ahead)
        return list(learning._batches(labelled, 5, 7, torch.device("cpu")))

    each = batches(1)
    for ahead in (2, 16):
        for one, other in zip(batches(ahead), each, strict=True):
            assert all(torch.equal(ours, theirs) for ours, theirs in zip(one, other, strict=True))
    draws = Draws(torch.tensor([[7, 4, item] for item in range(3)]))
    chosen = draws.integers(low=0, high=len(labelled) - 1)
    cut, _ = shifted(labelled.images[chosen], draws, labelled.margin)
    turned = draws.uniform(1)[:, 0] < 0.5
    assert turned.any() and not turned.all()
    plain = torch.where(turned[:, None, None, None], cut.flip(-1), cut).flatten(2) / 255
    for ours, theirs in zip(each[4][0].flatten(2).unbind(), plain, strict=True):  # but for a gain and an offset
        assert np.corrcoef(ours[0], theirs[0])[0, 1] > 0.99


@pytest.mark.parametrize(("epochs", "steps"), [(0, 3), (2, 4), (2.1, 5)])
def test_epochs_are_passes_over_the_labels_where_they_are_more_than_the_steps(epochs, steps):
    head, seen = Regression(steps=3, epochs=epochs, batch=4, freeze=True), []
    loss = head.loss
    head.loss = lambda *arguments: seen.append(1) or loss(*arguments)
    head(SmallNet(width=4, dim=8), some_labels(labels=8), some_labels().middle, EXTRACT, 0)
    assert len(seen) == steps


def test_a_joint_that_no_label_shows_is_named():
    labelled = some_labels()
    labelled.counted[:, 2] = False
    with pytest.raises(ValueError, match="none of the 8 labelled pictures shows joint 2; use more labels"):
        labelled.mean_pose()


@pytest.mark.parametrize(
    ("build", "complaint"),
    [
        (lambda: Ridge(penalties=()), "penalties must be numbers above 0"),
        (lambda: Ridge(penalties=(0.0,)), "penalties must be numbers above 0"),
        (lambda: Ridge(held_out=1.0), "held_out must be a share between 0 and 1"),
        (lambda: Regression(steps=0), "steps must be at least 1"),
        (lambda: Regression(flip=1.5), r"flip in \[0, 1\]"),
        (lambda: HeatMaps(batch=1), "batch at least 2"),
        (lambda: HeatMaps(gain=1.0), r"gain must be in \[0, 1\)"),
    ],
)
def test_settings_that_cannot_work_are_refused(build, complaint):
    with pytest.raises(ValueError, match=complaint):
        build()
