"""What an evaluator declares that it cannot ask, it refuses when it is asked, in the same words."""

import re

import pytest
import torch

from avssl import evaluation
from avssl.config import ConfigError
from avssl.evaluation import (
    BoxTracking,
    Classes,
    ClusterSheets,
    Correspondence,
    CrossModal,
    Detection,
    KeyPoints,
    LabelPropagation,
    Localisation,
    MethodEvaluator,
    Normals,
    Offsets,
    Order,
    Recoloring,
    Segmentation,
    SoundProbe,
)
from avssl.methods import AVE, L3, Rotation
from avssl.nets import SmallClips, SmallNet, SmallSound, SmallVision

OF_METHODS = [Classes, Correspondence, CrossModal, Localisation, Offsets, Recoloring, SoundProbe]
OF_PICTURES = [BoxTracking, Detection, LabelPropagation, Normals, Order, Segmentation]


def heard(kind):
    torch.manual_seed(0)
    return kind(SmallVision(widths=[4, 4, 4, 4]), SmallSound(widths=[4, 4, 4, 4]))


def made(kind):
    """An evaluator without any data: it must refuse before it looks."""
    return object.__new__(kind)


@pytest.mark.parametrize("kind", OF_METHODS)
def test_a_method_that_lacks_what_is_needed_is_refused_in_the_words_that_are_declared(kind):
    method = Rotation(SmallNet(dim=4, width=1))
    reason = made(kind).refuses(method)
    assert reason.startswith("Rotation ") and kind.lacks in reason
    with pytest.raises(ConfigError, match="^Rotation " if kind is Classes else f"^{re.escape(reason)}$"):
        made(kind)(method, None)


def test_methods_are_told_apart_by_what_they_can_do():
    can = {kind: [not made(kind).refuses(heard(method)) for method in (AVE, L3)] for kind in OF_METHODS}
    assert can[Correspondence] == can[Offsets] == can[SoundProbe] == can[Classes] == [True, True]
    assert can[CrossModal] == [True, False] and can[Localisation] == can[Recoloring] == [False, False]
    assert made(ClusterSheets).refuses(heard(AVE)).startswith("AVE puts items in no clusters")


def test_each_evaluator_of_methods_declares_what_it_needs():
    kinds = [getattr(evaluation, name) for name in evaluation.__all__]
    kinds = [one for one in kinds if isinstance(one, type) and issubclass(one, MethodEvaluator)]
    silent = {one.__name__ for one in kinds if one.lacks == MethodEvaluator.lacks} - {"MethodEvaluator"}
    assert len(kinds) > 7 and not silent


@pytest.mark.parametrize("kind", OF_PICTURES)
def test_encoders_of_clips_are_refused_by_evaluators_of_pictures(kind):
    assert made(kind).refuses(SmallClips()) == f"{kind.__name__} asks encoders of pictures; SmallClips takes clips"
    assert not made(kind).refuses(SmallNet(dim=4, width=1)) and not made(KeyPoints).refuses(SmallClips())
