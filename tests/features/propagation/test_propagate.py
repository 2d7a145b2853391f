"""Propagation against loops over cells, and what must hold whatever the features are."""

import math
import sys
import weakref
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from avssl.config import ConfigError
from avssl.features.propagation import search
from avssl.features.propagation.propagate import propagate
from avssl.features.propagation.search import largest, neighbours
from avssl.features.propagation.settings import OWN, PRESETS, Propagation, preset_of
from avssl.features.propagation.tiles import Reach, tiles

FRAMES, CHANNELS, LABELS, HEIGHT, WIDTH = 8, 6, 3, 5, 7


def film(frames=FRAMES, channels=CHANNELS, height=HEIGHT, width=WIDTH, seed=0):
    return torch.randn(frames, channels, height, width, generator=torch.Generator().manual_seed(seed)).half().float()


def given(height=HEIGHT, width=WIDTH, labels=LABELS, seed=1):
    chance = torch.Generator().manual_seed(seed)
    return torch.rand(labels, height, width, generator=chance).softmax(0)


def last(features, labels, settings, **more):
    return list(propagate(features, labels, settings, **more))


def slowly(features, labels, settings, stride=(8.0, 8.0)):
    """Propagate by loops over cells, frame by frame, keeping everything."""
    sy, sx = stride if settings.unit == "pixels" else (1, 1)
    rounded = []
    for frame in features:
        unit = F.normalize(frame, dim=0) if settings.similarity == "cosine" else frame
        rounded.append((unit, unit.half().float() if settings.similarity == "cosine" else unit))
    scale = settings.temperature * (math.sqrt(CHANNELS) if settings.similarity == "scaled dot" else 1)
    out = [labels]
    for time in range(1, len(features)):
        entries = settings.frames(time)
        soft = torch.zeros_like(labels)
        for y in range(HEIGHT):
            for x in range(WIDTH):
                found = []  # (score, entry, label)
                for number, entry in enumerate(entries):
                    seen = out[entry]
                    if settings.feedback == "hard":
                        seen = F.one_hot(seen.argmax(0), LABELS).permute(2, 0, 1).float()
                    for v in range(HEIGHT):
                        for u in range(WIDTH):
                            down, across = (v - y) * sy, (u - x) * sx
                            near = settings.radius is None or (settings.exempt and number == 0)
                            if not near and settings.shape == "circle":
                                near = math.hypot(down, across) < settings.radius
                            elif not near:
                                near = max(abs(down), abs(across)) <= settings.radius
                            if near:
                                score = float(rounded[time][0][:, y, x] @ rounded[entry][1][:, v, u])
                                found.append((score, number, seen[:, v, u]))
                groups = [found]
                if settings.among == "each frame":
                    groups = [[one for one in found if one[1] == n] for n in range(len(entries))]
                for group in groups:
                    group.sort(key=lambda one: -one[0])
                    kept = group if settings.k is None else group[: settings.k]
                    among = group if settings.over == "all" else kept
                    total = sum(math.exp((score - group[0][0]) / scale) for score, *_ in among)
                    for score, _, label in kept:
                        soft[:, y, x] += math.exp((score - group[0][0]) / scale) / total * label / len(groups)
        out.append(soft)
    return out


SMALL = {"context": 3, "k": 4, "radius": 20, "unit": "pixels"}
KINDS = {
    "ours": Propagation(**SMALL),
    "first inside": Propagation(**SMALL, exempt=False),
    **{
        name: replace(
            one, context=min(3, one.context), k=one.k and 3, radius=one.radius and (2.5 if name != "dino" else 2)
        )
        for name, one in PRESETS.items()
        if name != "ours"
    },
}


@pytest.mark.parametrize("room", [1, 2**22])
@pytest.mark.parametrize("name", KINDS)
def test_loops_over_cells_find_the_same_labels(name, room, monkeypatch):
    monkeypatch.setattr(search, "ROOM", room)
    settings, features, labels = KINDS[name], film(), given()
    ours, slow = last(features, labels, settings, tile=3), slowly(features, labels, settings)
    for time, (one, other) in enumerate(zip(ours, slow, strict=True)):
        torch.testing.assert_close(
            one, other, atol=2e-5, rtol=1e-4, msg=lambda told, time=time: f"frame {time}: {told}"
        )


