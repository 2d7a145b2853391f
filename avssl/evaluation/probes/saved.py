"""Fine-tuned classifiers as files: what fine-tuning learned, to be scored elsewhere and to teach others."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import nn

from avssl.config import ConfigError, describe
from avssl.evaluation.probes.base import Labels
from avssl.evaluation.probes.samples import OfClips
from avssl.nets import Classifier, Encoder
from avssl.training.errors import TrainingError
from avssl.training.export import not_recorded, write_export
from avssl.training.tensor_files import read_metadata


def require_savable(encoder: Encoder, labels: Labels, folder: Path | None) -> None:
    """Say in one line why classifiers cannot be saved.

    Raises:
        ConfigError: if there is no folder, items have several classes, or settings cannot build the encoder again.
    """
    if folder is None:
        raise ConfigError("evaluator.save: there is no folder for the classifiers; give folder=, or evaluate a run")
    if labels.several is not None:
        raise ConfigError("evaluator.save: a classifier answers one class, and these items may have several")
    if why := not_recorded(encoder, "encoder"):
        raise ConfigError(f"evaluator.save: {type(encoder).__name__} cannot be built again from its settings ({why})")


def file_of(folder: Path, shots: str | int, draw: int) -> Path:
    """Return the file of a classifier, in the folder of results, which holds the one for what is kept.

    Examples:
        >>> file_of(Path("results/kept"), "10%", 0).as_posix()
        'results/10percent_draw1.safetensors'
    """
    labels = f"{shots}_a_class" if str(shots).isdecimal() else str(shots).replace("%", "percent")
    return folder.parent / f"{labels}_draw{draw + 1}.safetensors"


def is_saved(file: Path, learned: str) -> bool:
    """Tell whether a file holds the classifier that was learned under this name."""
    try:
        return file.is_file() and read_metadata(file).get("learned") == learned
    except TrainingError:
        return False  # broken: it is learned and written anew


def save_classifier(file: Path, network: nn.Sequential, classes: Sequence[str], about: Mapping[str, str]) -> Path:
    """Write an encoder and the linear layer behind it as one classifier.

    Args:
        file: where; `avssl.nets.load_classifier` and `avssl.load_encoder` read it.
        network: an encoder, or one of clips in `OfClips`, and a linear layer.
        classes: names, in the layer's order.
        about: what else the metadata say.
    """
    start, linear = network
    encoder = start.encoder if isinstance(start, OfClips) else start
    classifier = Classifier.holding([linear], encoder, list(classes))
    file.parent.mkdir(parents=True, exist_ok=True)
    return write_export(file, describe(classifier), classifier.trunk.state_dict(), about)
