"""The loop: what a run writes, counts, skips and refuses, and that only its settings decide its weights."""

import json
import math

import pytest
import torch
from training_fakes import Dots, Linear, Numbered, Toy, run, toy

from avssl import config
from avssl.nets import SmallNet
from avssl.training import SGD, TrainingError
from avssl.training.accelerators import require_accelerator
from avssl.training.feed import UNSEEN, single_process
from avssl.training.journal import read


def weights(method):
    return {name: value.clone() for name, value in method.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def log(out):
    return read(out / "log.jsonl")


def test_a_run_leaves_a_log_checkpoints_an_encoder_and_its_settings(tmp_path, capsys):
    run(tmp_path / "run", steps=7)
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names - {".lock"} == {
        "last.ckpt",
        "best.ckpt",
        "log.jsonl",
        "sessions.jsonl",
        "log.csv",
        "config.yaml",
        "encoder.safetensors",
    }
    steps = [record["step"] for record in log(tmp_path / "run") if "loss" in record]
    assert steps == [2, 4, 6, 7]
    settings = config.read(tmp_path / "run" / "config.yaml")
    assert settings["optim"]["betas"] == [0.9, 0.999] and settings["accumulate"] == 1  # defaults are filled in
    shown = capsys.readouterr().out
    assert "random start" in shown and "end (step 7)" in shown and "encoder.safetensors" in shown


def test_what_a_method_states_is_shown_once_before_it_is_measured(tmp_path, capsys):
    method = toy()
    method.facts = lambda: ["three prototypes, far apart"]
    run(tmp_path / "run", steps=1, method=method)
    shown = capsys.readouterr().out
    assert shown.count("three prototypes, far apart\n") == 1
    assert shown.index("starts at step 0") < shown.index("three prototypes") < shown.index("step 0: ")


def test_data_are_made_ready_before_they_are_measured_and_what_they_state_is_shown_and_kept(tmp_path, capsys):
    class Ready(Dots):
        calls = 0

        def prepare(self):
            self.calls += 1

        def facts(self):
            return [f"made ready {self.calls} times"]

    run(tmp_path / "run", steps=1, data=Ready(), held_out=Ready(5))
    shown = capsys.readouterr().out
    for told in ("data: made ready 1 times\n", "held_out: made ready 1 times\n"):
        assert shown.count(told) == 1 and shown.index(told) < shown.index("step 0: ")
    (session,) = read(tmp_path / "run" / "sessions.jsonl")
    assert session["data"] == "data: made ready 1 times; held_out: made ready 1 times"


def test_random_start_and_end_are_measured_on_training_and_held_out_data(tmp_path):
    run(tmp_path, steps=7)
    measured = [record for record in log(tmp_path) if "held_out/loss" in record]
    assert [record["step"] for record in measured] == [0, 5, 7]
    assert set(measured[0]) == {"step", "train/loss", "train/guess", "held_out/loss", "held_out/guess"}


def test_a_run_learns(tmp_path):
    run(tmp_path, steps=60, data=Dots(40), measure_every=60, ema=None)
    first, last = (record for record in log(tmp_path) if "train/loss" in record)
    assert last["train/loss"] < 0.6 * first["train/loss"]


def test_the_same_settings_give_the_same_weights_whatever_the_workers(tmp_path):
    alone = weights(run(tmp_path / "alone", steps=4, workers=0))
    helped = weights(run(tmp_path / "helped", steps=4, workers=2, prefetch=1))
    assert same(alone, helped)


def test_another_seed_gives_other_weights(tmp_path):
    assert not same(weights(run(tmp_path / "a", steps=2)), weights(run(tmp_path / "b", steps=2, seed=1)))


@pytest.mark.parametrize("ema", [None, 0.9])
def test_measuring_and_logging_change_nothing_of_what_is_learned(tmp_path, ema):
    often = weights(run(tmp_path / "often", steps=5, measure_every=1, log_every=1, save_every=1, ema=ema))
    seldom = weights(run(tmp_path / "seldom", steps=5, measure_every=99, log_every=99, save_every=99, ema=ema))
    assert same(often, seldom)


def test_measures_are_taken_without_dropout_and_repeat_themselves(tmp_path):
    run(tmp_path, steps=1, optim=SGD(lr=1e-30), measure_every=1, ema=None, method=still())
    first, second = (record for record in log(tmp_path) if "train/loss" in record)
    assert first | {"step": 1} == pytest.approx(second)


def still():
    method = toy(dropout=0.9)
    for module in method.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.momentum = 0.0
    return method


def test_measuring_looks_at_items_all_over_the_data_as_training_never_does(tmp_path):
    seen = []

    class Watched(Dots):
        def __getitem__(self, key):
            seen.append(key)
            return super().__getitem__(key)

    run(tmp_path, steps=1, data=Watched(10), measure_items=4)
    assert seen[:4] == [(UNSEEN, 0), (UNSEEN, 2), (UNSEEN, 5), (UNSEEN, 7)]
    assert all(epoch == 0 for epoch, _ in seen[4:8])


def test_accumulated_batches_give_the_step_of_one_large_batch(tmp_path):
    def last(name, **settings):
        torch.manual_seed(0)
        settings = {"ema": None, "schedule": None, "optim": SGD(lr=0.1, momentum=0.0)} | settings
        return weights(run(tmp_path / name, steps=3, method=Linear(), **settings))

    large, small = last("large", batch_size=4), last("small", batch_size=2, accumulate=2)
    for name in large:
        torch.testing.assert_close(small[name], large[name], rtol=1e-6, atol=1e-7)


def test_clipping_bounds_the_step(tmp_path):
    torch.manual_seed(0)
    method = Linear()
    before = torch.cat([parameter.detach().flatten() for parameter in method.parameters()])
    settings = {"optim": SGD(lr=1.0, momentum=0.0), "schedule": None, "ema": None}
    run(tmp_path, steps=1, method=method, clip=1e-3, log_every=1, **settings)
    after = torch.cat([parameter.detach().flatten() for parameter in method.parameters()])
    assert (after - before).norm().item() == pytest.approx(1e-3, rel=1e-3)
    assert log(tmp_path)[1]["gradient_norm"] > 1e-3  # logged as it was before


class Exploding(Toy):
    def forward(self, batch):
        losses = super().forward(batch)
        if self.training and len(batch["path"]) == 4 and self.epochs > 1:
            losses["loss"] = losses["loss"] * math.inf
        return losses


class Steep(Toy):
    def forward(self, batch):
        losses = super().forward(batch)
        return losses | {"loss": losses["loss"] + (self.head.weight.sum() * 0).sqrt()}  # 0, with an endless slope


def test_a_loss_that_is_not_finite_stops_with_the_step_the_files_and_what_to_try(tmp_path):
    torch.manual_seed(0)
    with pytest.raises(TrainingError, match=r"^step 4: loss is inf; .* lower optim\.lr.* files: \d+\.mp4, \d+\.mp4, "):
        run(tmp_path, method=Exploding(SmallNet(dim=8, width=2)))
    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert saved["step"] == 3 and all(value.isfinite().all() for value in saved["method"].values())


def test_a_gradient_that_is_not_finite_never_reaches_the_weights(tmp_path):
    torch.manual_seed(0)
    method = Steep(SmallNet(dim=8, width=2))
    before = weights(method)["head.weight"]
    with pytest.raises(TrainingError, match=r"^step 1: gradient_norm is nan; the weights were left as they were"):
        run(tmp_path, method=method)
    assert torch.equal(method.head.weight, before)


def test_bad_recordings_are_left_out_counted_and_listed(tmp_path, capsys):
    run(tmp_path, steps=6, data=Dots(8, bad=(2, 5)))
    failures = read(tmp_path / "failures.jsonl")
    trained = [failure for failure in failures if "data" not in failure]
    assert len(trained) == 6 and {failure["path"] for failure in trained} == {"2.mp4", "5.mp4"}  # 3 epochs of 8
    assert {failure["step"] for failure in trained} <= set(range(1, 7))
    shown = capsys.readouterr().out
    assert "2 recordings could not be read and were left out 12 times:" in shown and "5.mp4 (6 times)" in shown


def test_a_batch_without_anything_readable_is_a_step_without_learning(tmp_path, capsys):
    bad = tuple(range(11))
    with_one = Dots(12, bad=bad)  # two batches of three hold nothing at all
    run(tmp_path, steps=3, data=with_one, method=linear(), measure_every=99)
    assert capsys.readouterr().out.count("nothing could be read, so nothing was learned") == 2
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["step"] == 3


def linear():
    torch.manual_seed(0)
    return Linear()


def test_data_of_which_nothing_can_be_read_is_an_error(tmp_path):
    with pytest.raises(TrainingError, match=r"^train: none of its recordings could be read; failures\.jsonl says why"):
        run(tmp_path, data=Dots(3, bad=(0, 1, 2)))
    assert json.loads((tmp_path / "failures.jsonl").read_text().splitlines()[0])["data"] == "train"


@pytest.mark.parametrize(("goal", "pick"), [("max", max), ("min", min)])
def test_the_best_checkpoint_is_the_one_with_the_best_measure(tmp_path, goal, pick):
    run(tmp_path, steps=8, measure_every=1, best="held_out/guess", goal=goal, save_every=99)
    guesses = {record["step"]: record["held_out/guess"] for record in log(tmp_path) if "held_out/guess" in record}
    best = torch.load(tmp_path / "best.ckpt", weights_only=True)
    assert best["step"] == pick(guesses, key=guesses.__getitem__) and best["best"]["value"] == pick(guesses.values())


def test_a_measure_that_does_not_exist_is_refused_before_the_first_step(tmp_path):
    with pytest.raises(
        TrainingError, match=r"there is no measure 'held_out/acu'; there is train/loss, train/guess, held"
    ):
        run(tmp_path, best="held_out/acu")


def test_only_the_last_checkpoints_are_kept(tmp_path):
    run(tmp_path, steps=9, save_every=2, keep=3)
    assert sorted(path.name for path in tmp_path.glob("step_*")) == [f"step_0000000{step}.ckpt" for step in (6, 8, 9)]
    assert torch.load(tmp_path / "step_00000006.ckpt", weights_only=True)["step"] == 6
    assert [path.name for path in tmp_path.glob(".*")] == [".lock"] and not list(tmp_path.glob("*.part"))


def test_with_an_average_it_is_the_average_that_is_measured(tmp_path):
    method = run(tmp_path, steps=5, ema=0.99)
    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert not same(saved["average"], saved["method"]) and same(saved["method"], weights(method))
    live = run(tmp_path / "live", steps=5, ema=None)
    assert same(weights(live), weights(method))  # averaging changes nothing of what is learned
    assert log(tmp_path)[-1]["held_out/loss"] != log(tmp_path / "live")[-1]["held_out/loss"]


def test_an_epoch_begins_when_every_item_was_drawn(tmp_path):
    method = run(tmp_path, steps=7, data=Dots(10))  # 28 draws of 10: epochs 0, 1 and 2
    assert method.epochs == 3


def test_before_an_epoch_a_method_may_look_at_all_the_data(tmp_path):
    class Looking(Toy):
        def before_epoch(self, features):
            paths = []
            rows = features(lambda batch: paths.extend(batch["path"]) or {"target": batch["target"]})
            assert paths == [f"{i}.mp4" for i in range(10)]
            assert rows["index"].tolist() == list(range(10))
            assert rows["target"].tolist() == pytest.approx([i / 10 for i in range(10)])
            self.epochs += 1

    torch.manual_seed(0)
    assert run(tmp_path, steps=3, data=Numbered(10), method=Looking(SmallNet(dim=8, width=2))).epochs == 1


def test_lower_precision_trains_and_measures(tmp_path):
    run(tmp_path, steps=3, precision="bf16-mixed")
    assert all(math.isfinite(record["loss"]) for record in log(tmp_path) if "loss" in record)


def test_channels_last_changes_the_layout_and_not_the_numbers(tmp_path):
    plain = run(tmp_path / "plain", steps=2)
    last = run(tmp_path / "last", steps=2, channels_last=True)
    kernel = last.encoder.trunk.conv1[0].weight
    assert kernel.is_contiguous(memory_format=torch.channels_last)
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(last.state_dict()[name], value, rtol=1e-3, atol=1e-4)


def test_fsdp_refuses_an_average(tmp_path):
    with pytest.raises(TrainingError, match="ema needs whole weights"):
        run(tmp_path, strategy="fsdp", ema=0.9)


@pytest.mark.parametrize("wanted", ["gpu", "cuda", "mps"])
def test_a_device_that_is_not_there_is_explained_in_one_line_that_says_what_is(tmp_path, monkeypatch, wanted):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    told = rf"^accelerator={wanted}: PyTorch finds no such device here; accelerator=auto takes what there is \(cpu\)$"
    with pytest.raises(TrainingError, match=told):
        run(tmp_path, accelerator=wanted)
    with pytest.raises(TrainingError, match=told):
        single_process(wanted)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    if wanted == "cuda":
        with pytest.raises(TrainingError, match=r"takes what there is \(mps\)$"):
            require_accelerator(wanted)
    else:
        require_accelerator(wanted)
