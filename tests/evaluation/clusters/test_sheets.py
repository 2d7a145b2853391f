"""The page of clusters: what it shows, that it stays small, that clips and sounds play, and when there is none."""

import base64
import io
import json
import re
import wave

import numpy as np
import pytest
import torch
from PIL import Image

from avssl.config import ConfigError
from avssl.data import Pictures
from avssl.data.base import Dataset, split_key
from avssl.evaluation.clusters.command import cluster_features
from avssl.evaluation.clusters.evaluator import ClusterSheets, grouped, rows_of
from avssl.evaluation.clusters.groups import Groups
from avssl.evaluation.clusters.members import FRAMES, SIDE
from avssl.evaluation.clusters.sheets import page_of
from avssl.features.command import extract_features
from avssl.features.rows import Recipe
from avssl.methods.base import Clustered, Method
from avssl.nets import SmallNet


class Shades(Dataset):
    """Items of one grey each, with frames and sounds where asked; those of one number are lost."""

    def __init__(self, count=40, frames=1, sound=False, lost=-1, side=12):
        self.count, self.frames, self.sound, self.lost, self.side = count, frames, sound, lost, side
        self.classes, self.asked = ["dark", "light <b>"], []

    def __len__(self):
        return self.count

    def __getitem__(self, key):
        _, index = split_key(key, len(self))
        self.asked.append(index)
        if index == self.lost:
            return {"failure": {"path": "lost.png", "error": "the disk is gone"}}
        frames = torch.full((1, self.frames, 3, self.side, self.side), index % 156, dtype=torch.uint8)
        frames[0] += 100 * torch.arange(self.frames, dtype=torch.uint8)[:, None, None, None]
        item = {"frames": frames, "valid": torch.ones(1, self.frames, dtype=torch.bool)}
        item |= {"times": torch.arange(self.frames, dtype=torch.float64)[None], "label": index % 2}
        item |= {"path": f"{index}.png", "key": torch.tensor([0, 0, index])}
        if self.sound:
            item |= {"sound": torch.full((1, 2, 32000), index / 64), "sound_rate": 16000}
        return item


def rows(count, label=None):
    about = [
        {
            "item": index,
            "label": index % 2 if label is None else label,
            "start": 0.0,
            "end": 9.0,
            "path": f"{index}.png",
        }
        for index in range(count)
    ]
    return rows_of(about, ("dark", "light <b>"))


def groups(count, clusters):
    vectors = np.random.default_rng(0).normal(size=(count, 4)).astype(np.float32)
    return grouped(vectors, np.arange(count) % clusters, clusters)


def sprites(page):
    found = re.findall(r"--sprite: url\(data:image/(\w+);base64,([^)]+)\)", page)
    return [(kind, np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))) for kind, text in found]


def test_a_sheet_holds_the_members_that_it_names_in_their_places():
    data, made = Shades(), groups(40, 2)
    page = page_of(made, rows(40), data, Recipe(), "shades", sheets=4)
    pictures = sprites(page)
    assert len(pictures) == 2 and all(kind == "png" for kind, _ in pictures)
    for cluster, (_, picture) in zip(re.findall(r'id="c(\d+)"', page), pictures, strict=True):
        assert picture.shape == (18 * 12, 12, 3)
        order = made.members(int(cluster)).tolist()
        assert picture[::12, 0, 0][:12].tolist() == order[:6] + order[:-7:-1]  # the nearest, then the farthest
        assert set(picture[12 * 12 :: 12, 0, 0].tolist()) <= set(order[6:-6])
    assert sorted(data.asked) == sorted(set(data.asked))  # each item is read once
    assert "100 % dark" in page and "light &lt;b&gt;" in page and "light <b>" not in page
    assert 'cell odd"' not in page  # clusters are pure here
    assert "<script" not in page and "http" not in page  # nothing from elsewhere


def test_members_of_another_class_than_the_commonest_are_framed():
    page = page_of(groups(41, 1), rows(41), Shades(41), Recipe(), "shades")
    assert len(re.findall('cell odd"', page)) + len(re.findall('class="cell"', page)) == 18
    assert "51 % dark, 49 % light" in page and len(re.findall('cell odd"', page)) == len(
        re.findall("<span>light", page)
    )


