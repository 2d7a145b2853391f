"""What frames are compared by: maps of a run's encoder, adapted to the recording or not, or windows of raw pixels."""

from pathlib import Path

import numpy as np

from avssl.config import ConfigError, Trust
from avssl.evaluation.propagation.adaptation import TOLD, Adapt, Adapter
from avssl.evaluation.propagation.maps import LayerMaps, Maps, Windows
from avssl.features.layers import check_layer, last_map
from avssl.features.propagation.settings import Propagation
from avssl.features.runs import find_run
from avssl.media import Reader
from avssl.nets.encoders import require_takes
from avssl.training.export import load_encoder, load_method

SIDE, STRIDE = 8, 4  # of windows of raw pixels: what is compared where there are no weights


def told(run: Path | None, adapt: Adapt | None = None) -> str:
    """Return what compared frames, in words."""
    if run is None:
        return f"windows of {SIDE}x{SIDE} raw pixels, nothing learned: give run=FOLDER for features of a run"
    return f"the features of {run}" + (f", adapted to the recording in {adapt.steps} steps" if adapt else "")


def maps_of(
    run: Path | None,
    layer: str | None,
    small: Reader,
    device: str,
    trust: Trust,
    adapt: Adapt | None,
    settings: Propagation,
    multiple: int,
) -> Maps:
    """Return what maps frames to features: an encoder's layer, adapted or not, or windows of pixels.

    Raises:
        ConfigError: if there is no such run or layer, its encoder takes clips, or ``layer`` or ``adapt`` is given
            without a run.
    """
    if run is None:
        for name, given in (("layer", layer), ("adapt", adapt)):
            if given is not None:
                raise ConfigError(f"{name}: {given!r} is of a run; give run=FOLDER too")
        return Windows(SIDE, STRIDE)
    encoder = load_encoder(find_run(run), trust=trust)
    require_takes(encoder, "pictures", "track")
    if layer is not None:
        check_layer(encoder, layer)
    layer = layer or last_map(encoder.eval(), small.frames([0]).data)
    if adapt is None:
        return LayerMaps(encoder, layer, device)
    adapter = Adapter(load_method(find_run(run), trust=trust), adapt, settings, layer, device, multiple)
    found = adapter(lambda places: small.frames(np.array(places)).data, len(small))
    each = (f"{name} {was:.3f} to {now:.3f}" for name, was, now in zip(TOLD, found.before, found.after, strict=True))
    print(f"Adapted to the recording in {adapt.steps} steps: {', '.join(each)} (on clips spread over it).")
    return adapter.maps(found)
