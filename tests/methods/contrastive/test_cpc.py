"""CPC of pictures: its grid, its masked context, its loss, the traps, and what it can learn."""

import math

import pytest
import torch
from every import SIDE, views
from torch import nn

from avssl.config import ConfigError
from avssl.methods import CPC
from avssl.methods.contrastive.cpc_grid import Context, cut_grid
from avssl.nets import SmallClips, SmallNet

GRID = {"grid": 4, "patch": 10, "stride": 6, "steps": 2, "hidden": 8, "blocks": 2}


def made(norm="group", **settings):
    torch.manual_seed(0)
    return CPC(SmallNet(dim=8, width=2, norm=norm), **GRID | settings)


def slow(method, features):
    """Return the loss by loops over directions, distances, pictures, anchors and candidates."""
    count, _, rows, columns = features.shape
    targets = method.target(features)
    means = []
    for upwards, context, maps in zip((False, True), method.contexts, method.predict, strict=False):
        summed = context(features.flip(2)).flip(2) if upwards else context(features)
        for number, predict in enumerate(maps):
            far, losses = method.skip + 1 + number, []
            for picture in range(count):
                for row in range(rows):
                    below = row - far if upwards else row + far
                    for column in range(columns) if 0 <= below < rows else ():
                        asked = predict.weight[:, :, 0, 0] @ summed[picture, :, row, column] * method.scale
                        logits = [
                            float(asked @ targets[other, :, place // columns, place % columns])
                            for other in range(count)
                            for place in range(rows * columns)
                        ]
                        own = logits[(picture * rows + below) * columns + column]
                        losses.append(math.log(sum(map(math.exp, logits))) - own)
            means.append(sum(losses) / len(losses))
    return sum(means) / len(means)


@pytest.mark.parametrize("settings", [{}, {"both": True, "dim": 6, "scale": 0.1}, {"skip": 0, "steps": 3}])
def test_the_loss_is_the_mean_over_distances_of_the_papers_sum(settings):
    method, pictures = made(**settings).eval(), torch.rand(3, 3, 28, 28)
    with torch.no_grad():
        features = method.encode(cut_grid(pictures, 4, 10, 6))
        assert math.isclose(method(pictures)["loss"].item(), slow(method, features), rel_tol=1e-5)


def test_patches_are_those_of_a_grid_in_the_middle():
    pictures = torch.rand(2, 3, 32, 30)
    patches = cut_grid(pictures, 4, 10, 6)
    assert patches.shape == (2, 16, 3, 10, 10)
    for number in range(16):
        top, left = 2 + 6 * (number // 4), 1 + 6 * (number % 4)
        assert patches[:, number].equal(pictures[..., top : top + 10, left : left + 10])


def test_context_never_sees_rows_below_and_sees_all_above():
    torch.manual_seed(0)
    context, features = Context(dim=6, hidden=8, blocks=5).eval(), torch.randn(1, 6, 5, 5)
    whole = context(features)
    for row in range(5):
        below = features.clone()
        below[:, :, row + 1 :] += 1
        assert context(below)[:, :, : row + 1].equal(whole[:, :, : row + 1])
        above = features.clone()
        above[:, :, :1] += 1
        assert (context(above) != whole)[:, :, row].any()


@pytest.mark.parametrize("both", [False, True])
def test_with_an_identity_as_map_what_is_seen_is_what_is_predicted(both):
    method = made(both=both)
    for way, maps in enumerate(method.predict):
        method.contexts[way] = nn.Identity()
        for predict in maps:
            nn.init.dirac_(predict.weight)
    features = torch.randn(2, 8, 4, 4)
    cells = features.flatten(2).transpose(1, 2)
    for number, (predicted, places) in enumerate(method.predictions(features)):
        far = 4 * (method.skip + 1 + number % 2) * (-1 if number > 1 else 1)
        assert ((places - far >= 0) & (places - far < 16)).all()
        assert predicted.equal(cells[:, places - far])


@pytest.mark.parametrize(("patch", "stride", "skip"), [(64, 32, 1), (80, 36, 2), (10, 6, 1), (8, 8, 0), (12, 4, 2)])
def test_rows_that_share_pixels_are_skipped(patch, stride, skip):
    method = CPC(SmallNet(dim=8, width=2, norm="group"), 7, patch, stride, steps=1, hidden=4, blocks=1)
    assert method.skip == skip and skip * stride < patch <= (skip + 1) * stride


def answers(method, pictures):
    """Return predictions of the last row of a grid from the first, in training."""
    return method.train().predictions(method.encode(cut_grid(pictures, 4, 10, 6)))[-1][0][:, :4]


def test_no_prediction_knows_what_it_is_asked_for_unless_batch_normalisation_tells():
    pictures = torch.rand(3, 3, 28, 28)
    other = pictures.clone()
    other[0, :, 18:] = torch.rand(3, 10, 28)  # the last row of the first picture's patches, and of no other's
    assert answers(made(), pictures).equal(answers(made(), other))
    seen, told = answers(made("batch"), pictures), answers(made("batch"), other)
    assert not torch.allclose(seen[0], told[0], atol=1e-4) and not torch.allclose(seen[1], told[1], atol=1e-4)


def test_an_encoder_with_batch_normalisation_is_said_when_a_run_starts():
    assert len(made().facts()) == 1 and "rows 2 to 3 below" in made().facts()[0]
    assert "SmallNet has batch normalisation" in made("batch").facts()[1]


def test_views_are_of_the_whole_picture_by_its_key_and_of_each_patch():
    pictures, key = torch.rand(3, 3, SIDE + 4, SIDE + 4), torch.tensor([[0, 0, index] for index in range(3)])
    recipe = views(size=28)[0]
    for method in (made(views=recipe), made(patch_views=recipe[2:])):
        batch = {"frames": pictures, "key": key}
        assert method(batch)["loss"].equal(method(batch)["loss"])
        assert not method(batch)["loss"].equal(method(batch | {"key": key + 1})["loss"])
        assert method.eval()(batch)["loss"].equal(method(batch | {"key": key + 1})["loss"])  # the look of evaluation


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"steps": 3}, "3 distances beyond 1 rows that are skipped need a grid of at least 5 rows; got 4"),
        ({"skip": -1}, "beyond -1 rows"),
        ({"dim": 0}, "dim=0"),
        ({"scale": 0.0}, r"scale=0\.0"),
        ({"stride": 0}, "stride=0"),
    ],
)
def test_grids_that_cannot_be_are_refused_in_one_line(settings, said):
    with pytest.raises(ValueError, match=said) as caught:
        made(**settings)
    assert "\n" not in str(caught.value)


