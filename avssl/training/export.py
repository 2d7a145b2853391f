"""What a run leaves behind: its encoders as safetensors with plain keys, and the way back to them and to the method."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import torch
from safetensors.torch import save
from torch import Tensor, nn

from avssl import config
from avssl.cache import whole
from avssl.config import ConfigError, Trust
from avssl.config.build import family_of
from avssl.nets import Encoder, SoundEncoder, as_encoder, tensor_files
from avssl.nets.tensor_files import fits, in_order, listed
from avssl.text import printable
from avssl.training.average import single
from avssl.training.checkpoint import BEST, LAST, peek
from avssl.training.errors import TrainingError
from avssl.version import __version__

if TYPE_CHECKING:
    from avssl.methods import Method

Which = Literal["last", "best", "ema", "live"]
Made = TypeVar("Made", Encoder, SoundEncoder)
ENCODER = "encoder"  # the export that every method has
FILE = f"{ENCODER}.safetensors"
BEFORE = (ENCODER, "sound")  # what runs exported before their checkpoints said so


def exports_of(method: "Method") -> dict[str, dict[str, Any]]:
    """Return what checkpoints say of a method's exports: by name, where each lies in it and how to build it.

    Raises:
        TrainingError: if one is no encoder, whose file could be loaded again, or no part of the method.
    """
    places = {id(module): place for place, module in method.named_modules()}
    found = {}
    for name, module in method.exports().items():
        encodes = isinstance(module, Encoder | SoundEncoder)
        lies = lies_at(module, places) if encodes else None
        if lies is None or not name.isidentifier():
            raise TrainingError(
                f"{type(method).__name__}.exports names {name!r}, which is a {type(module).__name__}; exports are "
                "encoders of pictures or of sounds that the method or its parts make up, by names that files can have"
            )
        found[name] = lies | {"settings": config.describe(module)}
    return found


def lies_at(encoder: Encoder | SoundEncoder, places: Mapping[int, str]) -> dict[str, Any] | None:
    """Return where the weights of an encoder lie in a method.

    Args:
        encoder: held by the method, or made of modules that it holds.
        places: of all modules of the method, by `id`.

    Returns:
        Its ``place``, or the place of each of the ``parts`` of its trunk; None where it lies nowhere.
    """
    if id(encoder) in places:
        return {"place": places[id(encoder)]}
    children = dict(encoder.trunk.named_children())
    whole = all(name.partition(".")[0] in children for name in encoder.trunk.state_dict())
    if not children or not whole or any(id(child) not in places for child in children.values()):
        return None
    return {"parts": {name: places[id(child)] for name, child in children.items()}}


def export(run: Path) -> list[Path]:
    """Write the encoders of a run's last checkpoint as files beside it; the averaged ones if it has them.

    ``encoder.safetensors``, and ``sound.safetensors`` for methods that hear, or what else the method's ``exports``
    names, in single precision. The metadata says how to build each (``encoder``, JSON of name and arguments; a sound
    encoder's holds its spectrogram), the ``method``, the ``step`` and the last ``measures``.
    """
    found, paths = peek(run / LAST), []
    for part, about in parts_of(found).items():
        metadata = {
            "method": str(found["settings"]["method"]["name"]),
            "step": str(found["step"]),
            "measures": json.dumps(found["measures"]),
        }
        paths.append(write_export(run / file_of(part), about["settings"], weights_of(found, part, "last"), metadata))
    return paths


def write_export(path: Path, settings: Any, weights: Mapping[str, Tensor], about: Mapping[str, str]) -> Path:
    """Write an encoder as a file that `load_encoder` reads, in single precision; whole or not at all.

    Args:
        path: of the file.
        settings: how to build the encoder, as `avssl.config.describe` tells.
        weights: its trunk's, under plain keys.
        about: what else the metadata say.
    """
    metadata = {"encoder": json.dumps(settings), **about, "avssl": __version__}
    tensors = {name: single(value).contiguous() for name, value in weights.items()}
    with whole(path) as part:  # save_file would let nobody but its writer read it
        part.write_bytes(in_order(save(tensors, metadata=metadata)))
    return path


def file_of(part: str) -> str:
    """Return the name of the file that an encoder is exported to."""
    return f"{part}.safetensors"


def parts_of(checkpoint: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the encoders of a checkpoint by name: where they lie and the ``settings`` to build them."""
    if "exports" in checkpoint:
        return checkpoint["exports"]
    settings = {"sound": checkpoint["settings"]["method"].get("sound"), "encoder": checkpoint["encoder"]}
    return {part: {"place": part, "settings": settings[part]} for part in BEFORE if settings[part] is not None}


def weights_of(checkpoint: Mapping[str, Any], part: str, which: Which) -> dict[str, Tensor]:
    """Return an encoder's weights in a checkpoint under plain keys: averaged, unless there are none or ``"live"``."""
    average, about = checkpoint["average"], parts_of(checkpoint)[part]
    weights = checkpoint["method"] if average is None or which == "live" else average
    lies = {f"{place}.": f"{name}." for name, place in about["parts"].items()} if "parts" in about else None
    lies = lies or {f"{about['place']}.trunk.": ""}  # without: torchvision's
    return {
        own + name.removeprefix(prefix): value
        for prefix, own in lies.items()
        for name, value in weights.items()
        if name.startswith(prefix)
    }


def not_rebuilt(method: "Method") -> list[str]:
    """Return a line for each encoder of a method that nothing can build again from its settings."""
    lines = []
    for part, made in method.exports().items():
        if isinstance(made, Encoder | SoundEncoder) and (reason := not_recorded(made, part)):
            load = "load_sound" if isinstance(made, SoundEncoder) else "load_encoder"
            lines.append(
                f"the {type(made).__name__} of this run cannot be built again from its settings ({reason}); keep the "
                f"code that makes it, and load the run with avssl.{load}(run, encoder=...)"
            )
    return lines


def not_recorded(encoder: Encoder | SoundEncoder, part: str) -> str:
    """Return why settings do not tell how to build an encoder again; nothing if they do."""
    try:
        planned = config.fit(config.describe(encoder), family_of(family_name(type(encoder)), part), part)
    except ConfigError as error:
        return str(error)
    given = vars(encoder).get("_arguments", {})
    for name, value in planned.arguments.items():
        if isinstance(value, Mapping) and not isinstance(given.get(name, value), Mapping):
            return f"{part}.{name}: a {type(given[name]).__name__} is made by code, not by settings"
    return ""


def load_encoder(
    run: str | Path,
    which: Which = "last",
    trust: Trust = (),
    encoder: Encoder | nn.Module | None = None,
    export: str = ENCODER,
) -> Encoder:
    """Rebuild the encoder of pictures that a run has learned, strictly: every tensor must find its place.

    Args:
        run: a run's folder, or an exported ``.safetensors`` file.
        which: ``"last"``: the newest (averaged weights where the run keeps them); ``"best"``: by the run's measure,
            likewise; ``"ema"``: averaged weights or an error; ``"live"``: the newest without averaging.
        trust: packages whose classes the run may name and so run, such as ``"my_nets"``; the project's own always may.
        encoder: fill this one, whatever the run says of its settings; a plain module is taken as by
            `avssl.nets.as_encoder`. None builds the one that the run names.
        export: which of the run's encoders, by the name of its file, such as ``"projected"``.

    Returns:
        The encoder, in evaluation mode, on the CPU. How many tensors matched is printed.

    Raises:
        TrainingError: if there is no such file, or its tensors are not those of the encoder it names.
        ConfigError: if it names a class of a package that is not trusted.
    """
    made = encoder if encoder is None or isinstance(encoder, Encoder) else as_encoder(encoder)
    return load_part(run, export, Encoder, which, trust, made)


def load_sound(
    run: str | Path, which: Which = "last", trust: Trust = (), encoder: SoundEncoder | None = None
) -> SoundEncoder:
    """Rebuild the encoder of sounds that a run has learned, its spectrogram with it; see `load_encoder`.

    Raises:
        TrainingError: as there, or if the run's method does not hear.
    """
    return load_part(run, "sound", SoundEncoder, which, trust, encoder)


def load_part(
    run: str | Path, part: str, kind: type[Made], which: Which = "last", trust: Trust = (), made: Made | None = None
) -> Made:
    """Rebuild an encoder of a run by the name of its export, or fill the one that was made; see `load_encoder`."""
    run = Path(run)
    path = run if run.is_file() else run / (BEST if which == "best" else LAST)
    if not path.exists() and which == "last" and (run / file_of(part)).exists():
        path = run / file_of(part)  # a run that was sent on without its checkpoints
    if path.suffix == ".safetensors" and path.exists():
        settings, weights = read_export(path)
    else:
        found = checkpoint_of(path, which)
        known = parts_of(found)
        if part not in known:
            what = "encoder of sounds" if kind is SoundEncoder else f"export {part!r}; it has {', '.join(known)}"
            raise TrainingError(f"{path}: {found['settings']['method']['name']} has no {what}")
        settings, weights = known[part]["settings"], weights_of(found, part, which)
    if made is None:
        with torch.random.fork_rng(devices=[]), config.trusting(trust):  # the caller's chance is the caller's
            made = rebuilt(settings, kind, part, path)
    assert made is not None
    matched = fill(made, weights, path)
    print(printable(f"{path}: {matched} of {matched} tensors matched {type(made).__name__}"))
    return made.eval()


def family_name(kind: type[Encoder] | type[SoundEncoder]) -> str:
    """Return the dotted name of the family that an encoder is of, as settings look it up."""
    return f"avssl.nets.{'SoundEncoder' if issubclass(kind, SoundEncoder) else 'Encoder'}"


def rebuilt(settings: Any, kind: type[Made], part: str, path: Path) -> Made:
    """Build the encoder that settings out of a file name.

    Raises:
        ConfigError: if they cannot; where settings do not tell enough, it says what to do.
    """
    try:
        return config.rebuild(settings, family_name(kind), f"{path}: {part}")
    except ConfigError as error:
        if error.__cause__ is None and config.UNRECORDED not in json.dumps(settings, default=str):
            raise
        raise ConfigError(f"{error}; if code made this {part}, load it with encoder=") from error


def load_method(run: str | Path, which: Which = "last", trust: Trust = (), method: "Method | None" = None) -> "Method":
    """Rebuild the whole method that a run has learned, heads and all, strictly.

    Args:
        run: a run's folder; exports alone do not hold the heads.
        which: as for `load_encoder`.
        trust: likewise.
        method: fill this one, whatever the run says of its settings; None builds the one that the run names.

    Returns:
        The method, in evaluation mode, on the CPU.

    Raises:
        TrainingError: if there is no checkpoint, or its tensors are not those of the method.
        ConfigError: if the checkpoint's settings no longer fit the method, or name a package that is not trusted.
    """
    path = Path(run) / (BEST if which == "best" else LAST)
    found = checkpoint_of(path, which)
    settings = found["settings"]["method"]
    if method is None:
        with torch.random.fork_rng(devices=[]), config.trusting(trust):
            method = config.rebuild(settings, "avssl.methods.Method", f"{path}: method")
    assert method is not None
    for state in (found["method"], None if which == "live" else found["average"]):
        if state is not None:
            fill_method(method, state, path)
    return method.eval()


def fill_method(method: "Method", state: Mapping[str, Tensor], path: Path) -> None:
    """Load a method's state; all of it must match."""
    own, name = method.state_dict(), type(method).__name__
    odd = [key for key, value in state.items() if key in own and not fits(value, own[key])]
    if odd:
        raise TrainingError(f"{path} does not fit {name}: of another shape or kind of number: {listed(odd)}")
    try:
        method.load_state_dict(state, strict=True)
    except (RuntimeError, TypeError, AttributeError, LookupError) as error:
        raise TrainingError(f"{path} does not fit {name}: {format_error(error)}") from error


def checkpoint_of(path: Path, which: Which) -> dict[str, Any]:
    """Return what a checkpoint holds.

    Raises:
        TrainingError: if it is not there, or has no averaged weights that were asked for.
    """
    if not path.exists():
        raise TrainingError(f"{path} does not exist; train first, or name another run")
    found = peek(path)
    found.setdefault("average", None)
    if which == "ema" and found["average"] is None:
        raise TrainingError(f"{path} keeps no averaged weights; train with ema=0.999, or load which='last'")
    return found


def format_error(error: Exception) -> str:
    """Return the first fact of PyTorch's many lines."""
    facts = [line.strip() for line in str(error).splitlines() if line.strip()]
    return facts[1] if len(facts) > 1 else facts[0]


def read_export(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the settings and the weights in an exported file.

    Raises:
        TrainingError: if it cannot be read, or does not say which encoder it is.
    """
    return tensor_files.read_export(path, TrainingError)


def fill(encoder: Encoder | SoundEncoder, weights: Mapping[str, Tensor], path: Path) -> int:
    """Load weights into an encoder's trunk and return how many tensors there were; all must match.

    Raises:
        TrainingError: if one does not.
    """
    return tensor_files.fill(encoder, weights, path, TrainingError)
