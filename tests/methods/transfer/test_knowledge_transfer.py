"""KnowledgeTransfer: cross-entropy of the clusters that items have, and of nothing else."""

import math

import pytest
import torch
from torch.nn import functional as F

from avssl.methods import KnowledgeTransfer
from avssl.nets import SmallClips, SmallNet
from avssl.transforms import Flip


def method(clusters=4, encoder=None, **settings):
    torch.manual_seed(0)
    return KnowledgeTransfer(encoder or SmallNet(dim=6, width=2), clusters, **settings)


def batch(labels, clips=1, frames=1):
    chance = torch.Generator().manual_seed(1)
    key = torch.tensor([[0, 0, index] for index in range(len(labels))])
    shown = torch.rand(len(labels), clips, frames, 3, 20, 20, generator=chance)
    return {"frames": shown, "key": key, "label": torch.tensor(labels)}


def test_the_loss_is_the_cross_entropy_of_the_labels_that_there_are():
    made, given = method().eval(), batch([3, -1, 0, 3])
    logits = made.head(made.encoder(given["frames"][:, 0, 0]))
    known = torch.tensor([0, 2, 3])
    found = made(given)
    torch.testing.assert_close(found["loss"], F.cross_entropy(logits[known], given["label"][known]))
    assert found["accuracy"] == pytest.approx((logits.argmax(1) == given["label"])[known].float().mean().item())
    other = given | {"frames": given["frames"].clone()}
    other["frames"][1] = 0  # of no label
    torch.testing.assert_close(made(other)["loss"], found["loss"])


def test_a_head_that_cannot_decide_costs_the_log_of_the_number_of_clusters():
    made = method(7)
    torch.nn.init.zeros_(made.head.weight), torch.nn.init.zeros_(made.head.bias)
    assert made(batch([1, 2, 6, 0]))["loss"].item() == pytest.approx(math.log(7))


def test_clusters_in_another_order_change_neither_the_loss_nor_the_gradient_of_the_student():
    order, given = torch.tensor([2, 0, 3, 1]), batch([3, 1, 0, 2])
    found = []
    for other in (False, True):
        made = method()
        if other:  # the rows of the head and the labels move together
            made.head.weight.data, made.head.bias.data = made.head.weight[order], made.head.bias[order]
            given = given | {"label": torch.argsort(order)[given["label"]]}
        loss = made(given)["loss"]
        loss.backward()
        found.append([loss, *(weight.grad for weight in made.encoder.parameters())])
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("balanced", [False, True])
def test_balanced_weighs_clusters_alike(balanced):
    made, given = method(balanced=balanced).eval(), batch([2, 2, 2, 1])
    each = F.cross_entropy(made.head(made.encoder(given["frames"][:, 0, 0])), given["label"], reduction="none")
    wanted = (each[:3].mean() + each[3]) / 2 if balanced else each.mean()
    torch.testing.assert_close(made(given)["loss"], wanted)


def test_each_clip_of_an_item_is_asked_for_the_items_cluster_by_pictures_and_by_clips():
    for encoder in (SmallNet(dim=6, width=2), SmallClips(widths=(2, 2, 4, 4))):
        logits, labels = method(encoder=encoder).eval().answers(batch([3, 1], clips=2, frames=3))
        assert logits.shape == (4, 4) and labels.tolist() == [3, 3, 1, 1]


def test_views_are_drawn_in_training_alone():
    made, given = method(views=[Flip()]), batch([0, 1, 2, 3, 0, 1])
    seen = []
    made.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    made(given), made.eval()(given)
    assert not seen[0].equal(seen[1]) and seen[1].equal(given["frames"].flatten(0, 2))


def test_measures_count_items_with_a_label_and_know_the_commonest_cluster():
    made = method().eval()
    parts = [batch([3, -1, 0, 3]), batch([3, 1])]
    found = made.measure(parts)
    answers = [made.answers(part) for part in parts]
    logits, labels = (torch.cat(one) for one in zip(*answers, strict=True))
    assert found["loss"] == pytest.approx(F.cross_entropy(logits, labels, ignore_index=-1).item(), rel=1e-5)
    assert found["accuracy"] == pytest.approx((logits.argmax(1) == labels).sum().item() / 5)
    assert found["accuracy_chance"] == 3 / 5


def test_what_cannot_be_learned_from_is_refused_in_one_line():
    with pytest.raises(ValueError, match="at least 2 clusters"):
        method(1)
    with pytest.raises(ValueError, match="label 4 is beyond the 4 clusters"):
        method()(batch([0, 4]))
    with pytest.raises(ValueError, match="no 'label'"):
        method()(torch.rand(2, 3, 20, 20))
    with pytest.raises(ValueError, match="no item that was measured has a label"):
        method().eval().measure([batch([-1, -1])])
