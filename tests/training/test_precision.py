"""Half precision: every method trains in it, what must be exact stays exact, and what cannot be done is said first."""

import math

import pytest
import torch
from every import MAKE, Items, make, rivals
from training_fakes import run, toy

from avssl.data import collate
from avssl.training import SGD, AdamW, TrainingError, load_encoder, train
from avssl.training.average import Average
from avssl.training.export import load_method, load_sound
from avssl.training.journal import read
from avssl.training.precision import HALVES, Halves, possible

SETTINGS = {
    "steps": 2,
    "batch_size": 4,
    "workers": 0,
    "accelerator": "cpu",
    "tensorboard": False,
    "measure_every": 2,
    "log_every": 1,
}


@pytest.mark.parametrize("precision", HALVES)
@pytest.mark.parametrize("name", MAKE)
def test_every_method_trains_measures_and_is_exported_in_half_precision(tmp_path, name, precision):
    method, data = make(name), Items(name)
    optim = AdamW(lr=1e-3, eps=1e-4)
    settings = SETTINGS | {"optim": optim, "precision": precision} | rivals(method, optim)
    train(method=method, data=data, held_out=Items(name, 3), out=tmp_path, **settings)
    records = read(tmp_path / "log.jsonl")
    losses = [record["loss"] for record in records if "loss" in record]
    assert len(losses) == 2 and all(math.isfinite(loss) for loss in losses)
    measured = [record for record in records if "held_out/loss" in record]
    assert all(value is not None for record in measured for value in record.values())
    weights = {weight.dtype for weight in method.encoder.trunk.parameters()}
    assert HALVES[precision] in weights and weights <= {HALVES[precision], torch.float32}
    encoder = load_encoder(tmp_path) if "encoder" in method.exports() else load_sound(tmp_path)
    assert {value.dtype for value in encoder.trunk.parameters()} == {torch.float32}
    learned, back = method.state_dict(), load_method(tmp_path).state_dict()
    assert all(torch.equal(back[key], value.to(back[key].dtype)) for key, value in learned.items())


@pytest.mark.parametrize("precision", HALVES)
@pytest.mark.parametrize("name", MAKE)
def test_the_loss_in_half_precision_is_near_that_in_single(name, precision):
    batch = collate([Items(name)[index] for index in range(4)])
    found = []
    for halves in (False, True):
        method = make(name)
        if halves:
            method = Halves(precision).convert_module(method)
        if hasattr(method, "known"):  # the clusters that items are in
            method.known.copy_((torch.arange(6) % 2).expand_as(method.known))
        torch.manual_seed(0)
        found.append(method(batch)["loss"].float().item())
    assert found[1] == pytest.approx(found[0], rel=0.05, abs=5e-3) and found[0] != 0


def test_buffers_numbers_of_the_method_and_batch_normalisation_stay_exact():
    method = Halves("bf16-true").convert_module(make("AVE"))
    assert method.sound.front.numbers.dtype == torch.float64 and method.sound.front.hann.dtype == torch.float32
    assert method.bias.dtype == method.weight.dtype == torch.float32
    assert all(value.dtype != torch.bfloat16 for value in method.buffers())
    assert next(method.sounds_to.parameters()).dtype == torch.bfloat16


def test_times_of_clips_reach_a_method_as_they_are(tmp_path):
    seen = []
    method = make("AVTS")
    forward = method.forward
    method.forward = lambda batch: seen.append(batch["times"]) or forward(batch)
    train(method=method, data=Items("AVTS"), out=tmp_path, optim=SGD(lr=1e-3), **SETTINGS | {"precision": "bf16-true"})
    assert {times.dtype for times in seen} == {torch.float64}


def test_a_run_in_half_precision_goes_on_bit_for_bit(tmp_path):
    settings = {"precision": "bf16-true", "optim": AdamW(lr=1e-2), "schedule": None}
    run(tmp_path / "whole", steps=6, **settings)
    run(tmp_path / "cut", steps=3, **settings)
    run(tmp_path / "cut", steps=6, **settings)
    whole, cut = (torch.load(tmp_path / name / "last.ckpt", weights_only=True) for name in ("whole", "cut"))
    for part in ("method", "average"):
        assert all(torch.equal(cut[part][name], value) for name, value in whole[part].items())


def test_an_average_of_half_weights_is_kept_in_single_precision():
    module = torch.nn.Linear(1, 1, bias=False).bfloat16()
    module.weight.data.fill_(1.0)
    average = Average(module, 0.999)
    module.weight.data.fill_(2.0)
    for step in range(10_000, 10_100):
        average.update(module, step)
    wanted = 2 - 0.999**100
    assert average.values["weight"].item() == pytest.approx(wanted, rel=1e-4)
    before = average.values["weight"].clone()
    with average.applied(module):
        assert module.weight.item() == pytest.approx(wanted, rel=1e-2)
    assert module.weight.item() == 2.0 and torch.equal(average.values["weight"], before)


def test_adamw_with_an_eps_that_16_bits_do_not_hold_is_refused_before_anything_is_done(tmp_path):
    with pytest.raises(TrainingError, match=r"precision=16-true: AdamW .* set optim\.eps=0\.0001 or more"):
        run(tmp_path / "run", precision="16-true")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("precision", ["transformer-engine", "transformer-engine-float16", "64-true", "bf16", 16, None])
def test_other_precisions_are_refused_in_one_line(tmp_path, precision):
    with pytest.raises(TrainingError, match=r"^precision=.* is none of those there are: 32-true, .*bf16-true$"):
        run(tmp_path / "run", precision=precision)
    assert not (tmp_path / "run").exists()


def test_half_precision_with_fsdp_is_refused(tmp_path):
    with pytest.raises(TrainingError, match="does not go with fsdp; use bf16-mixed"):
        run(tmp_path, strategy="fsdp", ema=None, precision="bf16-true")


def test_an_operation_that_a_device_has_not_is_named_in_one_line(tmp_path):
    method = toy()
    method.facts = lambda: (_ for _ in ()).throw(RuntimeError("\"slow_conv\" not implemented for 'Half'\nmore"))
    with pytest.raises(
        TrainingError, match=r"precision=16-true is not possible on cpu for this method: .*slow_conv"
    ) as told:
        run(tmp_path, method=method, precision="16-true", optim=SGD(lr=0.1))
    assert "\n" not in str(told.value)
    with pytest.raises(RuntimeError, match="anything else"), possible("16-true", torch.device("cpu")):
        raise RuntimeError("anything else")
