"""The audit finds the shortcut that a guard keeps away, where the guard is off."""

from functools import partial

import pytest
import torch

from avssl.audit.order import learn_in_time
from avssl.audit.planted import CUES, Remembered, load_pictures, planted
from avssl.audit.shortcuts import audit_shortcuts, ways
from avssl.audit.trials import Told, Trial, with_settings
from avssl.data import Dataset, Noise
from avssl.methods import OPN, BarlowTwins, RelativePosition, Rotation, ShuffleAndLearn, SimCLR
from avssl.nets import SmallNet
from avssl.training import AdamW
from avssl.training.feed import single_process
from avssl.transforms import GainOffset, RandomResizedCrop
from avssl.transforms.time_cues import TIME_CUES


def small(gap=2, jitter=1):
    return RelativePosition(SmallNet(dim=32, width=4), patch=6, gap=gap, jitter=jitter, hidden=32)


def right(method, cue, changed, rounds=25):
    """Return how often a method is right on noise with a cue, for each of some settings."""
    trial = Trial(fabric=single_process("cpu"), optim=AdamW(lr=1e-2), schedule=None, rounds=rounds, seed=0)
    learners = {str(one): (with_settings(method, one, 0), partial(planted, plant=CUES[cue].plant)) for one in changed}
    sets = [Noise(count=count, size=(24, 24), seed=seed, **CUES[cue].noise) for seed, count in enumerate((800, 512))]
    return [Told.of(groups) for groups in trial(learners, sets, 32, lambda: None).values()]


@pytest.mark.parametrize(
    ("cue", "off", "on"),
    [
        ("Light", {"centred": False}, {"centred": True}),
        ("Aberration", {"colour": "keep"}, {"colour": "drop"}),
        ("Vignette", {"centred": False}, {"levelled": True}),
    ],
)
def test_a_cue_alone_is_taken_where_its_guard_is_off_and_not_where_it_is_on(cue, off, on):
    taken, kept_away = right(small(), cue, (off, on))
    assert taken.mean > 0.125 + 10 * taken.error and taken.mean > 0.22
    assert kept_away.mean == pytest.approx(0.125, abs=0.03)


def test_light_tells_turns_and_what_is_alike_from_all_sides_does_not():
    rotation = Rotation(SmallNet(dim=32, width=4))
    assert right(rotation, "Light", [{}], rounds=15)[0].mean > 0.9
    assert right(rotation, "Vignette", [{}], rounds=15)[0].mean == pytest.approx(0.25, abs=0.03)


def test_each_setting_of_a_guard_is_a_row_once():
    rows = [(way.cue, way.state, way.settings) for way in ways(small(), RelativePosition.guards)]
    assert rows[:6] == [
        (None, "as configured", ""),
        ("Aberration", "off", "colour=keep"),
        ("Aberration", "as configured", "colour=project"),
        ("Aberration", "on", "colour=drop"),
        ("Vignette", "off", "centred=false levelled=false"),
        ("Vignette", "as configured", "centred=true levelled=false"),
    ]
    unguarded = small(gap=0, jitter=0)
    assert [way.state for way in ways(unguarded, unguarded.guards) if way.cue == "Light"] == ["off", "on"]
    assert [way.state for way in ways(unguarded, unguarded.guards) if way.cue == "Texture"] == ["off"]
    assert [way.cue for way in ways(Rotation(SmallNet(dim=8, width=4)), ())] == [None, *CUES]


def test_the_same_cue_is_planted_in_a_picture_whenever_it_is_seen():
    frames = torch.randint(0, 256, (4, 1, 2, 3, 16, 16), dtype=torch.uint8)
    batch = {"frames": frames, "key": torch.tensor([[0, 1, index] for index in range(4)])}
    (whole,) = planted([batch], CUES["Texture"].plant)
    (alone_,) = planted([{name: value[2:3] for name, value in batch.items()}], CUES["Texture"].plant)
    assert whole["frames"].dtype == torch.uint8 and torch.equal(whole["frames"][2:3], alone_["frames"])
    assert not torch.equal(whole["frames"][0, 0, 0] - frames[0, 0, 0], whole["frames"][0, 0, 1] - frames[0, 0, 1])
    assert list(planted([batch], None)) == [batch]


def test_mean_and_error_are_those_of_independent_groups():
    told = Told.of([0.1, 0.2, 0.3])
    assert (told.mean, told.error) == (pytest.approx(0.2), pytest.approx(0.1 / 3**0.5))
    assert Told.of([0.5]).text == "0.500 ± 0.000"


def settings(folder, content):
    return {
        "data": content,
        "held_out": content,
        "optim": AdamW(lr=1e-3),
        "out": folder,
        "workers": 0,
        "accelerator": "cpu",
        "batch_size": 4,
    }


