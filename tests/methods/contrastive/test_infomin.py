"""InfoMin: two branches against the same keys, MoCo without the second, and what stays of each."""

import pytest
import torch
from every import views

from avssl.losses import info_nce
from avssl.methods import InfoMin, MoCo
from avssl.nets import SmallClips, SmallNet


def method(encoder=None, count=2, **settings):
    torch.manual_seed(0)
    settings = {"tile": 5, "gap": 1, "hidden": 16, "dim": 8, "queue": 16, "momentum": 0.9} | settings
    made = InfoMin(encoder or SmallNet(dim=8, width=2), views(size=20, count=count), **settings)
    made.queue.enqueue(torch.randn(5, 8), torch.tensor([0, 1, 7, 8, 9]))
    return made


def batch_of(items=(0, 1, 2, 3)):
    pictures = torch.rand(len(items), 3, 20, 20, generator=torch.Generator().manual_seed(0))
    return {"frames": pictures, "key": torch.tensor([[0, 0, item] for item in items])}


def test_the_loss_is_the_weighted_sum_of_both_branches_against_the_same_key_and_queue():
    made, batch = method(share=0.3, groups=1), batch_of()
    found = made(batch)
    query, key, puzzle = (view.frames for view in made.views_of(batch)[1])
    keys, queue = made.teacher(key), made.queue
    rows = {"image": made.student()(query), "jigsaw": made.branch(made.encoder, puzzle, batch["key"])}
    wanted = {
        name: info_nce(each, keys, 0.15, queue.rows, counts=queue.counts(torch.arange(4)))
        for name, each in rows.items()
    }
    for name, loss in wanted.items():
        torch.testing.assert_close(found[name], loss)
    torch.testing.assert_close(found["loss"], 0.7 * wanted["image"] + 0.3 * wanted["jigsaw"])


def test_of_several_keys_each_branch_has_the_mean():
    made, batch = method(count=3, groups=1), batch_of()
    found = made(batch)
    _, *others, puzzle = (view.frames for view in made.views_of(batch)[1])
    row, counts = made.branch(made.encoder, puzzle, batch["key"]), made.queue.counts(torch.arange(4))
    told = [info_nce(row, made.teacher(each), 0.15, made.queue.rows, counts=counts) for each in others]
    assert len(told) == 2
    torch.testing.assert_close(found["jigsaw"], torch.stack(told).mean())


@pytest.mark.parametrize("groups", [1, 2])
def test_without_the_jigsaw_branch_it_is_moco(groups):
    made = method(share=0.0, groups=groups)
    torch.manual_seed(0)
    settings = {"hidden": 16, "dim": 8, "queue": 16, "momentum": 0.9, "groups": groups, "temperature": 0.15}
    moco = MoCo(SmallNet(dim=8, width=2), views(size=20), **settings)
    moco.load_state_dict(made.state_dict())
    for method_of in (made, moco):
        found = method_of(batch_of())
        found["loss"].backward()
    for one, other in zip(made.parameters(), moco.parameters(), strict=True):
        assert (one.grad is None and other.grad is None) or one.grad.equal(other.grad)
    assert made(batch_of())["loss"].equal(moco(batch_of())["loss"])
    assert "jigsaw" not in made(batch_of())


def test_the_image_branch_does_not_depend_on_the_other_and_equals_mocos_loss():
    made = method(groups=1)
    torch.manual_seed(0)
    moco = MoCo(SmallNet(dim=8, width=2), views(size=20), hidden=16, dim=8, queue=16, temperature=0.15, groups=1)
    own = {name: value for name, value in made.state_dict().items() if not name.startswith("branch.")}
    moco.load_state_dict(own)
    torch.testing.assert_close(made(batch_of())["image"], moco(batch_of())["loss"])


def test_keys_of_views_alone_come_into_the_queue_and_both_branches_learn():
    made = method()
    found = made(batch_of())
    found["loss"].backward()
    made.after_backward(1, 1)
    assert made.queue.contents()[1].tolist() == [0, 1, 7, 8, 9, 0, 1, 2, 3]
    learning = {name for name, value in made.named_parameters() if value.grad is not None and value.grad.any()}
    assert {"branch.jigsaw_head.weight", "branch.patch_head.layer2.0.weight", "head.layer2.0.weight"} <= learning
    assert not any(name.startswith("teacher") for name in learning)
    assert not any("branch" in name for name, _ in made.teacher.named_parameters())
    assert set(made.exports()) == {"encoder", "teacher"}


def test_the_jigsaw_branch_alone_moves_the_encoder_too():
    made = method(share=1.0)
    made(batch_of())["loss"].backward()
    assert made.encoder.trunk.conv1[0].weight.grad.any()
    assert not made.head[1][0].weight.grad.any()


def test_a_long_queue_counts_the_keys_of_views_and_not_of_patches():
    made = method()
    assert made.passes == 1 and method(count=3).passes == 2
    assert made.facts() == ["queries are told from the latest 16 keys; the loss rises while these come in"]


def test_clips_are_learned_from_and_the_puzzle_is_a_view_as_well():
    made = method(SmallClips(widths=(4, 4, 8, 8)), tile=6, gap=0)
    found = made({"frames": torch.rand(3, 3, 4, 3, 20, 20), "key": batch_of((0, 1, 2))["key"]})
    found["loss"].backward()
    assert all(torch.isfinite(value) for value in found.values())


def test_what_cannot_be_is_refused_in_one_line():
    with pytest.raises(ValueError, match=r"share must be in \[0, 1\]; got 1.5"):
        method(share=1.5)
    for share in (0.0, 0.5):
        with pytest.raises(ValueError, match="at least 2 views beside the puzzle, a list of transforms each; got 1"):
            method(count=1, share=share)
    with pytest.raises(ValueError, match="need pictures of 24 x 24 px; got 20 x 20"):
        method(tile=7, gap=1)(batch_of())
