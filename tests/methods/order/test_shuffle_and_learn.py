"""Shuffle and Learn: the loss is what the paper says, chance is chance, and order can be learned."""

import math
from itertools import pairwise

import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from avssl.methods import ShuffleAndLearn
from avssl.methods.order.shuffle_and_learn import ORDERED, SHUFFLED, TRIPLETS, pixel_closeness
from avssl.nets import Encoder, SmallNet
from avssl.transforms import Flip, GainOffset


class Brightness(Encoder):
    """Reads a number off each frame, so that features are known exactly."""

    def __init__(self, function=lambda number: number):
        super().__init__(nn.Identity(), 1, {})
        self.function = function

    def forward(self, images):
        return self.function(images[:, 0, 0, 0, None] * 255)


def batch_of(numbers, side=8):
    """Return tuples whose frames are filled with the given numbers, ``(tuples, 5)``."""
    numbers = torch.as_tensor(numbers, dtype=torch.uint8)
    frames = numbers.view(len(numbers), 1, 5, 1, 1, 1).expand(-1, -1, -1, 3, side, side)
    return {"frames": frames, "key": torch.tensor([[0, 0, index] for index in range(len(numbers))])}


def numbered(videos=3):
    return batch_of(torch.arange(5).repeat(videos, 1))


def test_a_triplet_is_ordered_exactly_when_its_middle_lies_between_its_ends():
    between = [min(a, c) < b < max(a, c) for a, b, c in TRIPLETS]
    assert between == [True] * len(ORDERED) + [False] * len(SHUFFLED)
    assert {(a, c) for a, _, c in ORDERED} == {(a, c) for a, _, c in SHUFFLED}


def test_an_undecided_head_pays_log_two():
    method = ShuffleAndLearn(Brightness(), head="linear")
    for parameter in method.head.parameters():
        nn.init.zeros_(parameter)
    assert method(numbered())["loss"].item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("negatives", [0.5, 0.75])
def test_the_loss_equals_a_slow_writing_triplet_by_triplet(negatives):
    torch.manual_seed(0)
    method = ShuffleAndLearn(Brightness(), head="linear", negatives=negatives)
    numbers = torch.randint(0, 255, (4, 5))
    total = 0.0
    for row in numbers.tolist():
        for number, (i, j, k) in enumerate(TRIPLETS):
            weight = (1 - negatives) / 2 if number < 2 else negatives / 4
            layer = method.head.layers[1]
            scores = layer.weight.detach() @ torch.tensor([row[i], row[j], row[k]]).float() + layer.bias.detach()
            chances = scores.double().exp() / scores.double().exp().sum()
            total += -weight * chances[1 if number < 2 else 0].log().item() / len(numbers)
    with torch.no_grad():
        method.head.layers[1].weight.mul_(1)
    assert method(batch_of(numbers))["loss"].item() == pytest.approx(total, rel=1e-4)


def test_a_head_that_knows_the_middle_frame_is_always_right():
    method = ShuffleAndLearn(Brightness(lambda number: (number - 2).abs()), head="linear")
    with torch.no_grad():
        method.head.layers[1].weight.copy_(torch.tensor([[0.0, 10, 0], [0, -10, 0]]))
        method.head.layers[1].bias.copy_(torch.tensor([-5.0, 5.0]))
    assert method(numbered())["balanced_accuracy"].item() == 1.0


def test_negatives_that_look_like_the_middle_frame_do_not_count():
    method = ShuffleAndLearn(Brightness(), head="linear", min_difference=0.01)
    alike = method.score_triplets(batch_of([[90, 0, 90, 20, 200]]))
    assert alike.kept.tolist() == [[True, True, False, False, True, True]]
    assert method(batch_of([[90, 0, 90, 20, 200]]))["ambiguous"].item() == 0.5


def test_padded_tuples_do_not_count():
    batch = numbered(2) | {"valid": torch.tensor([[[True] * 5], [[True] * 4 + [False]]])}
    kept = ShuffleAndLearn(Brightness(), head="linear").score_triplets(batch).kept
    assert kept.all(1).tolist() == [True, False]


def circling_dots(count, seed):
    """Return tuples of a dot that circles at any speed: every frame alone looks like every other (no unary cue)."""
    generator = torch.Generator().manual_seed(seed)
    start = torch.rand(count, 1, generator=generator) * 2 * math.pi
    angle = start + (0.3 + 0.3 * torch.rand(count, 1, generator=generator)) * torch.arange(5)  # at most half a turn
    grid = torch.arange(16.0)
    rows = (grid.view(-1, 1) - 7.5 - 5 * angle.sin()[..., None, None]).square()
    columns = (grid - 7.5 - 5 * angle.cos()[..., None, None]).square()
    dots = (-(rows + columns) / 4).exp().mul(255).byte()
    frames = dots[:, None, :, None].expand(-1, -1, -1, 3, -1, -1)
    return {"frames": frames, "key": torch.tensor([[0, 0, index] for index in range(count)])}


