"""What a method sees is drawn on the page of its run, and where that fails nothing else is lost."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from avssl.data import Pictures
from avssl.evaluation.finish import report
from avssl.methods import SimCLR
from avssl.nets import SmallNet
from avssl.report.inputs import INPUTS, draw_inputs, rows_of
from avssl.training import SGD, train
from avssl.transforms import Flip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    (folder / "pictures").mkdir()
    for number in range(6):
        noise = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / "pictures" / f"<{number}>.png")
    torch.manual_seed(0)
    method = SimCLR(SmallNet(dim=8, width=2), [[Flip()], [Flip()]], hidden=8, dim=4)
    settings = {"optim": SGD(lr=0.05), "batch_size": 4, "workers": 0, "accelerator": "cpu", "tensorboard": False}
    train(method=method, data=Pictures(folder / "pictures"), out=folder / "run", steps=1, **settings)
    return folder


@pytest.fixture
def run(trained, tmp_path):
    return shutil.copytree(trained / "run", tmp_path / "run")


def test_the_page_shows_each_item_and_what_the_encoder_is_given_of_it(run):
    text = report(run).read_text()
    assert text.count("<figure>") == 2 * 4 and text.count("the data") == 2 * 4 and "&lt;0&gt;.png" in text
    lines = [json.loads(line) for line in (run / INPUTS).read_text().splitlines()]
    assert [line["what"] for line in lines[:2]] == ["1 picture, 16 x 16 px", "2 pictures, 16 x 16 px"]
    with Image.open(run / lines[1]["picture"]) as picture:
        assert picture.size == (2 * 72 + 4, 72)


def test_what_was_drawn_is_shown_again_without_the_data(run, monkeypatch):
    assert draw_inputs(run) == []
    monkeypatch.setattr("avssl.evaluation.finish.draw_inputs", None)
    assert report(run).read_text().count("<figure>") == 8


@pytest.mark.parametrize("gone", ["data", "checkpoint", "method"])
def test_what_cannot_be_drawn_costs_a_line_and_nothing_else(run, gone, capsys, monkeypatch):
    if gone == "data":
        settings = (run / "config.yaml").read_text()
        (run / "config.yaml").write_text(settings.replace("/pictures", "/nowhere"))
    elif gone == "checkpoint":
        (run / "last.ckpt").unlink()
    else:
        monkeypatch.setattr(SimCLR, "forward", lambda self, batch: 1 / 0)
    text = report(run).read_text()
    told = [line for line in capsys.readouterr().out.splitlines() if "no pictures of what the method sees" in line]
    assert len(told) == 1 and "no pictures of what the method sees" in text
    assert "What the method sees" not in text and "<svg" in text and "How to do it again" in text


def test_a_picture_outside_of_the_run_is_not_shown(run):
    draw_inputs(run)
    lines = (run / INPUTS).read_text().splitlines()
    (run / INPUTS).write_text("\n".join([lines[0].replace("inputs/0.png", "../0.png"), '{"item": 5}', lines[1], ""]))
    text = report(run).read_text()
    assert text.count("<figure>") == 1 and "does not lie in the run" in text and "names no picture of an item" in text


def test_many_pictures_clips_and_sounds_are_shown_in_part_and_the_rest_is_counted():
    assert rows_of(torch.rand(30, 3, 8, 8), 1)[0] == "30 pictures, 8 x 8 px; the first 27 shown"
    what, rows = rows_of(torch.rand(10, 3, 8, 8), 5)
    assert [len(row) for row in rows] == [5, 5] and what == "10 pictures, 8 x 8 px"
    what, rows = rows_of(torch.rand(4, 16, 3, 8, 8), 1)
    assert [len(row) for row in rows] == [9] * 3
    assert what == "4 clips of 16 frames, 9 of them shown, 8 x 8 px; the first 3 shown"
    what, rows = rows_of(torch.randn(1, 1, 64, 98), 1)
    assert rows[0][0].shape == (64, 98, 3) and what == "1 sound, spectrogram of 64 bands x 98 moments"
    assert rows_of(torch.rand(2, 1, 16000), 1)[0] == "2 sounds, waveform of 16000 samples"
