"""Clusters of features in files: what is written is used again, on other data too, and labels fit the items."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from pyarrow import parquet
from safetensors.numpy import load_file, save_file

from avssl.config import ConfigError
from avssl.data import Pictures, Relabelled
from avssl.evaluation.clusters.command import cluster_features
from avssl.evaluation.clusters.files import majorities, read_clusters
from avssl.features.command import extract_features
from avssl.features.extraction import Rows
from avssl.features.files import write_features
from avssl.nets import SmallNet

CLASSES = np.arange(60) % 3


def rows_of(label=CLASSES, clips=1):
    count = len(label)
    places = np.arange(count)
    return Rows(
        item=places // clips,
        clip=places % clips,
        start=np.zeros(count),
        end=np.zeros(count),
        label=label,
        labels=None,
        group=np.array([f"{place}.png" for place in places]),
        path=np.array([f"{place}.png" for place in places]),
        box=None,
        keypoints=None,
        visible=None,
        classes=("a", "b", "c"),
        failures=(),
    )


def features(seed=0, dim=6):
    chance = np.random.default_rng(seed)
    middles = np.random.default_rng(9).normal(size=(3, dim)) * 9
    return (middles[CLASSES] + chance.normal(size=(60, dim))).astype(np.float32)


def written(folder, array=None, **about):
    write_features(folder, {"output": features() if array is None else array}, rows_of())
    (folder / "about.json").write_text(json.dumps({"items": {"count": 60, "digest": "ab" * 16}} | about))
    return folder


def test_clusters_of_clear_classes_are_found_told_and_written(tmp_path, capsys):
    scores = cluster_features(written(tmp_path / "f"), clusters=3, components=4, device="cpu", start="k-means++")
    assert scores.numbers["NMI"] == scores.numbers["ACC"] == scores.numbers["ARI"] == pytest.approx(1)
    assert scores.numbers["used"] == 3 and scores.numbers["largest"] == 20 and scores.numbers["NMI permuted"] < 0.3
    told = capsys.readouterr().out
    assert "pass 1 of 26" in told and "objective" in told and "ACC" in told and "labels.safetensors" in told
    table = parquet.read_table(tmp_path / "f" / "clusters" / "clusters.parquet").to_pydict()
    tensors = load_file(tmp_path / "f" / "clusters" / "clusters.safetensors")
    assert table["cluster"] == tensors["labels"].tolist() and table["path"][7] == "7.png"
    assert sum(table["distance"]) == pytest.approx(scores.numbers["objective"])
    assert tensors["axes"].shape == (6, 4) and tensors["centres"].shape == (3, 4)


@pytest.mark.parametrize("components", [None, 4])
def test_centres_used_again_label_as_before_and_label_other_rows_without_fitting(tmp_path, components):
    cluster_features(written(tmp_path / "f"), clusters=3, components=components, unit=False, device="cpu")
    before = load_file(tmp_path / "f" / "clusters" / "clusters.safetensors")
    for name, array in (("same", features()), ("other", np.roll(features(seed=5), 1, axis=0) * 2)):
        folder = written(tmp_path / name, array)
        cluster_features(folder, centres=tmp_path / "f" / "clusters", device="cpu")
        after = load_file(folder / "clusters" / "clusters.safetensors")
        assert all(np.array_equal(before[key], after[key]) for key in before.keys() - {"labels"})
        assert np.array_equal(before["labels"], after["labels"]) == (name == "same")
        white = (array - before["mean"]) @ before["axes"] * before["scale"] if components else array
        far = ((white[:, None] - before["centres"][None]) ** 2).sum(2)
        assert np.array_equal(far.argmin(1), after["labels"])


def test_features_of_another_length_are_refused_in_one_line(tmp_path):
    cluster_features(written(tmp_path / "f"), clusters=3, device="cpu")
    other = written(tmp_path / "other", features(dim=9))
    with pytest.raises(ConfigError, match=r"other: clusters were made of rows of 6 numbers, and these have 9 \(.*\)$"):
        cluster_features(other, centres=tmp_path / "f" / "clusters", device="cpu")


def test_what_cannot_be_clustered_is_refused_in_one_line(tmp_path, monkeypatch):
    folder = written(tmp_path / "f")
    with pytest.raises(ConfigError, match="60 rows cannot make 61 clusters; set clusters lower"):
        cluster_features(folder, clusters=61, device="cpu")
    with pytest.raises(ConfigError, match="does not exist"):
        cluster_features(folder, centres=tmp_path / "none.safetensors", device="cpu")
    save_file({"centres": np.zeros((3, 6), np.float32)}, tmp_path / "bare.safetensors")
    with pytest.raises(ConfigError, match="holds no clusters as `python tools"):
        cluster_features(folder, centres=tmp_path / "bare.safetensors", device="cpu")
    broken = features()
    broken[3, 1] = np.nan
    with pytest.raises(ConfigError, match="row 3 is not finite"):
        cluster_features(written(tmp_path / "nan", broken), device="cpu")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="one process"):
        cluster_features(folder, device="cpu")


@pytest.mark.parametrize("change", ["axes", "centres", "mean"])
def test_a_file_of_clusters_whose_parts_do_not_fit_is_refused(tmp_path, change):
    cluster_features(written(tmp_path / "f"), clusters=3, device="cpu")
    path = tmp_path / "f" / "clusters" / "clusters.safetensors"
    tensors = load_file(path)
    settings = {"clusters": json.dumps({"dim": 6, "unit": True, "spherical": False})}
    save_file(tensors | {change: tensors[change][..., :-1].copy()}, path, metadata=settings)
    with pytest.raises(ConfigError, match="holds no clusters"):
        read_clusters(path)
    save_file(tensors | {change: np.full_like(tensors[change], np.inf)}, path, metadata=settings)
    with pytest.raises(ConfigError, match="not finite"):
        read_clusters(path)


def test_an_item_of_several_clips_has_the_label_of_most_of_them():
    items, labels = np.array([3, 3, 3, 0, 0, 2, 2, 2]), np.array([1, 4, 4, 7, 2, 0, 5, 0])
    assert majorities(items, labels, 5).tolist() == [2, -1, 0, 4, -1]


def test_labels_are_read_by_relabelled_for_the_data_that_features_were_of_and_for_no_other(tmp_path, capsys):
    for number in range(6):
        noise = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        (tmp_path / "pictures").mkdir(exist_ok=True)
        Image.fromarray(noise).save(tmp_path / "pictures" / f"{number}.png")
    torch.save(SmallNet(width=4, dim=8).trunk.state_dict(), tmp_path / "net.pth")
    net = {"weights": tmp_path / "net.pth", "encoder": SmallNet(width=4, dim=8), "device": "cpu"}
    folder = extract_features(Pictures(tmp_path / "pictures"), **net, out=tmp_path / "f")
    cluster_features(folder, clusters=2, components=2, device="cpu", out=tmp_path / "c")
    labels = load_file(tmp_path / "c" / "clusters.safetensors")["labels"]
    data = Relabelled(Pictures(tmp_path / "pictures"), tmp_path / "c" / "labels.safetensors")
    assert [data[0, place]["label"] for place in range(6)] == labels.tolist()
    (tmp_path / "pictures" / "0.png").rename(tmp_path / "pictures" / "x.png")
    with pytest.raises(ValueError, match="other items"):
        Relabelled(Pictures(tmp_path / "pictures"), tmp_path / "c" / "labels.safetensors")
    (folder / "about.json").unlink()
    capsys.readouterr()
    cluster_features(folder, clusters=2, components=2, device="cpu", out=tmp_path / "d")
    assert "No labels.safetensors" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "d").iterdir()} == {"clusters.safetensors", "clusters.parquet"}
