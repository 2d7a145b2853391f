"""What cannot be is refused in one line before anything is computed, from Python as from a config."""

import math
from itertools import islice

import pytest
from every import Items, make
from training_fakes import SETTINGS, Dots, Linear, run

from avssl.data import Endless
from avssl.training import LARS, SGD, AdamW, Cosine, TrainingError, train
from avssl.training.journal import read


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"steps": 0}, r"^steps: got 0; needs a whole number of at least 1"),
        ({"steps": 2.5}, r"^steps: got 2\.5; needs a whole number"),
        ({"steps": "7"}, r"^steps: got '7'; needs a whole number"),
        ({"steps": True}, r"^steps: got True"),
        ({"batch_size": 0}, r"^batch_size: got 0; needs a whole number of at least 1"),
        ({"batch_size": -3}, r"^batch_size: got -3"),
        ({"accumulate": 0}, r"^accumulate: got 0"),
        ({"workers": -1}, r"^workers: got -1; needs a whole number of at least 0"),
        ({"prefetch": 0}, r"^prefetch: got 0"),
        ({"threads": 0}, r"^threads: got 0; needs a whole number of at least 1"),
        ({"threads": "many"}, r"^threads: got 'many'"),
        ({"seed": -1}, r"^seed: got -1"),
        ({"measure_every": 0}, r"^measure_every: got 0"),
        ({"measure_items": 0}, r"^measure_items: got 0"),
        ({"monitor_every": 0}, r"^monitor_every: got 0"),
        ({"sync_batchnorm": True}, r"^sync_batchnorm needs several CUDA devices, and this run is on 1 of kind cpu"),
        ({"save_every": 0}, r"^save_every: got 0"),
        ({"log_every": 0}, r"^log_every: got 0"),
        ({"keep": 0}, r"^keep: got 0"),
        ({"clip": math.nan}, r"^clip: got nan; needs a number above 0, or None"),
        ({"clip": 0}, r"^clip: got 0"),
        ({"ema": 1.0}, r"^ema: got 1\.0; needs a number in \[0, 1\)"),
        ({"ema": math.nan}, r"^ema: got nan"),
        ({"goal": "best"}, r"^goal: got 'best'; needs max or min"),
        ({"on_changed_data": "yes"}, r"^on_changed_data: got 'yes'; needs error or go-on"),
        ({"optim": SGD(lr=math.nan)}, r"^optim\.lr: got nan; needs finite numbers"),
        ({"optim": AdamW(lr=math.inf)}, r"^optim\.lr: got inf"),
        ({"optim": LARS(lr=0.0)}, r"^optim\.lr: got 0\.0; needs a number above 0"),
        ({"optim": AdamW(lr=-1e-3)}, r"^optim\.lr: got -0\.001; needs a number above 0"),
        ({"optim": AdamW(lr=1e-3, betas=(0.9, math.nan))}, r"^optim\.betas: got \(0\.9, nan\); needs finite numbers"),
        ({"optim": SGD(lr=0.1, weight_decay=math.nan)}, r"^optim\.weight_decay: got nan"),
        ({"schedule": Cosine(warmup=math.nan)}, r"^schedule\.warmup: got nan"),
        ({"data": Dots(0)}, r"^data: there is nothing to learn from"),
    ],
)
def test_numbers_that_cannot_be_are_refused_before_anything_is_done(tmp_path, settings, told):
    with pytest.raises(TrainingError, match=told) as error:
        train(
            **{"method": Linear(), "optim": SGD(lr=0.1), "out": tmp_path / "run", "steps": 1, "data": Dots()}
            | SETTINGS
            | settings
        )
    assert "\n" not in str(error.value) and not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["L3", "AVE", "AVOL", "AVTS", "CrossModalNCE", "JigsawPlusPlus", "SeveralTasks"])
def test_batches_of_one_are_refused_where_recordings_are_told_apart(tmp_path, name):
    with pytest.raises(
        TrainingError, match=r"tells recordings of a batch apart and needs at least 2 in each; got batch_"
    ):
        run(tmp_path / "run", method=make(name), data=Items(name), batch_size=1)
    with pytest.raises(TrainingError, match=r"needs at least 2 in each; got data of 1 recording$"):
        run(tmp_path / "run", method=make(name), data=Items(name, 1), batch_size=4)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("batch_size", [2, 8])
@pytest.mark.parametrize("name", ["L3", "CrossModalNCE", "JigsawPlusPlus", "AVTS"])
def test_data_smaller_than_the_batch_train_and_batches_of_one_recording_are_counted(tmp_path, capsys, name, batch_size):
    run(
        tmp_path,
        method=make(name),
        data=Items(name, 3),
        held_out=Items(name, 1),
        batch_size=batch_size,
        steps=6,
        seed=3,
    )
    shown = capsys.readouterr().out.replace("\n", " ")
    draws = [index for _, index in islice(Endless(3, 3), 6 * batch_size)]
    same = sum(len(set(draws[first : first + batch_size])) == 1 for first in range(0, len(draws), batch_size))
    assert (f"too few recordings to learn from: {same}" in shown) == (same > 0) == (batch_size == 2)
    assert all(math.isfinite(record["loss"]) for record in read(tmp_path / "log.jsonl") if "loss" in record)


def test_a_picture_without_batch_statistics_is_refused_in_one_line(tmp_path):
    with pytest.raises(TrainingError, match=r"^Jigsaw normalises by the statistics of its batch, and one picture has"):
        run(tmp_path, method=make("Jigsaw"), data=Items("Jigsaw"), held_out=None, batch_size=1)
