"""SimCLR: its loss over the joint batch, its head, and what it can learn."""

import math

import torch
from every import views

from avssl.methods import SimCLR
from avssl.nets import SmallNet


def slow(first, second, temperature):
    """Return NT-Xent as section 2.1 writes it, anchor by anchor."""
    rows = [row.detach() / row.detach().norm() for row in [*first, *second]]
    count, losses = len(rows), []
    for anchor in range(count):
        other = (anchor + count // 2) % count
        similar = [math.exp(float(rows[anchor] @ rows[each]) / temperature) for each in range(count)]
        losses.append(-math.log(similar[other] / (sum(similar) - similar[anchor])))
    return sum(losses) / count


def method(count=2, **settings):
    torch.manual_seed(0)
    return SimCLR(SmallNet(dim=16, width=4), views(count=count), hidden=16, dim=8, **settings).eval()


def test_the_loss_is_the_mean_over_pairs_of_views_of_the_papers_sum():
    made, pictures = method(count=3, temperature=0.5), torch.rand(5, 3, 32, 32)
    batch = {"frames": pictures, "key": torch.tensor([[0, 0, index] for index in range(5)])}
    one, two, three = made.embed(made.views_of(batch)[1])
    wanted = (slow(one, two, 0.5) + slow(one, three, 0.5) + slow(two, three, 0.5)) / 3
    assert math.isclose(made(batch)["loss"].item(), wanted, rel_tol=1e-5)


def test_clips_of_one_recording_are_not_told_apart():
    made, pictures = method(), torch.rand(4, 3, 32, 32)
    batch = {"frames": pictures, "key": torch.tensor([[0, 0, index] for index in range(4)])}
    apart = made(batch | {"path": ["a", "b", "c", "d"]})["loss"]
    akin = made(batch | {"path": ["a", "a", "b", "b"]})["loss"]
    assert akin < apart


def test_version_two_has_a_head_of_three_layers_without_biases():
    head = method(layers=3).head
    assert [len(part) for part in head] == [3, 3, 2]
    assert all(part[0].bias is None for part in head) and not head[-1][1].bias.requires_grad


def test_identical_items_stay_at_chance_and_different_ones_are_learned():
    # 8 pictures of one colour each: the colour tells them; of one colour all, nothing does.
    colours = torch.rand(8, 3, generator=torch.Generator().manual_seed(0))[:, :, None, None].expand(-1, -1, 24, 24)
    accuracies = []
    for pictures in (colours, colours[:1].expand(8, -1, -1, -1)):
        made = method().train()
        optimizer = torch.optim.Adam(made.parameters(), lr=3e-3)
        for step in range(40):
            key = torch.tensor([[0, step, index] for index in range(8)])
            found = made({"frames": pictures, "key": key})
            optimizer.zero_grad()
            found["loss"].backward()
            optimizer.step()
        accuracies.append(found["accuracy"].item())
    assert accuracies[0] > 0.6 and accuracies[1] < 0.3  # chance 1 / 15
