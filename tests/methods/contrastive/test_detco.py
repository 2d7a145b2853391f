"""DetCo: its twelve losses, its eight queues, its tiles, and what it refuses."""

import math

import pytest
import torch
from every import views
from torch.nn import functional as F

from avssl.methods import DetCo
from avssl.nets import SmallClips, SmallNet
from avssl.transforms import RandomResizedCrop

STAGES = ["conv1", "conv2", "conv3", "fc"]


def batch_of(count=3, frames=1):
    chance = torch.Generator().manual_seed(0)
    key = torch.tensor([[0, 0, index] for index in range(count)])
    return {"frames": torch.rand(count, 1, frames, 3, 24, 24, generator=chance), "key": key}


def method(encoder=None, layers=STAGES, recipes=None, **settings):
    torch.manual_seed(0)
    small = {"hidden": 8, "dim": 4, "queue": 6, "tile": 6, "gap": 2} | settings
    return DetCo(encoder or SmallNet(dim=8, width=2), recipes or [*views(20), *views(24)], layers, **small).eval()


def fill(made):
    """Let the queues hold four vectors, one of which is of item 2; they are asked in evaluation too."""
    for number, queue in enumerate(made.queues.all):
        rows = torch.randn(4, 4, generator=torch.Generator().manual_seed(number))
        queue.enqueue(F.normalize(rows, dim=1), torch.tensor([2, 100, 101, 102]))
    made.queues.train()
    return made


@torch.no_grad()
def told(queries, keys, queue, temperature=0.2):
    """Return the mean contrast of items, in plain numbers."""
    losses = []
    for item in range(len(queries)):
        others = [row for row, owner in zip(queue.rows, queue.items.tolist(), strict=True) if owner not in (-1, item)]
        likes = [
            math.exp(float(F.cosine_similarity(queries[item], row, 0)) / temperature) for row in (keys[item], *others)
        ]
        losses.append(-math.log(likes[0] / sum(likes)))
    return sum(losses) / len(losses)


def test_the_loss_is_that_of_a_slow_writing_over_stages_and_kinds():
    made, batch = fill(method()), batch_of()
    _, seen = made.views_of(batch)
    tiles = [made.cut(batch, seen, number) for number in (2, 3)]
    asked = made.student()(seen[0].frames), made.student()(tiles[0])
    keys = made.teacher(seen[1].frames), made.teacher(tiles[1])
    wanted = {"global": 0.0, "local": 0.0, "across": 0.0}
    for stage, weight in enumerate((0.1, 0.4, 0.7, 1.0)):
        wanted["global"] += weight * told(asked[0][stage], keys[0][stage], made.queues.all[stage])
        wanted["local"] += weight * told(asked[1][stage], keys[1][stage], made.queues.all[4 + stage])
        wanted["across"] += weight * told(asked[1][stage], keys[0][stage], made.queues.all[stage])
    found = made(batch)
    for name, value in wanted.items():
        assert found[name].item() == pytest.approx(value, rel=1e-4)
    assert found["loss"].item() == pytest.approx(sum(wanted.values()), rel=1e-4)


def test_orthogonal_rows_are_at_three_times_the_weights_times_the_log_of_all_candidates():
    made = method()
    for network, axis in ((made, 0), (made.teacher.network, 1)):
        for head in [*network.heads, *network.local_heads]:
            torch.nn.init.zeros_(head[-1][0].weight)
            head[-1][0].bias.data.copy_(torch.eye(4)[axis])
    for queue in made.queues.all:
        queue.enqueue(torch.eye(4)[2:].repeat(3, 1), torch.arange(100, 106))
    made.queues.train()
    assert made(batch_of())["loss"].item() == pytest.approx(3 * 2.2 * math.log(7), rel=1e-5)


def test_each_stage_has_a_queue_of_global_and_one_of_local_keys_that_are_written_after_backward():
    made, batch = method().train(), batch_of()
    made(batch)["loss"].backward()
    assert len(made.queues.all) == 8 and all(int(queue.filled) == 0 for queue in made.queues.all)
    made.after_backward(1, 10)
    made = fill(method())
    made(batch)
    _, seen = made.views_of(batch)
    keys = [*made.teacher(seen[1].frames), *made.teacher(made.cut(batch, seen, 3))]
    made.after_backward(1, 10)
    for queue, rows in zip(made.queues.all, keys, strict=True):
        torch.testing.assert_close(queue.contents()[0][-3:], F.normalize(rows, dim=1))
        assert queue.contents()[1][-3:].tolist() == [0, 1, 2]


def test_tiles_are_cut_out_of_local_views_alike_in_all_frames_and_anew_for_the_teacher():
    whole = [[RandomResizedCrop(size, scale=(1, 1), ratio=(1, 1))] for size in (24, 24, 24, 24)]
    made, batch = method(recipes=whole), batch_of(frames=2)
    ramp = torch.arange(24.0).expand(3, 24, 24) / 24
    batch["frames"] = torch.stack([ramp, 1 - ramp])[None, None].expand(3, 1, -1, -1, -1, -1)
    _, seen = made.views_of(batch)
    first, second = made.cut(batch, seen, 2), made.cut(batch, seen, 3)
    assert first.shape == (3, 9, 2, 3, 6, 6) and not first.equal(second)
    torch.testing.assert_close(first[:, :, 0], 1 - first[:, :, 1])  # the same places in both frames
    left = (first[:, :, 0, 0, 0, 0] * 24).round().long().unflatten(1, (3, 3))
    assert ((left >= torch.tensor([0, 8, 16])) & (left <= torch.tensor([2, 10, 18]))).all()  # row by row, 8 px cells


def test_every_head_learns_and_the_teacher_has_no_gradient():
    made = fill(method()).train()
    made(batch_of())["loss"].backward()
    for part in (made.heads, made.local_heads, made.encoder):
        assert all(value.grad is not None and value.grad.any() for value in part.parameters())
    assert all(value.grad is None and not value.requires_grad for value in made.teacher.parameters())


def test_an_encoder_of_clips_has_stages_too():
    clips = SmallClips(widths=(2, 2, 4, 4))
    made = fill(method(clips, ["conv1", "conv2", "conv3", "conv4"]))
    assert made(batch_of(frames=3))["loss"].requires_grad


def test_views_stages_and_tiles_that_do_not_fit_are_refused_in_one_line():
    with pytest.raises(ValueError, match="two global ones, then two local ones; got 2"):
        method(recipes=views(20))
    with pytest.raises(ValueError, match="a weight of at least 0 for each of layers"):
        method(layers=["conv1", "conv2"])
    with pytest.raises(ValueError, match="no layer 'conv9'"):
        method(layers=["conv1", "conv2", "conv3", "conv9"])
    with pytest.raises(ValueError, match="need pictures of 24 x 24"):
        method(recipes=views(20, count=4))(batch_of())
