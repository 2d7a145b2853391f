"""Where in the picture the sound comes from, beside rows that do not listen.

Arandjelovic and Zisserman, "Objects that Sound", ECCV 2018, section 4.2, https://arxiv.org/abs/1712.06651 (pointing);
Senocak et al., "Learning to Localize Sound Source in Visual Scenes", CVPR 2018, https://arxiv.org/abs/1803.03849 (cIoU
and its area). A blind disc in the middle reaches a cIoU of .344 on VGG-SS, as much as published methods: it stands in
every table here.
"""

from pathlib import Path

from avssl.config import ConfigError, describe
from avssl.data import Dataset, Stills, Videos
from avssl.evaluation.base import MethodEvaluator
from avssl.evaluation.sound.boxes import Sources, sources_of
from avssl.evaluation.sound.clips import Heard, listen, others
from avssl.evaluation.sound.exchange import loudness_of_maps, partner_of_class, summarize, swapped
from avssl.evaluation.sound.fresh import untrained
from avssl.evaluation.sound.map_scores import blind_rows, chosen_level, maps_of, mean, score_maps
from avssl.evaluation.sound.sheet import sheet_of
from avssl.features.runs import FreshMethod
from avssl.methods import Method
from avssl.methods.sound.base import Localizer
from avssl.report.scores import RANDOM, TRAINED, Scores

SHUFFLED = "sound of another recording"
MIDDLE = 0.5  # threshold of maps from 0 to 1 where none can be chosen


class Localisation(MethodEvaluator):
    """Asks a method for a map of where the sound comes from, and compares it with the box of what sounds.

    Pictures are looked at whole, without the method's views. Maps are brought to the pictures' size by bilinear
    interpolation. Columns: ``pointing``, the peak lies in the box; ``cIoU``, an IoU of at least 0.5 under the field's
    rule (the half of the picture where the map is greatest); ``area``, under the share of such IoUs over thresholds;
    ``IoU``, the mean with a threshold chosen on other recordings; ``on the silent``, the peak lies in the box of what
    does not sound.

    Args:
        data: ``Videos`` or ``Stills`` with boxes.
        validation: likewise, to choose the threshold on; None takes `MIDDLE`, and a note says so.
        duets: recordings of two things, one of which sounds; None asks no swap. There the sound is exchanged for one of
            the other thing's class, from another recording, and the peak should move onto the other thing.
        items: at most so many recordings of each; None for all.
        initialisations: random ones to compare with.
        num_shown: recordings that are drawn.
        seed: of what is drawn by chance.
        workers: processes that load.
    """

    name = "eval_localisation"
    truths = ("sound", "annotations")
    needs = Localizer
    lacks = "has no map of where the sound comes from; ask AVOL"

    def __init__(
        self,
        data: Dataset,
        validation: Dataset | None = None,
        duets: Dataset | None = None,
        items: int | None = None,
        initialisations: int = 3,
        num_shown: int = 8,
        seed: int = 0,
        workers: int = 2,
    ):
        if min(initialisations, num_shown) < 1:
            raise ValueError(f"initialisations and num_shown must be at least 1; got {initialisations}, {num_shown}")
        self.data, self.validation, self.duets, self.items = data, validation, duets, items
        self.initialisations, self.num_shown, self.seed, self.workers = initialisations, num_shown, seed, workers

    def __call__(self, method: Method, fresh: FreshMethod, folder: Path | None = None, device: str = "cpu") -> Scores:
        self.require(method)
        assert isinstance(method, Localizer)
        rate = method.sound.spec.rate
        heard, sources = self.look(self.data, rate)
        level = MIDDLE
        if self.validation is not None:
            tuning, known = self.look(self.validation, rate)
            level = chosen_level(maps_of(method, tuning, tuning.sound, device), known)
        partner = others(heard.recording, 1, self.seed)[0]
        maps = maps_of(method, heard, heard.sound, device)
        rows = {
            TRAINED: [score_maps(maps, sources, level)],
            SHUFFLED: [score_maps(maps_of(method, heard, heard.sound[partner], device), sources, level)],
        }
        rows[RANDOM] = []
        for number in range(self.initialisations):
            one = untrained(fresh, self.seed + number, heard.frames, heard.sound, device)
            rows[RANDOM].append(score_maps(maps_of(one, heard, heard.sound, device), sources, level))
        rows |= {name: [found] for name, found in blind_rows(heard, sources).items()}
        order = ("random point", "whole picture", "centre", RANDOM, SHUFFLED, "best half", TRAINED)
        columns = ("pointing", "on the silent", "cIoU", "area", "IoU")
        means = {row: {name: mean(rows[row], name) for name in columns} for row in order}
        numbers = {f"{row}/{name}": value for row in order for name, value in means[row].items() if value == value}
        table = [{"row": row} | {name: format_score(means[row][name]) for name in columns} for row in order]
        notes = [
            "Rows above the trained one but random and best half need no sound and no network; 'sound of another "
            "recording' asks the trained method the wrong sound: what it still points at is saliency.",
            f"best half: the most that the half-of-the-picture rule of cIoU allows with these boxes, which cover "
            f"{means['random point']['pointing']:.1%} of the picture in the mean. IoU: maps from 0 to 1, cut at "
            f"{level:.2f}.",
            f"{heard.silent:.1%} of the windows are silent and were left out; "
            f"{len(heard.failures)} recordings could not be read.",
        ]
        pictures = {"maps": sheet_of(method, heard, sources, self.num_shown, device)}
        if self.duets is not None:
            both, where = self.look(self.duets, rate)
            found = swapped(method, both, where, self.seed, device)
            numbers |= {f"duets/{name}": value for name, value in found.items()}
            notes.append(summarize(found))
            pictures["duets"] = sheet_of(
                method, both, where, self.num_shown, device, partner_of_class(both, where, self.seed)
            )
        negative = loudness_of_maps(method, heard, partner, device, self.seed)
        numbers |= {f"peak of the map/{name}": value for name, value in negative.items()}
        notes.append(
            "Mean peak of the map: " + ", ".join(f"{name} {value:.2f}" for name, value in negative.items()) + "."
        )
        items = [
            {"path": path, "clip": int(clip)} | {name: float(rows[TRAINED][0][name][row]) for name in columns}
            for row, (path, clip) in enumerate(zip(heard.paths, heard.clip, strict=True))
        ]
        protocol = {
            "data": describe(self.data),
            "pictures": len(heard),
            "map": f"{maps.shape[1]}x{maps.shape[2]} after interpolation, the method's own look",
            "boxes": f"of what sounds; {', '.join(f'{vote:g}' for vote in sorted(set(sources.votes)))} must agree",
            "threshold": f"{level:.2f}, " + ("not chosen" if self.validation is None else "chosen on other recordings"),
            "random": f"{self.initialisations} initialisations, batch statistics of these data",
            "method": type(method).__name__,
            "seed": self.seed,
        }
        return Scores(
            title="Where the sound comes from, in % of the pictures",
            numbers=numbers,
            protocol=protocol,
            table=tuple(table),
            notes=tuple(notes),
            tables={"items": items},
            pictures=pictures,
        )

    def look(self, data: Dataset, rate: int) -> tuple[Heard, Sources]:
        if not isinstance(data, Videos | Stills):
            raise ConfigError(f"evaluator.data: {type(data).__name__} has no boxes; give Videos or Stills")
        heard = listen(data, self.items, workers=self.workers, rate=rate)
        return heard, sources_of(data, heard)


def format_score(value: float) -> str:
    return "" if value != value else f"{100 * value:.1f}"