def test_pictures_smaller_than_the_grid_and_encoders_of_clips_are_refused_in_one_line():
    with pytest.raises(
        ValueError, match=r"^a grid of 4 x 4 patches of 10 px, 6 px apart, .* 28 x 28 px; got 28 x 27; "
    ):
        made()(torch.rand(2, 3, 28, 27))
    with pytest.raises(ConfigError, match=r"^CPC needs an encoder of pictures"):
        CPC(SmallClips())


def scenes(step, cue):
    """Return pictures of one colour each, brighter to the right and downwards; without the cue, noise."""
    chance = torch.Generator().manual_seed(step)
    if not cue:
        return torch.rand(8, 3, 28, 28, generator=chance)
    ramp = torch.linspace(0, 1, 28)
    colour = torch.rand(8, 1, 1, generator=chance).expand(-1, 28, 28)
    return torch.stack([colour, ramp.expand(8, 28, -1), ramp[:, None].expand(8, -1, 28)], 1)


def test_rows_that_follow_from_those_above_are_learned_and_noise_stays_at_chance():
    found = []
    for cue in (True, False):
        torch.manual_seed(0)
        method = CPC(SmallNet(dim=16, width=4, norm="group"), **GRID | {"hidden": 16})
        optimizer = torch.optim.Adam(method.parameters(), lr=3e-3)
        for step in range(30):
            loss = method(scenes(step, cue))["loss"]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        found.append(method.eval()(scenes(99, cue)))
    assert found[0]["accuracy"] > 0.08 and found[0]["loss"] < 3.2  # chance 1 / 128
    assert found[1]["accuracy"] < 0.05 and found[1]["loss"] > math.log(128) - 0.1
