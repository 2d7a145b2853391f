"""Evaluators with encoders of clips: what motion alone tells is read from whole clips, and from no picture."""

import pytest
import torch
from torch import nn

from avssl.config import ConfigError
from avssl.evaluation import FineTune, Normals, Probes, Retrieval, Segmentation
from avssl.evaluation.probes import Linear
from avssl.evaluation.probes.samples import apply_views
from avssl.nets import SmallClips, SmallNet
from avssl.nets.clips import ClipEncoder
from avssl.transforms import Flip
from tests.evaluation.worlds import Dots
from tests.features.moving import Moving


class Moved(nn.Module):
    """Clips ``(N, 3, frames, H, W)`` to how alike each frame is to the next, moved to the left and to the right."""

    def __init__(self):
        super().__init__()
        self.maps, self.scale = nn.Identity(), nn.Linear(1, 1)

    def forward(self, clips):
        now, then = clips[:, :, :-1], clips[:, :, 1:]
        likeness = torch.stack([(now * then.roll(by, -1)).mean(1) for by in (-2, 2)], 1)
        return self.maps(likeness).mean((2, 3, 4)) + 0 * self.scale.weight.sum()


class Motion(ClipEncoder):
    """Knows which way things move, and nothing else."""

    def __init__(self):
        super().__init__(Moved(), 2, {"maps": "maps"}, (0.5,) * 3)


SIDES = Moving(40), Moving(40, seed=1)


def test_a_probe_of_clips_reads_the_way_things_move_and_pixels_do_not():
    probes = Probes(*SIDES, probes=[Linear(penalties=(1e-2,))], layers="all", initialisations=1, clusters=0, quiet=True)
    numbers = probes(Motion()).numbers
    for layer in ("maps", "output"):
        assert numbers[f"trained/linear/all/{layer}/accuracy"] > 0.95
    for row in ("pixels", "hog"):
        assert numbers[f"{row}/linear/all/output/accuracy"] == pytest.approx(0.5, abs=0.25)


def test_a_probe_of_single_clips_takes_any_encoder():
    for encoder in (SmallClips((4, 4, 6, 8)), SmallNet(width=4, dim=8)):
        probes = Probes(
            *SIDES, unit="clip", probes=[Linear(penalties=(1e-2,))], initialisations=1, clusters=1, quiet=True
        )
        scores = probes(encoder)
        assert {row["row"] for row in scores.table} == {"random", "trained", "pixels", "hog", "chance"}
        assert scores.protocol["data"] == "80 training, 80 test"


def test_retrieval_of_clips_finds_what_moves_the_same_way():
    scores = Retrieval(*SIDES, unit="clip", ks=(1,), initialisations=1, similarity="euclidean", quiet=True)(Motion())
    assert scores.numbers["trained/R@1"] > 0.9
    for row in ("pixels", "hog"):
        assert scores.numbers[f"{row}/R@1"] == pytest.approx(0.5, abs=0.2)
    assert "gallery" in scores.pictures


def tuned(**settings):
    known = {"steps": 120, "batch": 16, "draws": 1, "lr": 5e-3, "head_lr": 1e-2, "quiet": True}
    return FineTune(*SIDES, **(known | settings))


def test_the_way_things_move_is_learned_from_whole_clips_and_from_no_picture():
    torch.manual_seed(0)
    scores = tuned()(SmallClips((6, 8, 12, 16)))
    assert scores.numbers["trained/fine-tuned/all/accuracy"] > 0.9
    assert scores.protocol["test"] == "mean of the scores over an item's clips, no augmentation"
    assert scores.protocol["data"] == "40 training items, 40 test items, 80 test clips"
    alone = tuned(steps=40)(SmallNet(width=4, dim=8)).numbers
    assert alone["trained/fine-tuned/all/accuracy"] == pytest.approx(0.5, abs=0.25)


def test_views_of_a_clip_are_the_same_for_all_its_frames():
    clip = (torch.rand(1, 1, 3, 8, 8) * 255).byte().expand(16, 4, 3, 8, 8)
    key = torch.arange(48).view(16, 3)
    shown = apply_views([Flip()], clip, key, True)
    assert shown.shape == clip.shape and torch.equal(shown, shown[:, :1].expand_as(shown))
    assert len({one.numpy().tobytes() for one in shown}) == 2


@pytest.mark.parametrize(
    ("evaluator", "who"),
    [
        (Segmentation(Dots(2), Dots(2, seed=1), quiet=True), "detection, segmentation or normals"),
        (Normals(Dots(2), Dots(2, seed=1), quiet=True), "detection, segmentation or normals"),
    ],
)
def test_evaluators_of_pictures_say_so_in_one_line(evaluator, who):
    with pytest.raises(
        ConfigError, match=rf"^{who} needs an encoder of pictures \(N, 3, H, W\); SmallClips takes clips$"
    ):
        evaluator(SmallClips())


@pytest.mark.parametrize("evaluator", [Probes, Retrieval])
def test_frames_of_a_clip_have_no_features_of_their_own(evaluator):
    with pytest.raises(ConfigError, match=r"^unit: SmallClips takes clips, .* use clip or item$"):
        evaluator(*SIDES, unit="frame", quiet=True)(SmallClips())


def test_a_row_of_pictures_stands_beside_clips_but_no_row_of_clips_beside_pictures(monkeypatch):
    others = {"net": SmallNet(width=4, dim=8), "film": SmallClips((4, 4, 6, 8))}
    monkeypatch.setattr("avssl.evaluation.baselines.load_weights", lambda path, like: others[path].eval())
    scores = tuned(steps=2, extra={"pictures": "net"})(SmallClips((4, 4, 6, 8)))
    assert "pictures/fine-tuned/all/accuracy" in scores.numbers
    with pytest.raises(ConfigError, match=r"^evaluator\.extra\.one, beside .* SmallClips takes clips$"):
        tuned(steps=2, extra={"one": "film"})(SmallNet(width=4, dim=8))
    probes = Probes(*SIDES, probes=[Linear(penalties=(1e-2,))], initialisations=1, extra={"one": "film"}, quiet=True)
    assert "one/linear/all/output/accuracy" in probes(SmallNet(width=4, dim=8)).numbers
