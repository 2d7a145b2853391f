"""What all methods of views keep, and those that predict: any input, one process or two, exact resume, no cue."""

import math

import pytest
import torch
from every import ITEMS, LINKING, MASKED, OF_VIEWS, PREDICTING, SIDE, Items, make, rivals, views
from torch import distributed, nn
from two_processes import in_two_processes

from avssl import methods
from avssl.data import collate
from avssl.methods.collapse import collapse_of, directions, effective_rank, spread
from avssl.methods.rows import features_of
from avssl.nets import SmallClips, SmallNet
from avssl.training import SGD, load_encoder, train
from avssl.transforms import ColorJitter

AVERAGING = [name for name in OF_VIEWS if make(name).averaged() is not None]
REMEMBERING = [name for name in OF_VIEWS if getattr(methods, name).remembers]
GATHERING = [*OF_VIEWS, *PREDICTING, *LINKING, *MASKED]
SHARES = (slice(0, 2), slice(2, ITEMS))  # different numbers of items in two processes


def batch_of(name, own=slice(None)):
    return collate([Items(name)[index] for index in range(ITEMS)[own]])


def work(rank):
    found = {}
    for name in GATHERING:
        loss, gradients = step_of_share(name, SHARES[rank])
        for gradient in gradients.values():
            distributed.all_reduce(gradient)
        found[name] = loss, {key: gradient / 2 for key, gradient in gradients.items()}
    for name in REMEMBERING:
        state, gradients = learn_a_share(name, SHARES[rank])
        for gradient in gradients.values():
            distributed.all_reduce(gradient)
        found["learned", name] = state, {key: gradient / 2 for key, gradient in gradients.items()}
    return found


def step_of_share(name, own):
    """Return loss and gradients of a share of the items, without batch statistics, which processes do not share."""
    method = make(name).eval()
    loss = method(batch_of(name, own))["loss"]
    loss.backward()
    return loss.detach(), {key: value.grad for key, value in method.named_parameters() if value.grad is not None}


def learn_a_share(name, own):
    """Return state and gradients behind two looks at the data and one step, without batch statistics."""
    method, batch = make(name), batch_of(name, own)
    for _ in range(2):
        method.before_epoch(features_of([batch]))
    for module in method.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.eval()
    method(batch)["loss"].backward()
    method.after_backward(1, 1)
    gradients = {key: value.grad for key, value in method.named_parameters() if value.grad is not None}
    return dict(method.named_buffers()), gradients


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    return in_two_processes(work, tmp_path_factory.mktemp("both"))


@pytest.mark.parametrize("name", GATHERING)
def test_two_processes_of_different_rows_have_the_loss_and_the_gradients_of_one(both, name):
    loss, gradients = step_of_share(name, slice(None))
    for found in both:
        torch.testing.assert_close(found[name][0], loss, rtol=1e-4, atol=1e-5)
        assert found[name][1].keys() == gradients.keys()
        for key, gradient in gradients.items():
            torch.testing.assert_close(found[name][1][key], gradient, rtol=1e-3, atol=1e-5, msg=f"{name}: {key}")


@pytest.mark.parametrize("name", REMEMBERING)
def test_two_processes_of_different_rows_remember_and_learn_what_one_does(both, name):
    state, gradients = learn_a_share(name, slice(None))
    for found in both:
        for mine, wanted in zip(found["learned", name], (state, gradients), strict=True):
            assert mine.keys() == wanted.keys()
            for key, value in mine.items():
                torch.testing.assert_close(value, wanted[key], rtol=1e-3, atol=1e-5, msg=f"{name}: {key}")


@pytest.mark.parametrize("name", OF_VIEWS)
def test_pictures_frames_and_clips_of_an_item_are_taken(name):
    pictures = torch.rand(4, 3, SIDE, SIDE)
    key = torch.tensor([[0, 0, index] for index in range(4)])
    several = pictures[:, None, None].expand(-1, 2, 3, -1, -1, -1)  # two clips of three frames an item
    for frames in (pictures, several[:, 0], several):
        found = make(name)({"frames": frames, "key": key})
        assert (
            all(value.ndim == 0 and torch.isfinite(value) for value in found.values()) and found["loss"].requires_grad
        )


@pytest.mark.parametrize("name", GATHERING)
def test_a_run_that_was_cut_off_ends_where_an_uncut_one_does(tmp_path, name):
    settings = {"data": Items(name), "optim": SGD(lr=0.05), "batch_size": 4, "workers": 0, "accelerator": "cpu"}
    settings |= {"steps": 4, "measure_every": 4, "save_every": 2, "tensorboard": False, "resume": True}
    settings |= rivals(make(name), SGD(lr=0.05))
    train(method=make(name), out=tmp_path / "whole", **settings)
    method = make(name)
    method.after_step = stopping(method)
    with pytest.raises(KeyboardInterrupt):
        train(method=method, out=tmp_path / "cut", **settings)
    train(method=make(name), out=tmp_path / "cut", **settings)
    whole, cut = (torch.load(tmp_path / part / "last.ckpt", weights_only=True) for part in ("whole", "cut"))
    assert all(value.equal(cut["method"][key]) for key, value in whole["method"].items())


