"""Hypercolumns: columns and losses are those of loops, colours are drawn as the paper says, and form tells colour."""

import math

import numpy as np
import pytest
import torch

from avssl.methods import HypercolumnColorization
from avssl.methods.inputs import pictures_of
from avssl.methods.pretext import hypercolumns
from avssl.methods.pretext.hypercolumns import CHROMA, centres, mean_hue, median, polar
from avssl.nets import SmallNet
from avssl.nets.columns import grey_and_lab, sample_at
from avssl.transforms import Draws
from avssl.transforms.lab import lab_from_rgb, rgb_from_lab


def method(**settings):
    torch.manual_seed(0)
    return HypercolumnColorization(SmallNet(dim=8, width=4), **{"hidden": 32, "points": 16, **settings})


def batch_of(pictures, epoch=0):
    key = torch.stack([torch.tensor([0, epoch, number]) for number in range(len(pictures))])
    return {"frames": pictures[:, None, None], "key": key}


def striped(count, rng, told=True):
    """Return stripes, lying in red and standing in blue; where colour is not told, it is tossed."""
    lying = rng.random(count) < 0.5
    red = lying if told else rng.random(count) < 0.5
    wave = 110 + 60 * np.sign(np.sin(np.arange(16) * math.pi / 2 + 0.1))
    light = np.where(lying[:, None, None], wave[:, None], wave[None])
    lab = np.stack([light / 2.55, np.full_like(light, 0), np.full_like(light, 0)], 1)
    lab[:, 1:] = np.where(red[:, None], [35, 15], [0, -35])[..., None, None]
    return (rgb_from_lab(torch.from_numpy(lab).float()) * 255).round().byte()


def test_columns_are_those_of_a_loop_between_cells():
    torch.manual_seed(0)
    maps = [torch.randn(2, 3, 4, 5), torch.randn(2, 2, 2, 2), torch.randn(2, 6)]
    points = torch.rand(2, 30, 2) * 2 - 1
    found = sample_at(maps, points)
    for number in range(2):
        for place, (x, y) in enumerate(points[number].tolist()):
            column = [slow(each[number], x, y) for each in maps[:2]] + [maps[2][number]]
            assert torch.allclose(found[number, place], torch.cat(column), atol=1e-5)


def slow(cells, x, y):
    height, width = cells.shape[-2:]
    across, down = (x + 1) / 2 * width - 0.5, (y + 1) / 2 * height - 0.5
    value = torch.zeros(len(cells))
    for row in (math.floor(down), math.floor(down) + 1):
        for column in (math.floor(across), math.floor(across) + 1):
            share = (1 - abs(down - row)) * (1 - abs(across - column))
            value += share * cells[:, min(max(row, 0), height - 1), min(max(column, 0), width - 1)]
    return value


def test_a_picture_s_own_pixels_are_gathered_as_they_are():
    picture = torch.rand(1, 3, 5, 7)
    found = sample_at([picture], centres(torch.arange(35)[None], 5, 7))
    assert torch.allclose(found[0].T.reshape(3, 5, 7), picture[0], atol=1e-6)


def test_an_undecided_head_pays_log_32_for_each_and_hue_by_chroma():
    undecided = method()
    for parameter in undecided.head[-1].parameters():
        torch.nn.init.zeros_(parameter)
    batch = batch_of(striped(8, np.random.default_rng(0)))
    found = undecided(batch)
    assert found["chroma_loss"].item() == pytest.approx(math.log(32), rel=1e-5)
    assert found["hue_loss"].item() == pytest.approx(math.log(32), rel=1e-5)
    grey = rgb_from_lab(torch.rand(4, 1, 16, 16) * torch.tensor([100.0, 0, 0])[:, None, None])
    found = undecided(batch_of((grey * 255).round().byte()))
    assert found["loss"].item() == pytest.approx(math.log(32), rel=2e-3)  # hue costs nothing where there is none


def test_the_loss_is_that_of_a_slow_writing():
    fast = method(hue_weight=3).eval()
    batch = batch_of(striped(3, np.random.default_rng(0)))
    pictures, key = pictures_of(batch)
    places = Draws(key).integers(16, low=0, high=255)
    total = 0.0
    for picture, chosen in zip(pictures, places.tolist(), strict=True):
        lab = lab_from_rgb(picture)
        plain = lab * torch.tensor([1.0, 0, 0])[:, None, None]
        maps = fast.maps(rgb_from_lab(plain)[None])
        for place in chosen:
            row, column = divmod(place, 16)
            a, b = lab[1:, row, column].tolist()
            point = torch.tensor([[[(column + 0.5) / 8 - 1, (row + 0.5) / 8 - 1]]])
            hues, chromas = fast.scores(maps, point)
            chroma = math.hypot(a, b) / CHROMA
            hue = math.atan2(b, a) / (2 * math.pi) % 1
            truth = [float(number == int(chroma * 32)) for number in range(32)]
            total += divergence_of(truth, chromas[0, 0])
            truth = [float(number == int(hue * 32)) for number in range(32)]
            total += 3 * chroma * divergence_of(truth, hues[0, 0])
    assert fast(batch)["loss"].item() == pytest.approx(total / 48, rel=1e-4)


def divergence_of(truth, scores):
    found = scores.softmax(0).tolist()
    return sum(share * math.log(share / other) for share, other in zip(truth, found, strict=True) if share)


