"""Clusters as classes: a head that knows, beside what k-means finds, random weights, pixels and chance."""

import pytest
import torch

from avssl.config import ConfigError
from avssl.evaluation import Clusters
from avssl.nets import Classifier, Encoder, SmallNet
from tests.evaluation.probes.worlds import Tagged
from tests.evaluation.retrieval.worlds import Colors

SMALL = {"seeds": 2, "initialisations": 2, "quiet": True}


class Light(Encoder):
    """The mean of each colour."""

    def __init__(self):
        trunk = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.BatchNorm1d(3))
        super().__init__(trunk, 3, {"mean": "1"}, mean=(0.0,) * 3, std=(1.0,) * 3)


def knowing(count=3, order=(2, 0, 1)):
    """Return a head that tells colours apart by as many clusters, in another order than classes."""
    made = Classifier(Light(), [f"cluster {number}" for number in range(count)]).eval()
    with torch.no_grad():
        made.trunk.logits.weight.zero_()
        made.trunk.logits.bias.zero_()
        for cluster, colour in enumerate(order):
            made.trunk.logits.weight[cluster, colour] = 50
    return made


def scored(encoder, folder=None, **settings):
    data = {"val": Colors(count=12), "test": Colors(count=18, first=12)}
    return Clusters(**({"data": data} | SMALL | settings))(encoder, folder=folder)


def test_a_head_that_knows_the_classes_is_right_whatever_its_clusters_are_called(tmp_path):
    scores = scored(knowing(), tmp_path)
    for name in ("val", "test"):
        for measure in ("ACC", "NMI", "ARI"):
            assert scores.numbers[f"trained/{name}/head/{measure}"] == pytest.approx(1)
        assert scores.numbers[f"trained/{name}/k-means/ACC"] == pytest.approx(1)
        assert 1 / 3 <= scores.numbers[f"chance/{name}/ACC"] < 0.8 and scores.numbers[f"chance/{name}/ARI"] < 0.5
    assert {row["row"] for row in scores.table} == {"random", "trained", "pixels", "hog", "chance"}
    assert {row["clusters"] for row in scores.table if row["row"] == "random"} == {"head", "k-means"}
    sizes = [row for row in scores.tables["clusters"] if row["data"] == "test"]
    assert [(row["items"], row["commonest"], row["share"]) for row in sizes] == [
        (6, "blue", 1.0), (6, "red", 1.0), (6, "green", 1.0)
    ]  # fmt: skip
    assert any("test: 3 clusters are used; the largest has 33.3 %" in note for note in scores.notes)
    again = scored(knowing(), tmp_path)  # from what is kept
    assert again.numbers == scores.numbers


def test_more_clusters_than_classes_are_told_many_to_one():
    made = knowing(6, order=(2, 0, 1))
    with torch.no_grad():  # the dark half of the greens has a cluster of its own
        made.trunk.logits.weight[3, 1], made.trunk.logits.bias[3] = 45, 0.5
    scores = scored(made)
    assert scores.numbers["trained/test/head/ACC"] <= 1 and scores.numbers["trained/test/k-means/many-to-one"] > 0.9


def test_an_encoder_without_a_head_is_asked_by_kmeans_alone():
    torch.manual_seed(0)
    scores = scored(SmallNet(dim=8, width=2).eval())
    assert "trained/val/k-means/ACC" in scores.numbers and not any("/head/" in name for name in scores.numbers)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (Colors(count=12, labels=False), "12 of the 12 val rows have no class"),
        (Tagged(12), "val: clusters are compared with one class an item, and these items may have several"),
        (Colors(count=2), "2 items cannot make 3 clusters; give more data"),
    ],
)
def test_data_that_cannot_be_asked_are_refused_in_one_line(data, said):
    with pytest.raises(ConfigError, match=said) as found:
        scored(knowing(), data={"val": data})
    assert "\n" not in str(found.value)


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="needs data, seeds and initialisations of at least 1; got 0, 3, 3"):
        Clusters({})
