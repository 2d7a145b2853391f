"""The real-or-recoloured test from its command line: a run, a person, the share, and what is refused."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from avssl import config
from avssl.config import ConfigError
from avssl.inference.recolored.choices import read_choices
from avssl.inference.recolored.testing import colorization_test
from avssl.inference.recolored.trials import trials

ROOT = Path(__file__).parents[3]
PAINT = '''
import torch
from avssl.methods import Method
from avssl.nets import SmallNet

class Paint(Method):
    """Learns nothing; gives all pictures one hue."""

    def __init__(self):
        super().__init__()
        self.encoder = SmallNet(dim=4, width=2)

    def forward(self, batch):
        return {"loss": self.encoder(batch["frames"].flatten(0, 2).float() / 255).square().mean()}

    def colorize(self, pictures):
        return pictures.mean(1, keepdim=True) * torch.tensor([1.0, 0.8, 0.6])[:, None, None]
'''


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """A folder with pictures, a run of a method that paints, and one of a method that does not."""
    from avssl.training import train

    folder = tmp_path_factory.mktemp("painted")
    (folder / "paint_for_tests.py").write_text(PAINT)
    (folder / "pictures").mkdir()
    rng = np.random.default_rng(0)
    for number in range(5):
        Image.fromarray(rng.integers(0, 256, (20, 24, 3), np.uint8)).save(folder / "pictures" / f"{number}.png")
    sys.path.insert(0, str(folder))
    data = {"name": "Pictures", "source": str(folder / "pictures"), "size": [16, 16]}
    rotation = {"name": "Rotation", "encoder": {"name": "SmallNet", "dim": 4, "width": 2}}
    try:
        for name, method in {"paint": {"name": "paint_for_tests.Paint"}, "rotation": rotation}.items():
            train(
                data=config.make(data, "avssl.data.Dataset"),
                held_out=config.make(data, "avssl.data.Dataset"),
                method=config.make(method, "avssl.methods.Method"),
                optim=config.make({"name": "AdamW", "lr": 1e-3}, "avssl.training.Optim"),
                out=folder / name,
                steps=1,
                batch_size=2,
                workers=0,
                accelerator="cpu",
            )
        yield folder
    finally:
        sys.path.remove(str(folder))


def started(folder, *more):
    command = [
        sys.executable,
        str(ROOT / "tools" / "colorization_test.py"),
        "--run",
        str(folder / "paint"),
        "trust=paint_for_tests",
    ]
    command += ["practice=1", "pairs=3", "seconds=0.1", "device=cpu", *more]
    process = subprocess.Popen(
        command,
        cwd=folder,  # where the method of the run's own lies
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:  # a run's own class is told before
        if line.startswith("Open http://127.0.0.1:"):
            return process, said, line.split()[1]
        said.append(line)
    raise AssertionError(process.communicate())


def post(address, path, body, tries=1):
    request = urllib.request.Request(
        address + path, json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    for left in reversed(range(tries)):
        try:
            with urllib.request.urlopen(request, timeout=300) as answer:
                return json.load(answer)
        except urllib.error.URLError:
            if not left:
                raise
            time.sleep(0.1)  # the page is not up yet
    raise AssertionError("tries should be at least 1")


def test_a_person_is_interrupted_and_goes_on_and_the_tool_prints_the_share_fooled(painted, capsys):
    process, about, address = started(painted)
    assert about[-1] == "5 pictures: held-out data of the run\n"
    state = post(address, "begin", {"name": "Ada"})
    for number in range(2):
        post(address, "choose", {"session": state["session"], "number": number, "side": "left", "seconds": 1})
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0 and "Traceback" not in err and "of 1 pairs" in out

    again = threading.Thread(
        target=colorization_test,
        kwargs={"run": painted / "paint", "trust": "paint_for_tests",
                "practice": 1, "pairs": 3, "seconds": 0.1, "device": "cpu", "people": 1,
                "port": int(address.split(":")[2].strip("/"))},
    )  # fmt: skip
    again.start()
    state = post(address, "begin", {"name": "Ada"}, tries=100)
    assert state["number"] == 2
    for number in (2, 3):
        post(address, "choose", {"session": state["session"], "number": number, "side": "left", "seconds": 1})
    again.join(300)  # it stops by itself
    out = capsys.readouterr().out
    fakes = [trial.fake for trial in trials("Ada", 5, 1, 3, seed=0)][1:]
    assert not again.is_alive()
    assert f"Fooled: {fakes.count('right') / 3:.1%} of 3 pairs (95 %" in out
    kept = read_choices(painted / "paint" / "colorization_test" / "choices.jsonl")
    assert [choice.number for choice in kept] == [0, 1, 2, 3]


def test_results_are_printed_without_a_page_and_other_settings_are_another_test(painted, capsys):
    settings = {"run": painted / "paint", "trust": "paint_for_tests", "practice": 1, "serve": False, "device": "cpu"}
    torch.manual_seed(0)
    found = colorization_test(**settings, pairs=2)
    assert found["pairs"] == 0 and "No test pair has been judged yet." in capsys.readouterr().out
    named = colorization_test(**settings, pairs=2, pictures=[painted / "pictures"], out=painted / "elsewhere")
    assert np.isnan(named["fooled"])


def test_too_few_pictures_and_methods_without_colours_are_told(painted):
    with pytest.raises(ConfigError, match=r"got 5; 10 practice and 40 test pairs need 50"):
        colorization_test(run=painted / "paint", trust="paint_for_tests", serve=False, device="cpu")
    with pytest.raises(ConfigError, match=r"Rotation of .* gives no colours"):
        colorization_test(run=painted / "rotation", serve=False, device="cpu")