def test_clips_play_and_sounds_play():
    data = Shades(20, frames=2, sound=True, side=80)
    page = page_of(groups(20, 2), rows(20), data, Recipe(), "clips")
    (kind, picture), _ = sprites(page)
    assert kind == "jpeg" and picture.shape == (10 * SIDE, 2 * SIDE, 3)
    assert np.abs(picture[::SIDE, SIDE, 0].astype(int) - picture[::SIDE, 0, 0] - 100).max() <= 4  # the second frame
    assert page.count('sheet moves"') == 2 and "--frames: 2" in page and "Clips play" in page
    sounds = re.findall(r'data-sound="data:audio/wav;base64,([^"]+)"', page)
    assert len(sounds) == 20
    with wave.open(io.BytesIO(base64.b64decode(sounds[0]))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (8000, 1, 16000)
    assert "new Audio" in page
    long = page_of(groups(4, 2), rows(4), Shades(4, frames=30), Recipe(), "long")
    assert all(picture.shape[1] == FRAMES * 12 for _, picture in sprites(long))


def test_two_thousand_clusters_make_a_light_page_that_says_what_it_leaves_out():
    data, labels = Shades(6000), np.arange(6000) % 2001
    made = Groups(labels=labels, distances=np.arange(6000.0), centres=np.zeros((2500, 3)))
    page = page_of(made, rows(6000, label=-1), data, Recipe(), "many", sheets=9)
    assert len(page) < 1_000_000 and len(re.findall(r'id="c\d+"', page)) == 9 and page.count("<circle") == 2000
    assert "6,000 rows in 2,001 of 2,500 clusters. Sheets of 9 are below; the map has the 2,000 largest." in page
    assert "The tightest" in page and "The loosest" in page and len(data.asked) <= 9 * 18


def test_an_item_that_is_lost_is_grey_and_says_why():
    page = page_of(groups(12, 1), rows(12), Shades(12, lost=5), Recipe(), "shades")
    assert "the disk is gone" in page


class Toy(Method):
    """Puts items in clusters by how light they are."""

    def __init__(self, clusters=4):
        super().__init__()
        self.clusters = clusters

    def forward(self, batch):
        return {}

    def clusters_of(self, batch):
        light = batch["frames"].float().mean((1, 2, 3, 4, 5))[:, None]
        return Clustered(light, (light[:, 0] // 10).long(), self.clusters)


def test_a_method_that_has_clusters_gets_a_page_and_scores_and_no_other():
    scores = ClusterSheets(Shades(40, lost=3), batch=7)(Toy(5), lambda seed: Toy())
    assert scores.numbers["used"] == 4 and scores.numbers["clusters"] == 5 and scores.numbers["largest"] == 10
    assert scores.numbers["rows"] == 39 and "1 items could not be read." in scores.notes
    assert scores.numbers["objective"] == pytest.approx(3 * 82.5 + 80)  # of 0 to 9, and without 3
    assert "Toy, items of its data" in scores.pages["clusters"] and scores.numbers["ACC"] < 0.6
    few = ClusterSheets(Shades(40), items=8)(Toy(), lambda seed: Toy())
    assert few.numbers["rows"] == 8
    other = Toy()
    other.clusters_of = lambda batch: None
    with pytest.raises(ConfigError, match=r"Toy puts items in no clusters; for any encoder: tools/extract\.py"):
        ClusterSheets(Shades())(other, lambda seed: Toy())
    with pytest.raises(ConfigError, match="none of 1 items could be read"):
        ClusterSheets(Shades(1, lost=0))(Toy(), lambda seed: Toy())


@pytest.fixture
def extracted(tmp_path):
    (tmp_path / "pictures").mkdir()
    for number in range(8):
        noise = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / "pictures" / f"{number}.png")
    torch.save(SmallNet(width=4, dim=8).trunk.state_dict(), tmp_path / "net.pth")
    net = {"weights": tmp_path / "net.pth", "encoder": SmallNet(width=4, dim=8), "device": "cpu"}
    return extract_features(Pictures(tmp_path / "pictures"), **net, crop=(8, 12), out=tmp_path / "f")


def test_features_that_know_their_data_get_a_page(extracted, tmp_path, capsys):
    cluster_features(extracted, clusters=2, components=2, device="cpu")
    page = (extracted / "clusters" / "clusters.html").read_text()
    assert "8 rows in 2 of 2 clusters" in page and "open it in a browser" in capsys.readouterr().out
    assert {picture.shape[1] for _, picture in sprites(page)} == {12}  # cropped as the encoder saw them
    cluster_features(extracted, clusters=2, components=2, device="cpu", page=False, out=tmp_path / "c")
    assert not (tmp_path / "c" / "clusters.html").exists() and (tmp_path / "c" / "clusters.parquet").exists()


@pytest.mark.parametrize("change", ["gone", "other", "foreign", "recipe", "nothing"])
def test_where_the_data_is_not_known_clusters_are_written_and_a_line_says_why_there_is_no_page(
    extracted, capsys, change
):
    about = json.loads((extracted / "about.json").read_text())
    folder = extracted.parent / "pictures"
    why = {
        "gone": "does not exist",
        "other": "the data holds other items than when features were taken",
        "foreign": "trust=evil",
        "recipe": "recipe is none of avssl's",
        "nothing": "do not say which data they are of",
    }[change]
    if change == "gone":
        folder.rename(folder.with_name("moved"))
    elif change == "other":
        (folder / "0.png").rename(folder / "x.png")
    elif change == "foreign":
        about["data"] = {"name": "evil.Data"}
    elif change == "recipe":
        about["recipe"] = {"units": 3}
    else:
        del about["data"]
    (extracted / "about.json").write_text(json.dumps(about))
    cluster_features(extracted, clusters=2, components=2, device="cpu")
    told = capsys.readouterr().out
    assert "No clusters.html: " in told and why in told
    assert (
        not (extracted / "clusters" / "clusters.html").exists()
        and (extracted / "clusters" / "clusters.parquet").exists()
    )
