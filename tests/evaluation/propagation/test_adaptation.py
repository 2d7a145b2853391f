"""Weights adapted to each video: fresh for each, the same in any order, and frozen where no step is taken."""

from copy import deepcopy

import numpy as np
import pytest
import torch

from avssl.config import ConfigError
from avssl.evaluation import LabelPropagation
from avssl.evaluation.propagation.adaptation import Adapt, Adapter
from avssl.features.cache import digest
from avssl.features.propagation.settings import OWN
from avssl.methods import RandomWalk
from avssl.nets import MapNet
from tests.evaluation.propagation.squares import Squares

SMALL = {"steps": 2, "lr": 1e-2, "clips": 2}


def walk(**settings):
    torch.manual_seed(0)
    own = {"layer": "conv3", "patch": 16, "stride": 8, "dim": 8} | settings
    return RandomWalk(MapNet(dim=8, width=4), **own).eval()


def evaluator(data=None, **settings):
    wanted = {"initialisations": 1, "num_shown": 0, "quiet": True, "windows": [4], "context": 3, "radius": 20, "k": 3}
    return LabelPropagation(data or Squares(), **wanted | {"adapt": Adapt(**SMALL)} | settings)


def adapted(method, film, **settings):
    adapter = Adapter(method, Adapt(**SMALL | settings), OWN, "conv3")
    return adapter(lambda places: film[list(places)], len(film))


def film(seed=0, frames=6, still=False):
    pictures = torch.randint(0, 256, (1 if still else frames, 3, 32, 32), generator=torch.Generator().manual_seed(seed))
    return pictures.to(torch.uint8).expand(frames, -1, -1, -1)


def weights(encoder):
    return {name: value.clone() for name, value in encoder.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_weights_change_for_a_video_and_the_method_stays_as_it_was():
    method = walk()
    before = digest(method)
    one, other = (adapted(method, film(seed)) for seed in (0, 1))
    assert digest(method) == before
    changed = [weights(found.encoder) for found in (one, other)] + [weights(method.encoder)]
    assert not any(same(changed[first], changed[second]) for first, second in ((0, 1), (0, 2), (1, 2)))


def test_no_step_leaves_the_weights_and_every_score_bit_for_bit():
    method = walk()
    assert same(weights(adapted(method, film(), steps=0).encoder), weights(method.encoder))
    numbers = evaluator(adapt=Adapt(steps=0))(method.encoder, method=method).numbers
    own = {name.partition("/")[2]: value for name, value in numbers.items() if name.startswith("trained/")}
    assert own and all(np.array_equal(numbers[f"adapted/{name}"], value, equal_nan=True) for name, value in own.items())


def test_videos_are_adapted_to_alike_in_any_order_and_beside_any_others():
    method = walk()
    alone = weights(adapted(method, film(1)).encoder)
    adapter = Adapter(method, Adapt(**SMALL), OWN, "conv3")
    for order in ((0, 1), (1, 0)):
        torch.manual_seed(len(order) + order[0])  # the chance of whoever calls it changes nothing
        found = {seed: adapter(lambda places, seed=seed: film(seed)[list(places)], 6) for seed in order}
        assert same(weights(found[1].encoder), alone)
    assert not same(weights(adapted(method, film(1), seed=1).encoder), alone)


def test_the_chance_of_the_caller_is_kept():
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)
    adapted(method := deepcopy(walk()), film())
    torch.manual_seed(3)
    adapted(method, film())
    assert torch.equal(torch.rand(2), wanted)


def test_statistics_of_normalisation_stay_as_they_were():
    method = walk()
    statistics = {name: value for name, value in weights(method.encoder).items() if "running" in name}
    assert statistics and same(statistics, weights(adapted(method, film()).encoder))


def test_in_a_video_that_stands_still_walks_come_home_before_and_after_and_no_motion_is_told():
    found = adapted(walk(temperature=1e-4), film(still=True))
    assert found.motion == 0 and found.before[1] == found.after[1] == 1.0
    moving = adapted(walk(temperature=1e-4), film())
    assert moving.motion > 0.1 and moving.before[1] < 1


def test_steps_lower_the_loss_on_the_video():
    found = adapted(walk(drop=0.0, area=None), film(), steps=10)
    assert found.after[0] < found.before[0] - 0.05


def test_the_frozen_row_stands_beside_and_a_table_says_what_happened_to_each_video(tmp_path):
    method = walk()
    first = evaluator(Squares(videos=3))(method.encoder, folder=tmp_path, method=method)
    assert [row["row"] for row in first.table][-2:] == ["trained", "adapted"]
    assert {"adapted/j", "trained-adapted/j", "trained-adapted/pck@0.1/low"} <= set(first.numbers)
    assert [row["video"] for row in first.tables["adaptation"]] == [f"video{index}.mp4" for index in range(3)]
    assert {"loss before", "loss after", "returned before", "returned after", "motion"} < set(
        first.tables["adaptation"][0]
    )
    assert any(note.startswith("Adapted to each of 3 videos") for note in first.notes)
    again = evaluator(Squares(videos=3))(method.encoder, folder=tmp_path, method=method)  # from the cache
    assert again.tables["adaptation"] == first.tables["adaptation"] and again.notes == first.notes
    assert first.protocol["adapted"]["steps"] == 2 and "adaptation" not in evaluator(adapt=None)(method.encoder).tables


def test_videos_of_one_and_two_frames_are_scored():
    method = walk()
    found = adapted(method, film(frames=1))
    assert same(weights(found.encoder), weights(method.encoder)) and np.isnan(found.before).all()
    assert not np.isnan(adapted(method, film(frames=2)).before).any()
    notes = evaluator(Squares(frames=1))(method.encoder, method=method).notes
    assert any(note.startswith("2 of these stand still or have one frame") for note in notes)


def test_what_cannot_adapt_is_answered_in_one_line():
    method = walk()
    with pytest.raises(ConfigError, match=r"adapt: steps are taken on the loss of the whole method"):
        evaluator()(method.encoder)
    with pytest.raises(ConfigError, match=r"adapt: steps are taken on the loss of the whole method"):
        evaluator()(walk(dim=4).encoder.requires_grad_(True), method=RandomWalk(MapNet(dim=4, width=2), "conv3", 16, 8))
    with pytest.raises(ConfigError, match=r"adapt: RandomWalk cannot learn from the video: frames of 32x32 px hold"):
        evaluator()(method.encoder, method=RandomWalk(method.encoder, "conv3", patch=64))
    many = walk()
    many.least_recordings = 2
    with pytest.raises(ConfigError, match=r"adapt: RandomWalk needs many recordings at once"):
        adapted(many, film())
    with pytest.raises(ConfigError, match=r"adapt: the loss is nan at step"):
        adapted(walk(), film(), lr=1e30, steps=5)
    with pytest.raises(ConfigError, match=r"needs steps and seed from 0 on, 2 frames"):
        Adapt(frames=1)