def test_strides_that_differ_make_a_radius_in_pixels_an_ellipse_of_cells():
    settings = Propagation(context=2, k=4, radius=17)
    ours, slow = (way(film(4), given(), settings, stride=(4.0, 12.0)) for way in (last, slowly))
    torch.testing.assert_close(torch.stack(ours), torch.stack(slow), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("shape", ["circle", "square"])
@pytest.mark.parametrize("exempt", [0, 1])
def test_tiles_find_the_neighbours_of_the_whole_product(shape, exempt, monkeypatch):
    keys = [F.normalize(one, dim=0).permute(1, 2, 0).contiguous() for one in film(4, 16, 21, 34)]
    query = F.normalize(film(1, 16, 21, 34, seed=5)[0], dim=0).permute(1, 2, 0).contiguous()
    scores = query.flatten(0, 1) @ torch.stack(keys).flatten(0, 2).T
    y, x = (side.flatten() for side in torch.meshgrid(torch.arange(21), torch.arange(34), indexing="ij"))
    down, across = (side[:, None] - side for side in (y, x))
    far = down**2 + across**2 >= 36 if shape == "circle" else torch.maximum(down.abs(), across.abs()) > 6
    scores.view(len(far), 4, -1)[:, exempt:].masked_fill_(far[:, None], -torch.inf)
    values, places = scores.topk(10, 1)
    for tile, room in ((5, 1), (16, 150_000), (16, 2**22), (64, 2**22)):  # a frame at a time, some, all
        monkeypatch.setattr(search, "ROOM", room)
        found = neighbours(query, keys, 10, Reach(radius=6, shape=shape), exempt, tile=tile)
        torch.testing.assert_close(found.values, values, atol=1e-5, rtol=0)
        assert (found.places.sort(1).values == places.sort(1).values).all()


@pytest.mark.parametrize("columns", [3, 159, 333, 2000, 5003])
def test_the_largest_scores_are_those_of_top_k(columns):
    scores = torch.randn(50, columns, generator=torch.Generator().manual_seed(columns))
    scores[10:, : columns - 2] = -torch.inf  # fewer than k are within reach
    scores[20:40] = scores[20:40].round(decimals=1)  # with ties
    values, places = largest(scores, 5)
    assert torch.equal(values.sort(1, descending=True).values, scores.topk(min(5, columns), 1).values)
    assert torch.equal(scores.gather(1, places), values) and all(len(row.unique()) == len(row) for row in places)


@pytest.mark.parametrize("feedback", ["soft", "hard"])
def test_several_labelings_are_carried_at_once_as_each_alone(feedback):
    settings, several = Propagation(context=3, feedback=feedback), [given(seed=1), given(seed=2)]
    together = last(film(), torch.cat(several), settings, sets=2)[-1]
    alone = [last(film(), labels, settings)[-1] for labels in several]
    torch.testing.assert_close(together, torch.cat(alone))
    assert not torch.allclose(alone[0], alone[1], atol=0.05)


def test_a_wide_video_makes_no_larger_tables_than_a_narrow_one():
    sizes = [max(one.far.numel() for one in tiles(60, width, Reach(radius=12), 16)) for width in (107, 144, 2000)]
    assert max(sizes) <= 17 * 17 * (17 + 22) ** 2 < 60 * 107 * 60 * 107 / 90


def test_constant_features_that_see_their_own_place_alone_copy_the_first_frame():
    settings = Propagation(radius=1, unit="cells", exempt=False)
    labels = given()
    for soft in last(torch.ones(5, 2, HEIGHT, WIDTH), labels, settings):
        torch.testing.assert_close(soft, labels)


def test_a_cold_softmax_is_that_of_the_nearest_cell_and_a_hot_one_of_all_is_the_mean():
    features, labels = film(3), given()
    cold = last(features, labels, Propagation(temperature=1e-5))[-1]
    torch.testing.assert_close(cold, last(features, labels, Propagation(k=1))[-1])
    hot = last(features[:2], labels, Propagation(k=None, temperature=1e6, radius=None))[-1]
    torch.testing.assert_close(hot, labels.mean((1, 2), keepdim=True).expand_as(labels), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", PRESETS)
def test_a_frame_shifted_by_two_cells_carries_the_mask_by_two_cells(name):
    settings = replace(PRESETS[name], temperature=1e-4)
    labels = torch.zeros(2, 8, 12)
    labels[0] = 1
    labels[:, 2:5, 3:6] = torch.tensor([0.0, 1.0])[:, None, None]
    first = film(1, 64, 8, 12)[0]
    found = last([first, first.roll(2, 2)], labels, settings)[-1]
    torch.testing.assert_close(found, labels.roll(2, 2), atol=1e-3, rtol=0)


def test_permuted_channels_and_scaled_features_change_nothing():
    features, labels = film(), given()
    ours = torch.stack(last(features, labels, OWN))
    other = torch.stack(last(3 * features[:, torch.randperm(CHANNELS)], labels, OWN))
    torch.testing.assert_close(ours, other, atol=1e-4, rtol=0)


def test_labels_keep_their_sum_unless_the_softmax_is_over_all_cells():
    for name, settings in PRESETS.items():
        total = last(film(), given(), settings)[-1].sum(0)
        whole = name not in ("uvc", "timecycle")
        assert torch.allclose(total, torch.ones_like(total), atol=1e-5) == whole


def test_early_frames_see_each_frame_once_and_authors_settings_repeat_the_first():
    assert OWN.frames(3) == [0, 1, 2] and OWN.frames(25) == [0, *range(5, 25)]
    assert preset_of("crw").frames(2) == [0] * 20 + [1] and preset_of("vfs").frames(3) == [0, 0, 1, 2]
    assert preset_of("dino").frames(9) == [0, *range(2, 9)] and preset_of("mast").frames(4) == [0, 1, 3]


def test_no_more_frames_are_held_than_are_looked_back_at(monkeypatch):
    module = sys.modules[propagate.__module__]
    made, alive, prepared = [], [], module.prepared

    def watched(frame, settings):
        alive.append(sum(one() is not None for one in made))
        found = prepared(frame, settings)
        made.append(weakref.ref(found))
        return found

    monkeypatch.setattr(module, "prepared", watched)
    for _ in propagate(film(30), given(), Propagation(context=2, gap=2, similarity="dot")):
        pass
    assert max(alive) == 4  # the first frame, and the last three, of which two will be looked at


def test_cells_that_are_equally_near_count_where_ties_are_kept():
    features = torch.ones(2, 2, 1, 4)
    labels = torch.tensor([[[1.0, 0, 0, 0]], [[0, 1.0, 1, 1]]])
    settings = Propagation(k=1, radius=None)
    assert last(features, labels, replace(settings, ties=True))[-1][0].tolist() == [[0.25] * 4]
    assert last(features, labels, settings)[-1][0].unique().numel() == 1


def test_features_in_half_precision_on_the_shelf_cost_less_than_a_thousandth():
    features, labels = torch.randn(3, 64, 6, 6, generator=torch.Generator().manual_seed(0)), given(6, 6)
    exact = slow = F.normalize(features, dim=1)
    found = last(exact, labels, Propagation(k=None))[1]
    weights = (torch.einsum("chw,cuv->hwuv", slow[1], slow[0]) / 0.07).flatten(2).softmax(-1)
    torch.testing.assert_close(found, torch.einsum("hwn,ln->lhw", weights, labels.flatten(1)), atol=2e-3, rtol=0)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"temperature": 0}, "temperature and sigma are above 0"),
        ({"k": 0}, "k and peak at least 1"),
        ({"context": 0, "kept": ()}, "must look at some before it"),
        ({"radius": 0}, "holds its own cell"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, told):
    with pytest.raises(ConfigError, match=told):
        Propagation(**settings)


def test_frames_that_differ_in_size_and_features_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match=r"frame 1 has features of \(5, 6\) cells, the labels are of \(5, 7\)"):
        last([film()[0], film(width=6)[0]], given(), OWN)
    with pytest.raises(ValueError, match="frame 0 are not all finite"):
        last(film() * torch.nan, given(), OWN)
    with pytest.raises(ConfigError, match=r"there is no 'crv'.*crw"):
        preset_of("crv")