def test_the_whole_audit_runs_prints_and_writes(tmp_path, capsys):
    content = Remembered(torch.randint(0, 256, (8, 1, 2, 3, 24, 24), dtype=torch.uint8))
    scores = audit_shortcuts(method=small(), rounds=1, blank=16, **settings(tmp_path, content))
    out = capsys.readouterr().out
    assert "chance 0.125" in out and "colour: off" in out and "gap=0 jitter=0" in out
    assert 0 <= scores["Light/centred off/cue only"] <= 1 and "Light/centred on/content with it, error" in scores
    lines = (tmp_path / "shortcuts/shortcuts.csv").read_text().splitlines()
    assert len(lines) == 1 + 13 and lines[1].startswith("none,none")
    assert (tmp_path / "shortcuts/cues.png").stat().st_size > 10_000


def test_a_method_without_guards_is_said_to_have_none_in_one_line(tmp_path, capsys):
    method = ShuffleAndLearn(SmallNet(dim=8, width=2))
    assert audit_shortcuts(method=method, **settings(tmp_path, Noise(count=2, size=(8, 8)))) == {}
    assert capsys.readouterr().out == ("ShuffleAndLearn states no guards and no chance: there is nothing to audit\n")


def test_content_that_cannot_be_read_is_refused():
    with pytest.raises(ValueError, match="data: of 4 items asked for, 1 can be read; an audit needs a batch of 2: set"):
        load_pictures(single_process("cpu"), Noise(count=1, size=(8, 8)), 4, 2, 0, "data")


def test_a_border_tells_items_to_a_method_of_whole_views_and_not_where_windows_miss_it(tmp_path, capsys):
    cut = [RandomResizedCrop(16, scale=(0.1, 0.2))]
    method = SimCLR(SmallNet(dim=16, width=4), [cut, cut], hidden=16, dim=8, temperature=0.2)
    content = Remembered(torch.randint(0, 256, (64, 1, 1, 3, 24, 24), dtype=torch.uint8))
    given = settings(tmp_path, content) | {"optim": AdamW(lr=1e-2), "batch_size": 16}
    scores = audit_shortcuts(method=method, rounds=30, **given)
    assert scores["border on noise/whole pictures"] > 0.5 > 0.25 > scores["border on noise/as configured"]
    assert scores["noise/whole pictures"] < 0.15 and scores["noise/as configured"] < 0.15  # chance is 1/31
    out = capsys.readouterr().out
    assert (
        "among 16 held-out items" in out and len((tmp_path / "shortcuts/shortcuts.csv").read_text().splitlines()) == 9
    )
    method = BarlowTwins(SmallNet(dim=16, width=4), [cut, cut], hidden=16)
    assert audit_shortcuts(method=method, **given) == {}
    assert capsys.readouterr().out == "BarlowTwins measures no accuracy: there is nothing to audit\n"


class Films(Dataset):
    """Still films whose frames are numbered as a sampler would."""

    def __init__(self, count, seed):
        self.count, self.seed = count, seed

    def __len__(self):
        return self.count

    def __getitem__(self, key):
        epoch, index = key
        chance = torch.Generator().manual_seed(1000 * self.seed + index)
        frames = torch.randint(0, 256, (1, 1, 3, 16, 16), dtype=torch.uint8, generator=chance)
        gaps = torch.randint(2, 7, (1, 4), generator=chance)
        return {
            "frames": frames.expand(1, 4, -1, -1, -1),
            "index": gaps.cumsum(1),
            "valid": torch.ones(1, 4, dtype=torch.bool),
            "path": f"{index}.mp4",
            "key": torch.tensor([0, epoch, index]),
        }


def rows_of_time(method):
    return [(row.cue, row.state, row.changed) for row in ways(method, method.guards, TIME_CUES)]


def test_flicker_sorts_still_films_where_light_is_not_new_in_each_frame():
    method = OPN(SmallNet(dim=16, width=4))
    settings = {"Flicker": {state: changed for cue, state, changed in rows_of_time(method) if cue == "Flicker"}}
    trial = Trial(fabric=single_process("cpu"), optim=AdamW(lr=2e-2), schedule=None, rounds=30, seed=0)
    content = tuple(load_pictures(single_process("cpu"), Films(32, seed), 32, 16, 0, "data") for seed in (0, 1))
    found = learn_in_time(trial, method, settings, content, 16, lambda: None)
    told = {name: Told.of(groups).mean for name, alone, groups in found if alone}
    assert told["off"] > 0.4 > 0.3 > told["on"]


def test_the_audit_of_a_task_of_order_has_rows_for_cues_of_time(tmp_path):
    method = OPN(SmallNet(dim=8, width=2), views=[GainOffset()])
    assert [(cue, state) for cue, state, _ in rows_of_time(method) if cue != "Pulse"] == [
        (None, "as configured"),
        ("Flicker", "off"),
        ("Flicker", "as configured"),
        ("Flicker", "on"),
        ("Bars", "off"),
        ("Bars", "as configured"),
        ("Bars", "on"),
    ]
    settings = {"data": Films(8, 0), "held_out": Films(8, 1), "method": method, "optim": AdamW(lr=1e-2)}
    scores = audit_shortcuts(**settings, out=tmp_path, batch_size=8, workers=0, rounds=1, accelerator="cpu")
    assert scores["chance"] == pytest.approx(1 / 12) and "Pulse/blur in each frame on/cue only" in scores
    assert (tmp_path / "shortcuts" / "shortcuts.csv").exists()