def test_no_colour_of_a_screen_has_more_chroma_than_the_largest():
    edge = torch.linspace(0, 1, 33)
    cube = torch.stack(torch.meshgrid(edge, edge, edge, indexing="ij")).flatten(2)
    reach = lab_from_rgb(cube)[1:].norm(dim=0).max().item()
    assert CHROMA - 1 < reach <= CHROMA
    hue, chroma = polar(torch.tensor([[50.0, 0], [0, 50], [-50, -1e-6], [0, -134], [0, 0]]))
    assert hue.tolist() == pytest.approx([0, 0.25, 0.5, 0.75, 0], abs=1e-5)
    assert chroma.tolist() == pytest.approx([50 / 134] * 3 + [1, 0])


def test_medians_and_mean_hues_are_known_ones():
    even, sure, split = torch.full((32,), 1 / 32), torch.eye(32)[5], torch.zeros(32)
    split[[2, 20]] = torch.tensor([0.6, 0.4])
    assert median(torch.stack([even, sure, split])).tolist() == pytest.approx([0.5, 5.5 / 32, (2 + 5 / 6) / 32])
    assert mean_hue(even).norm().item() == pytest.approx(0, abs=1e-6)
    assert mean_hue(torch.eye(32)[8]).tolist() == pytest.approx(
        [math.cos(8.5 / 16 * math.pi), math.sin(8.5 / 16 * math.pi)]
    )
    beside = torch.zeros(32)
    beside[[0, 31]] = 0.5  # two hues beside each other, at both ends of the bins
    assert mean_hue(beside).tolist() == pytest.approx([math.cos(math.pi / 32), 0], abs=1e-6)


def test_chroma_fades_where_hues_cancel_and_nowhere_without_fading():
    hues, chromas = torch.full((2, 32), -30.0), torch.full((2, 32), -30.0)
    chromas[:, 16] = 30
    hues[0, 3], hues[1, [3, 19]] = 30, torch.tensor([30.0, 30.0 + 0.02])  # the second is undecided between opposites
    vivid, faded = method().drawn(hues, chromas).norm(dim=1).tolist()
    assert vivid == pytest.approx(16.5 / 32 * CHROMA, rel=1e-3)
    assert faded == pytest.approx(vivid * math.tanh(0.01) / 0.03, rel=1e-2)
    assert method(fading=0).drawn(hues, chromas).norm(dim=1).tolist() == pytest.approx([vivid] * 2, rel=1e-3)


def learned(told, steps=60):
    rng = np.random.default_rng(0)
    painter = method()
    optimizer = torch.optim.AdamW(painter.parameters(), lr=1e-2)
    for step in range(steps):
        painter(batch_of(striped(32, rng, told), step))["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
    painter.eval()
    with torch.no_grad():
        return painter, painter(batch_of(striped(256, np.random.default_rng(1), told)))


def test_colour_is_learned_from_form_and_where_it_is_tossed_costs_its_entropy():
    painter, scores = learned(told=True)
    assert scores["hue_loss"] < 0.1 and scores["error"] < 0.3 * scores["grey_error"]
    pictures = striped(8, np.random.default_rng(2)).float() / 255
    drawn = painter.colorize(pictures)
    plain = pictures.mean(1, keepdim=True)
    assert (drawn - pictures).abs().mean() < 0.5 * (plain - pictures).abs().mean()
    assert learned(told=False)[1]["hue_loss"].item() > 0.9 * math.log(2)


def test_whole_pictures_are_drawn_in_parts_as_at_once(monkeypatch):
    painter, pictures = method().eval(), torch.rand(2, 3, 9, 13) * 0.2 + 0.4
    once = painter.colorize(pictures)
    monkeypatch.setattr(hypercolumns, "CHUNK", 14)
    assert torch.allclose(painter.colorize(pictures), once, atol=1e-5)


def test_true_colours_are_as_exact_under_half_precision():
    pictures = torch.rand(2, 3, 8, 8)
    grey, lab = grey_and_lab(pictures)
    with torch.autocast("cpu", torch.bfloat16):
        for found, expected in zip(grey_and_lab(pictures), (grey, lab), strict=True):
            assert found.dtype == torch.float32 and torch.equal(found, expected)
        loss = method()(batch_of(striped(4, np.random.default_rng(0))))["loss"]
    loss.backward()
    assert loss.dtype == torch.float32


def test_pixels_depend_on_the_key_alone():
    painter, pictures = method().eval(), striped(4, np.random.default_rng(0))
    with torch.no_grad():
        first, again, other = (painter(batch_of(pictures, epoch))["loss"].item() for epoch in (0, 0, 1))
    assert first == again and first != other


@pytest.mark.parametrize("size", [(7, 9), (33, 20)])
def test_drawn_pictures_keep_size_and_lightness_and_do_not_see_colour(size):
    painter = method().eval()
    pictures = torch.rand(2, 3, *size) * 0.2 + 0.4
    drawn = painter.colorize(pictures)
    assert drawn.shape == pictures.shape
    grey = lab_from_rgb(pictures)
    grey[:, 1:] = 0
    assert torch.allclose(painter.colorize(rgb_from_lab(grey)), drawn, atol=0.02)
    assert (lab_from_rgb(drawn)[:, 0] - lab_from_rgb(pictures)[:, 0]).abs().mean() < 1


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match=r"fading in \[0, 1\]; got hidden=32, points=0, hue_weight=5.0"):
        method(points=0)
    with pytest.raises(ValueError, match="has no layer 'conv9'"):
        method(layers=["conv9"])
