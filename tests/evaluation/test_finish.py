"""What follows a training: runs that cluster get pictures of their clusters, all get their page."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from avssl.data import Pictures
from avssl.evaluation.finish import finish
from avssl.methods import DeepCluster, SimCLR
from avssl.nets import SmallNet
from avssl.training import SGD, train
from avssl.transforms import Flip


def trained(method, folder):
    for number in range(8):
        noise = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        (folder / "pictures").mkdir(exist_ok=True)
        Image.fromarray(noise).save(folder / "pictures" / f"{number}.png")
    settings = {"data": Pictures(folder / "pictures"), "optim": SGD(lr=0.05), "batch_size": 4, "workers": 0}
    settings |= {"accelerator": "cpu", "steps": 2, "tensorboard": False}
    train(method=method, out=folder / "run", **settings)
    return folder / "run"


def clustering():
    torch.manual_seed(0)
    return DeepCluster(SmallNet(dim=8, width=2), [[Flip()]], items=8, clusters=2, components=3)


def test_a_run_that_clusters_gets_pictures_of_its_clusters_that_its_page_leads_to(tmp_path):
    run = trained(clustering(), tmp_path)
    finish(run)
    assert "8 rows in" in (run / "cluster_sheets" / "clusters.html").read_text()
    assert 'href="cluster_sheets/clusters.html"' in (run / "report.html").read_text()


@pytest.mark.parametrize("gone", [False, True])
def test_other_runs_and_those_whose_data_is_gone_get_their_page_alone(tmp_path, capsys, gone):
    method = clustering() if gone else SimCLR(SmallNet(dim=8, width=2), [[Flip()], [Flip()]], hidden=8, dim=4)
    run = trained(method, tmp_path)
    if gone:
        shutil.rmtree(tmp_path / "pictures")
    finish(run)
    assert (run / "report.html").exists() and not (run / "cluster_sheets" / "clusters.html").exists()
    assert ("no pictures of clusters: " in capsys.readouterr().out) == gone