def trained(steps=60, **settings):
    torch.manual_seed(0)
    method = ShuffleAndLearn(SmallNet(dim=32, width=8), views=[GainOffset()], **settings)
    optimizer = torch.optim.AdamW(method.parameters(), lr=5e-3)
    for step in range(steps):
        loss = method(circling_dots(48, seed=step))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return method.eval().measure([circling_dots(200, seed=1000 + i) for i in range(2)])


def test_order_is_learned_by_the_relation_head_not_by_the_linear_one_nor_from_coin_flips():
    assert trained()["balanced_accuracy"] > 0.9
    assert trained(head="linear")["balanced_accuracy"] < 0.65
    assert trained(labels="shuffled")["balanced_accuracy"] == pytest.approx(0.5, abs=0.06)


def test_still_frames_leave_nothing_to_learn():
    still = {"frames": torch.rand(64, 1, 1, 3, 16, 16).mul(255).byte().expand(-1, -1, 5, -1, -1, -1)}
    still["key"] = torch.arange(64 * 3).view(64, 3)
    scores = ShuffleAndLearn(SmallNet(dim=16, width=4)).eval().measure([still])
    assert scores["auc"] == scores["pixel_auc_plain"] == 0.5


def test_measured_scores_equal_scikit_learns_on_the_pooled_triplets():
    method = ShuffleAndLearn(SmallNet(dim=16, width=4)).eval()
    batches = [circling_dots(20, seed) for seed in range(3)]
    truth, score = [], []
    for batch in batches:
        seen = method.score_triplets(batch)
        truth += seen.truth.flatten().tolist()
        score += (seen.scores[..., 1] - seen.scores[..., 0]).flatten().tolist()
    assert method.measure(batches)["auc"] == pytest.approx(roc_auc_score(truth, score), abs=1e-6)


def test_the_pixel_floor_is_minus_the_squared_distances_from_both_ends():
    numbers = [0, 51, 102, 204, 255]
    frames = batch_of([numbers])["frames"].flatten(0, 1).float() / 255
    wanted = [-(((i - j) / 255) ** 2 + ((j - k) / 255) ** 2) for i, j, k in [[numbers[x] for x in t] for t in TRIPLETS]]
    torch.testing.assert_close(pixel_closeness(frames), torch.tensor([wanted]))


def test_each_tuple_of_a_video_has_chance_of_its_own_whatever_the_batch():
    method = ShuffleAndLearn(SmallNet(dim=16, width=4), views=[Flip(), GainOffset()])
    frames = torch.full((3, 2, 5, 3, 8, 8), 100, dtype=torch.uint8)
    batch = {"frames": frames, "key": torch.tensor([[0, 1, index] for index in range(3)])}
    views = method.score_triplets(batch).views
    assert all(not torch.equal(one, other) for one, other in pairwise(views))
    alone = method.score_triplets({"frames": frames[1:2], "key": batch["key"][1:2]}).views
    assert torch.equal(alone, views[2:4])


def test_the_wrong_number_of_frames_names_the_right_sampler():
    with pytest.raises(ValueError, match=r"needs tuples of 5 frames, .* got \(2, 1, 3, 3, 8, 8\); sample with Ordered"):
        ShuffleAndLearn(SmallNet())({"frames": torch.zeros(2, 1, 3, 3, 8, 8), "key": torch.zeros(2, 3).long()})


def test_a_share_of_negatives_outside_the_open_interval_is_refused():
    with pytest.raises(ValueError, match=r"negatives must be a share in \(0, 1\); got 1"):
        ShuffleAndLearn(SmallNet(), negatives=1)


def test_where_every_negative_is_ambiguous_there_are_no_scores_and_no_warning():
    method = ShuffleAndLearn(SmallNet(dim=8, width=2), min_difference=0.5).eval()
    key = torch.tensor([[0, 0, 0]])
    scores = method.measure([{"frames": torch.zeros(1, 1, 5, 3, 16, 16, dtype=torch.uint8), "key": key}])
    assert scores["ambiguous"] == 1 and math.isfinite(scores["loss"])
    assert all(math.isnan(scores[name]) for name in ("balanced_accuracy", "auc", "pixel_auc", "pixel_auc_plain"))
    hidden = torch.zeros(1, 1, 5, dtype=torch.bool)
    batch = {"frames": torch.zeros(1, 1, 5, 3, 16, 16, dtype=torch.uint8), "key": key, "valid": hidden}
    assert math.isnan(method.measure([batch])["loss"])
