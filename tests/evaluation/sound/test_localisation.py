"""Where the sound comes from: a map that listens, one that does not, and the rows that need no sound."""

from importlib import import_module

import numpy as np
import pytest
import torch

from avssl.data import Stills, Videos
from avssl.data.demo.band.world import prepare
from avssl.data.sets import prepare as preparing
from avssl.evaluation.sound.boxes import sources_of
from avssl.evaluation.sound.clips import listen
from avssl.evaluation.sound.localisation import Localisation
from avssl.methods import AVE, AVOL, Method
from avssl.nets import SmallSound, SmallVision
from avssl.sampling import Segments, WithSound


@pytest.fixture(scope="module")
def band(tmp_path_factory):
    return prepare("full", tmp_path_factory.mktemp("band"), train=0, val=6, heldout=10, duet=12, progress=False)


def videos(band, split, side=72):
    sampler = WithSound(sampler=Segments(count=1), seconds=0.5, align="centre", edge="shift")
    return Videos(band / "manifest.csv", sampler, split, size=(side, side), sound_rate=16000)


class Knows(Method):
    """Cheats: finds the box in a list by the sound; ``listens=False`` points at what it was shown first."""

    def __init__(self, band, listens=True):
        super().__init__()
        self.encoder, self.sound, self.views = SmallVision(widths=(2, 2, 2, 2)), SmallSound(widths=(2, 2, 2, 2)), ()
        self.listens, self.pictures, self.sounds = listens, [], []
        for split in ("val", "heldout", "duet"):
            heard = listen(videos(band, split), workers=0)
            sources = sources_of(videos(band, split), heard)
            for row in range(len(heard)):
                self.pictures.append((heard.frames[row].float() / 255, sources, row))
                self.sounds.append((heard.sound[row], int(sources.sounding[row])))

    def forward(self, batch):
        return {"loss": torch.zeros(())}

    def locate(self, pictures, sound):
        maps = torch.zeros(len(pictures), 72, 72)
        for number, (picture, wave) in enumerate(zip(pictures, sound, strict=True)):
            _, sources, row = next(known for known in self.pictures if torch.equal(known[0], picture))
            kind = next((kind for known, kind in self.sounds if torch.equal(known, wave)), None)
            box = sources.box[row]
            if self.listens and kind != sources.sounding[row]:
                box = sources.other[row] if kind == sources.silent[row] else np.array([0, 0, 1, 1])
            left, top, right, bottom = np.round(box).astype(int)
            maps[number, top:bottom, left:right] = 1
        return maps


def asked(band, method):
    evaluator = Localisation(videos(band, "heldout"), videos(band, "val"), videos(band, "duet"), num_shown=2, workers=0)
    return evaluator(method, fresh=lambda _: made())


def made():
    return AVOL(SmallVision(widths=(4, 4, 8, 8)), SmallSound(widths=(4, 4, 8, 8)))


def test_a_map_that_listens_is_right_and_follows_the_sound(band):
    scores = asked(band, Knows(band))
    numbers = scores.numbers
    assert numbers["trained/pointing"] == 1.0 and numbers["trained/IoU"] > 0.95
    assert numbers["trained/cIoU"] == pytest.approx(numbers["best half/cIoU"], abs=0.1)
    assert numbers["sound of another recording/pointing"] < 0.6
    assert numbers["duets/pointing"] == numbers["duets/swapped, on the other"] == numbers["duets/both right"] == 1.0
    assert numbers["duets/on the silent"] < 0.35  # where boxes overlap
    assert [line["row"] for line in scores.table][-1] == "trained" and set(scores.pictures) == {"maps", "duets"}


def test_a_map_that_does_not_listen_is_shown_up_by_the_swap(band):
    numbers = asked(band, Knows(band, listens=False)).numbers
    assert numbers["trained/pointing"] == numbers["sound of another recording/pointing"] == 1.0
    assert numbers["duets/swapped, stays"] == 1.0 and numbers["duets/swapped, on the other"] < 0.35


def test_boxes_follow_the_size_that_frames_are_read_in(band):
    half, whole = (
        sources_of(videos(band, "heldout", side), listen(videos(band, "heldout", side), workers=0)) for side in (36, 72)
    )
    np.testing.assert_allclose(half.box * 2, whole.box)


def test_a_method_without_maps_and_data_without_boxes_are_refused(band, tmp_path):
    with pytest.raises(ValueError, match="AVE has no map of where the sound comes from"):
        asked(band, AVE(SmallVision(widths=(4, 4, 8, 8)), SmallSound(widths=(4, 4, 8, 8))))
    bare = Videos(band / "heldout", videos(band, "heldout").sampler, size=(72, 72), sound_rate=16000)
    with pytest.raises(ValueError, match="has no boxes; localisation needs a manifest"):
        Localisation(bare, bare, workers=0)(made(), fresh=lambda _: made())


@pytest.mark.parametrize("name", ["vggss", "flickr_soundnet"])
def test_sets_of_pictures_with_boxes_are_judged_as_their_rule_says(name, tmp_path):
    import_module(f"avssl.data.sets.fixtures.{name}").write(tmp_path)
    preparing.prepare(
        import_module(f"avssl.data.sets.{name}").read, "usage", ["--root", str(tmp_path), "--workers", "1"]
    )
    pairs = Stills(tmp_path, "test", size=(72, 72), seconds=0.5)
    scores = Localisation(pairs, initialisations=1, num_shown=2, workers=0)(made(), fresh=lambda _: made())
    sources = sources_of(pairs, listen(pairs, workers=0))
    covered = np.mean([(truth > 0).mean() for truth in sources.truths(72, 72)])
    assert scores.numbers["random point/pointing"] == pytest.approx(covered)
    assert 0 <= scores.numbers["trained/area"] <= 1 and "not chosen" in scores.protocol["threshold"]
    if name == "flickr_soundnet":  # two boxes on a quarter, and three boxes of which two agree on the left half
        best = scores.numbers["best half/area"]
        assert best > scores.numbers["whole picture/area"] and set(np.unique(sources.truths(72, 72)[0])) == {0, 0.5, 1}