def stopping(method):
    """Return a hook that does what the method's own does, and breaks off at step 3."""
    own = method.after_step

    def hook(step, steps):
        own(step, steps)
        if step == 3:
            raise KeyboardInterrupt

    return hook


@pytest.mark.parametrize("name", OF_VIEWS)
def test_measuring_tells_the_spread_of_embeddings_and_changes_nothing(name):
    method = make(name).eval()
    before = {key: value.clone() for key, value in method.state_dict().items()}
    scores = method.measure([batch_of(name)])
    assert 0 < scores["spread"] < 1.5 and 1 <= scores["rank"] <= 2 * ITEMS
    assert all(value.equal(before[key]) for key, value in method.state_dict().items())
    assert method.measure([batch_of(name)]) == scores  # views are drawn by the items' keys


def test_methods_whose_teacher_follows_the_student_are_known():
    assert {"BYOL", "DINO", "MoCo", "MoCoV3", "PCL", "InfoMin", "PixPro", "DenseCL", "DetCo"} == {*AVERAGING}


@pytest.mark.parametrize("name", AVERAGING)
def test_a_run_exports_the_students_encoder_and_the_teachers(tmp_path, name):
    settings = {"workers": 0, "accelerator": "cpu", "tensorboard": False, "steps": 2, "batch_size": 4}
    method = train(method=make(name), data=Items(name), optim=SGD(lr=0.1), out=tmp_path, **settings)
    kinds = {"encoder": method.encoder, "teacher": method.teacher.network.encoder}
    assert sorted(path.stem for path in tmp_path.glob("*.safetensors")) == sorted(kinds)
    for export, part in kinds.items():
        found = load_encoder(tmp_path, export=export).trunk.state_dict()
        assert all(value.equal(found[key]) for key, value in part.trunk.state_dict().items())
    weights = [next(iter(part.trunk.parameters())) for part in kinds.values()]
    assert not weights[0].equal(weights[1])


def test_clips_of_an_item_are_its_views():
    clips = torch.rand(4, 2, 3, 3, SIDE, SIDE)
    method = methods.SimCLR(SmallClips(widths=(4, 4, 8, 8)), views(), hidden=16, dim=8)
    _, (first, second) = method.views_of({"frames": clips, "key": torch.zeros(4, 3).long()})
    assert (first.clip, second.clip) == (0, 1) and first.frames.shape == (4, 3, 3, SIDE - 8, SIDE - 8)


def test_few_directions_are_said_to_be_a_collapse_but_for_the_random_start():
    start = {"train/rank": 3.0, "held_out/rank": 30.0}
    assert collapse_of(start, start, dim=128) == []
    assert collapse_of({"train/rank": 20.0, "held_out/rank": 25.0}, start, dim=128) == []
    (line,) = collapse_of({"train/rank": 20.0, "held_out/rank": 4.0}, start, dim=128)
    assert "held_out" in line and "128 directions" in line and "4.0" in line and "30.0" in line
    assert collapse_of({"train/rank": 4.0}, start, dim=16) == []  # of 16 directions, four are not few


def test_grey_pictures_under_a_jitter_of_hue_are_said_once():
    coloured = [[*recipe, ColorJitter(hue=0.1)] for recipe in views()]
    method = methods.SimCLR(SmallNet(dim=8, width=2), coloured, hidden=8, dim=8).eval()
    grey = {"frames": torch.rand(4, 1, SIDE, SIDE).expand(-1, 3, -1, -1), "key": torch.zeros(4, 3).long()}
    grey["key"][:, 2] = torch.arange(4)
    scores = {f"train/{name}": value for name, value in method.measure([grey]).items()}
    assert any("grey" in line for line in method.warnings(scores, scores))
    assert method.warnings(scores | {"train/loss": 0.0}, scores) == []
    scores = {f"train/{name}": value for name, value in method.measure([batch_of("SimCLR")]).items()}
    assert method.warnings(scores, scores) == []


@pytest.mark.parametrize(
    ("count", "clips", "said"), [(1, 1, "at least 2 views"), (2, 3, "got 3 clips an item for 2 views")]
)
def test_too_few_views_or_too_many_clips_are_refused_in_one_line(count, clips, said):
    with pytest.raises(ValueError, match=said):
        methods.SimCLR(SmallNet(dim=8, width=2), views(count=count))(torch.rand(4, clips, 1, 3, SIDE, SIDE))


def test_spread_and_rank_have_their_known_values():
    sphere = torch.randn(4000, 32, generator=torch.Generator().manual_seed(0))
    assert math.isclose(spread(sphere), 1, abs_tol=0.02) and spread(torch.ones(5, 4)) < 1e-3
    assert math.isclose(effective_rank(torch.eye(4)), 4, rel_tol=1e-5)
    assert math.isclose(effective_rank(torch.eye(4)[:, :2].repeat(2, 1)), 2, rel_tol=1e-5)
    assert math.isclose(effective_rank(torch.ones(5, 4)), 1, rel_tol=1e-3) and effective_rank(torch.zeros(5, 4)) == 0
    two = torch.tensor([[1.0, 0, 0], [0, 100.0, 0]])
    assert math.isclose(directions(two), 2, rel_tol=1e-5) and effective_rank(two) < 1.1
