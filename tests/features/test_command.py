"""Features as files, from one process or from several."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from avssl.config import ConfigError
from avssl.data import Pictures
from avssl.features.command import extract_features
from avssl.features.files import read_features
from avssl.nets import SmallNet

ROOT = Path(__file__).parents[2]


@pytest.fixture
def world(tmp_path):
    from PIL import Image

    (tmp_path / "pictures").mkdir()
    for number in range(6):
        noise = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / "pictures" / f"{number}.png")
    torch.save(SmallNet(width=4, dim=8).trunk.state_dict(), tmp_path / "net.pth")
    return tmp_path


def extracted(world, **settings):
    net = SmallNet(width=4, dim=8)
    known = {"weights": world / "net.pth", "encoder": net, "out": world / "features", "device": "cpu"}
    return extract_features(Pictures(world / "pictures"), **(known | settings))


def test_files_for_every_layer_their_index_and_what_they_are_from(world, capsys):
    folder = extracted(world, layers="all")
    assert {path.name for path in folder.glob("*.npy")} == {f"{name}.npy" for name in (*SmallNet().layers, "output")}
    about = json.loads((folder / "about.json").read_text())
    assert about["encoder"]["name"] == "SmallNet" and about["data"]["name"] == "Pictures" and about["failures"] == []
    assert len(read_features(folder, "output")[1]) == 6
    assert "output.npy: 6 x 8" in capsys.readouterr().out


def test_the_folder_of_the_weights_is_the_default(world):
    folder = extracted(world, out=None, runs=world / "runs")
    assert folder == world / "runs" / "net" / "features"


def test_no_layer_at_all_is_refused(world):
    with pytest.raises(ConfigError, match="layers: name some of conv1"):
        extracted(world, layers=[])


def test_sounds_need_no_run_with_an_encoder_that_needs_no_weights(world):
    from avssl.data import Sounds
    from avssl.data.sets.fixtures.media import write_sound
    from avssl.nets import LogMel

    for number in range(3):
        write_sound(world / "sounds" / f"{number}.wav", seed=number)
    folder = extract_features(
        Sounds(world / "sounds"), encoder=LogMel(), stream="sound", out=world / "mel", device="cpu"
    )
    assert read_features(folder)[0].shape == (3, 128)


@pytest.mark.parametrize("unit", ["clip", "item"])
def test_rows_of_sound_in_videos_tell_the_seconds_that_were_heard(tmp_path, unit):
    from avssl.data import Videos
    from avssl.data.demo.band.world import prepare
    from avssl.nets import LogMel
    from avssl.sampling import Segments, WithSound

    band = prepare("easy", tmp_path / "band", train=2, val=0, heldout=0, progress=False)
    sampler = WithSound(sampler=Segments(count=2), seconds=0.5, align="centre", edge="shift")  # two clips of one frame
    films = Videos(band / "manifest.csv", sampler, size=(16, 16), sound_rate=16000)
    folder = extract_features(films, encoder=LogMel(), stream="sound", unit=unit, out=tmp_path / "mel", device="cpu")
    rows = read_features(folder)[1]
    heard = [films[0, number]["sound_times"].numpy() for number in range(2)]
    spans = np.concatenate(heard) if unit == "clip" else [[one.min(), one.max()] for one in heard]
    np.testing.assert_allclose(np.stack([rows.start, rows.end], 1), spans)
    assert np.diff(heard[0]) == pytest.approx(0.5)


def test_processes_that_torchrun_started_share_the_work_and_find_the_same(world):
    (world / "config.yaml").write_text(
        f"weights: {world / 'net.pth'}\nencoder: {{name: SmallNet, width: 4, dim: 8}}\ndevice: cpu\n"
        f"data: {{name: Pictures, source: {world / 'pictures'}}}\n"
    )
    alone = extracted(world)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", ROOT / "tools" / "extract.py"]
    words = [world / "config.yaml", f"out={world / 'shared'}", f"runs={world / 'runs'}"]
    done = subprocess.run(
        [*command, *words], capture_output=True, text=True, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("index.parquet: 6 rows") == 1
    np.testing.assert_allclose(read_features(world / "shared")[0], read_features(alone)[0], atol=1e-6)
