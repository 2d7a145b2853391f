"""What is scored: the encoder of a run, or weights from elsewhere, and the folder for what is found."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from avssl.config import ConfigError, Trust
from avssl.features.runs import Fresh, FreshMethod, find_run, fresh_encoders, fresh_like, fresh_methods
from avssl.methods import Method
from avssl.nets import Encoder
from avssl.training.export import ENCODER, load_encoder, load_method, not_recorded
from avssl.training.weights import is_export, load_weights


@dataclass(frozen=True, eq=False, kw_only=True)
class Subject:
    """An encoder to score.

    Args:
        encoder: with its weights.
        fresh: builds encoders of its architecture with initial weights; None where nobody knows how.
        folder: where results go.
        run: the folder of its run; None for weights from elsewhere.
        trust: packages whose classes the run may name.
    """

    encoder: Encoder
    fresh: Fresh | None
    folder: Path
    run: Path | None = None
    trust: Trust = ()

    def method(self) -> Method:
        """Return the whole method of the run, loaded once: like the encoder, nobody changes its weights.

        Raises:
            ConfigError: for weights from elsewhere.
            TrainingError: if the run has no checkpoint.
        """
        return self._method

    @cached_property
    def _method(self) -> Method:
        return load_method(self._run(), trust=self.trust)

    def fresh_methods(self) -> FreshMethod:
        """Return what builds the run's method with initial weights, likewise."""
        return fresh_methods(self._run(), self.trust)

    def _run(self) -> Path:
        if self.run is None:
            raise ConfigError("the whole method is asked, heads and all, and weights hold none: give run=FOLDER")
        return self.run


def find_subject(
    run: str | Path | None = None,
    weights: str | Path | None = None,
    encoder: Encoder | None = None,
    out: str | Path | None = None,
    runs: str | Path = "runs",
    trust: Trust = (),
    export: str = ENCODER,
) -> Subject:
    """Return what is scored.

    Args:
        run: folder of the run; None for the one that was written last.
        weights: score these instead: a ``.safetensors`` or ``.pth`` with torchvision's keys, or an export of ours.
        encoder: the architecture of ``weights``, or of a run whose settings do not tell it; None for that of the run,
            or the one that an export names.
        out: folder that the results of ``weights`` go to; None for ``<runs>/<name of the file>``.
        runs: where runs lie.
        trust: packages whose classes the run may name and so run, see `avssl.load_encoder`.
        export: which of the run's encoders, by the name of its file; results of another than ``encoder`` go to
            ``<run>/<export>``.

    Raises:
        ConfigError: if there is no such run, it has no weights, or weights do not fit the encoder.
    """
    if export != ENCODER and weights is not None:
        raise ConfigError(f"export={export} is of a run: give run=FOLDER, no weights")
    if weights is None:
        if out is not None:
            raise ConfigError("out goes with weights=FILE; a run holds its own results")
        folder = find_run(run, runs)
        if encoder is not None:
            fresh = fresh_if_recorded(encoder, export)
            found = load_encoder(folder, encoder=encoder, export=export)
        else:
            found = load_encoder(folder, trust=trust, export=export)
            fresh = fresh_encoders(folder, trust, export)
        place = folder if export == ENCODER else folder / export
        place.mkdir(exist_ok=True)
        return Subject(encoder=found, fresh=fresh, folder=place, run=folder, trust=trust)
    like = encoder
    if like is None and not is_export(weights):
        like = load_encoder(find_run(run, runs), trust=trust)
    found = load_weights(weights, like, trust)
    folder = Path(out) if out is not None else Path(runs) / Path(weights).stem
    folder.mkdir(parents=True, exist_ok=True)
    return Subject(encoder=found, fresh=fresh_if_recorded(found, export), folder=folder)


def fresh_if_recorded(encoder: Encoder, part: str) -> Fresh | None:
    """Return what builds an encoder's architecture anew; None where code made it, which no settings tell."""
    return None if not_recorded(encoder, part) else fresh_like(encoder)
