"""Which networks a retrieval compares, for pictures and for sounds, and the data that random ones are set on."""

from collections.abc import Mapping

from avssl.data import Dataset
from avssl.evaluation.baselines import baselines, compared_encoders, pool_of, sounds_of
from avssl.features.extraction import Asked, kind_of
from avssl.features.rows import Recipe, check_recipe
from avssl.features.runs import Fresh
from avssl.nets import Encoder, LogMel
from avssl.report.scores import LOG_MEL


def compared(
    encoder: Encoder,
    layer: str,
    gallery: Dataset,
    recipe: Recipe,
    fresh: Fresh | None,
    device: str,
    initialisations: int,
    seed: int,
    extra: Mapping[str, str],
) -> dict[str, Asked]:
    """Return what is asked of each network, under the row's name and the number of the initialisation.

    Args:
        encoder: the trained one.
        layer: of it, of random ones and of further weights; the baselines have but one.
        gallery: gives random networks their batch statistics.
        recipe: what is looked at.
        fresh: builds random initialisations; None re-initialises copies.
        device: where networks run.
        initialisations: how many random ones.
        seed: of the first.
        extra: further rows, from a name to a run or a file of weights.
    """
    sound = recipe.stream == "sound"
    check_recipe(encoder, recipe)
    pool = sounds_of(gallery) if sound else pool_of(gallery, crop=recipe.crop, takes=kind_of(encoder))
    rows = compared_encoders(encoder, pool, fresh, device, initialisations, seed, extra)
    asked = {
        f"{row} {number}": Asked(one, (layer,)) for row, several in rows.items() for number, one in enumerate(several)
    }
    if sound:
        return asked | {f"{LOG_MEL} 0": Asked(LogMel(getattr(encoder, "spec", None)))}
    return asked | {f"{row} 0": Asked(one) for row, (one,) in baselines(pool).items()}
