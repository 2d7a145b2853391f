"""PCL: keys of a queue, prototypes of the teacher's clusters, warm-up, and exact going on in the middle of an epoch."""

import math

import pytest
import torch
from every import Items, views

from avssl.losses import concentrations, info_nce, prototype_contrast
from avssl.methods import PCL
from avssl.methods.contrastive.prototypes import Clustering
from avssl.methods.rows import features_of
from avssl.nets import SmallNet
from avssl.training import SGD, TrainingError, train

ITEMS = 6


def method(**settings):
    torch.manual_seed(0)
    small = {"items": ITEMS, "clusters": (2, 3), "warmup": 0, "queue": 8, "hidden": 8, "dim": 8, "tries": 2}
    return PCL(SmallNet(dim=8, width=2), views(16), **(small | settings))


def batch_of(indices=range(ITEMS), epoch=0):
    pictures = torch.rand(ITEMS, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    key = torch.tensor([[0, epoch, index] for index in indices])
    return {"frames": pictures[[index % ITEMS for index in indices]], "key": key}


def clustered(**settings):
    made = method(**settings)
    made.before_epoch(features_of([batch_of()]))
    return made


def test_clusters_are_those_of_the_teachers_embeddings_by_the_items_number():
    made = method()
    made.epochs += 1  # the teacher looks by running statistics, and its look changes nothing of it
    state = {name: value.clone() for name, value in made.teacher.state_dict().items()}
    made.before_epoch(features_of([batch_of((3, 4, 5)), batch_of((0, 1, 2))]))
    assert all(value.equal(state[name]) for name, value in made.teacher.state_dict().items()) and made.training
    assert made.teacher.training
    with torch.no_grad():
        looks = made.views(batch_of()["frames"], batch_of()["key"], train=False)
        rows = torch.nn.functional.normalize(made.teacher.eval()(looks[0].frames), dim=1)
    for clustering in made.prototypes():
        count = len(clustering.rows)
        centres = torch.stack([rows[clustering.known == place].mean(0) for place in range(count)])
        assert torch.cdist(rows, centres).argmin(1).equal(clustering.known)  # nearest, and by the item's number
        torch.testing.assert_close(clustering.rows, torch.nn.functional.normalize(centres, dim=1))
        assert clustering.concentration.mean().item() == pytest.approx(0.2)


def test_concentrations_are_of_distances_to_the_centres_before_these_have_length_1():
    rows = torch.nn.functional.normalize(torch.randn(12, 4, generator=torch.Generator().manual_seed(0)), dim=1)
    made = Clustering(12, 3, 4, temperature=0.2)
    made.fit(rows, torch.arange(12), rounds=20, tries=3, seed=0)
    centres = torch.stack([rows[made.known == place].mean(0) for place in range(3)])
    distances = (rows - centres[made.known]).norm(dim=1)
    torch.testing.assert_close(made.concentration, concentrations(distances, made.known, 3, 0.2))
    torch.testing.assert_close(made.rows, torch.nn.functional.normalize(centres, dim=1))


def test_the_loss_is_infonce_and_the_mean_of_the_contrasts_with_prototypes():
    made, batch = clustered(), batch_of()
    made.queue.enqueue(torch.randn(5, 8), torch.tensor([0, 1, 50, 51, 52]))
    found = made(batch)
    query, key = made.views_of(batch)[1]
    queries, keys = made.student()(query.frames), made.teacher(key.frames)
    items = torch.arange(ITEMS)
    wanted = info_nce(queries, keys, 0.2, negatives=made.queue.rows, counts=made.queue.counts(items))
    torch.testing.assert_close(found["instances"], wanted)
    told = [prototype_contrast(queries, each.rows, each.known, each.concentration)[0] for each in made.prototypes()]
    torch.testing.assert_close(found["prototypes"], torch.stack(told).mean())
    torch.testing.assert_close(found["loss"], found["instances"] + found["prototypes"])


def test_all_orthogonal_rows_have_the_closed_forms():
    made = clustered(clusters=(3,), dim=64, queue=4)
    made.queue.enqueue(torch.eye(64)[:4], torch.tensor([50, 51, 52, 53]))
    (clustering,) = made.prototypes()
    clustering.rows.copy_(torch.eye(64)[4:7])
    queries = torch.eye(64)[8:10]
    table = made.told(queries, torch.eye(64)[10:12], torch.arange(2))
    torch.testing.assert_close(table.logsumexp(1) - table[:, 0], torch.full((2,), math.log(5)))
    assert clustering(queries, torch.arange(2))[0].item() == pytest.approx(math.log(3))


def test_in_the_warm_up_nothing_is_clustered_and_prototypes_add_nothing():
    made = method(warmup=2)
    for epoch in range(3):
        made.before_epoch(features_of([batch_of()]) if epoch == 2 else refuse)
        known = (made.prototypes()[0].known >= 0).all()
        found = made(batch_of())
        assert bool(known) == (epoch == 2) and bool(found["prototypes"] > 0) == (epoch == 2)


def refuse(extract):
    raise AssertionError("nothing is asked for")


def test_items_that_could_not_be_read_have_no_prototype():
    made = method()
    made.before_epoch(features_of([batch_of((0, 1, 2, 4))]))
    assert (made.prototypes()[0].known[[3, 5]] == -1).all()
    assert torch.isfinite(made(batch_of())["loss"])
    with pytest.raises(ValueError, match="nothing to cluster"):
        method().before_epoch(features_of([]))


def test_the_queue_takes_in_keys_after_the_gradients_and_the_teacher_moves_after_the_step():
    made = method(momentum=0.5)
    teacher = made.teacher.network.heads[0][1][0].weight.clone()
    losses = [made(batch_of((0, 1, 2)))["loss"], made(batch_of((3, 4, 5)))["loss"]]
    assert made.queue.filled == 0
    sum(losses).backward()
    made.after_backward(1, 2)
    assert made.queue.items.tolist() == [0, 1, 2, 3, 4, 5, -1, -1] and not made.fresh
    torch.testing.assert_close(made.queue.rows[:6].norm(dim=1), torch.ones(6))
    with torch.no_grad():
        made.head[1][0].weight.zero_()
    made.after_step(1, 2)
    torch.testing.assert_close(made.teacher.network.heads[0][1][0].weight, teacher / 2)
    assert all(value.grad is None for value in made.teacher.parameters())
    assert set(made.exports()) == {"encoder", "teacher"}


def test_what_is_measured_does_not_depend_on_queue_or_clusters():
    made = method().eval()
    made.epochs += 1  # the teacher looks by running statistics, and its look changes nothing of it
    before = made(batch_of())
    made.before_epoch(features_of([batch_of()]))
    made.queue.enqueue(torch.randn(8, 8), torch.arange(8) + 50)
    again = made(batch_of())
    assert sorted(before) == ["accuracy", "instances", "loss"] and not made.fresh
    assert again["loss"].equal(before["loss"]) and before["loss"] > 0


def test_a_run_cut_off_in_the_middle_of_an_epoch_of_prototypes_goes_on_bit_for_bit(tmp_path):
    settings = {"data": Items("PCL"), "optim": SGD(lr=0.05), "batch_size": 2, "workers": 0, "accelerator": "cpu"}
    settings |= {"steps": 6, "measure_every": 6, "save_every": 1, "tensorboard": False}  # epochs of three steps
    asked = []

    def run(out, stop=None):
        made = method(warmup=1)
        step_of, epoch_of = made.after_step, made.before_epoch

        def after_step(step, steps):
            step_of(step, steps)
            if step == stop:
                raise KeyboardInterrupt

        made.after_step, made.before_epoch = after_step, lambda features: asked.append(out.name) or epoch_of(features)
        return train(method=made, out=out, **settings)

    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", stop=6)
    cut = run(tmp_path / "cut")
    assert asked == ["whole", "whole", "cut", "cut"]  # not again in the middle of the second epoch
    assert (whole.prototypes()[0].known >= 0).all()
    state = cut.state_dict()
    assert all(value.equal(state[name]) for name, value in whole.state_dict().items())


@pytest.mark.parametrize("items", [ITEMS - 1, ITEMS + 1])
def test_other_items_than_the_data_has_are_refused_in_one_line(tmp_path, items):
    settings = {"optim": SGD(lr=0.1), "steps": 1, "batch_size": 4, "accelerator": "cpu", "tensorboard": False}
    with pytest.raises(TrainingError, match=rf"^PCL remembers {items} items, and the data has 6; set method.items=6$"):
        train(method=method(items=items), data=Items("PCL"), out=tmp_path, **settings)


def test_what_cannot_be_is_refused_in_one_line():
    with pytest.raises(ValueError, match=r"^the data has item number 5, and clusters are kept of 4 items; set items"):
        clustered(items=4)
    assert torch.isfinite(method(items=4)(batch_of())["loss"])  # in a loop of one's own, before it is known
    for settings in ({"clusters": ()}, {"clusters": (1,)}, {"clusters": (7,)}, {"warmup": -1}, {"tries": 0}):
        with pytest.raises(ValueError, match="needs"):
            method(**settings)
    with pytest.raises(ValueError, match="2 rows cannot make 3 clusters"):
        method().before_epoch(features_of([batch_of((0, 1))]))
