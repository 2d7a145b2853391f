"""Frozen features: what a layer of an encoder makes of pictures, in batches, on any device, kept on disk."""

import numpy as np
import torch
from torch import Tensor

from avssl.config import ConfigError
from avssl.config.errors import suggest
from avssl.features.cache import FeatureCache, digest
from avssl.features.rows import frames_per_pass
from avssl.nets import Encoder, SoundEncoder
from avssl.progress import track

OUTPUT = "output"  # the name of what the encoder itself returns


class Extractor:
    """Runs encoders over pictures.

    Every piece of the work is kept as soon as it is done, under the hash of the weights and of the pictures: an
    interrupted extraction goes on where it stopped, and features that two evaluations need are computed once.

    Args:
        cache: where features are kept.
        device: where the encoder runs.
        batch: pictures a pass.
        piece: pictures a file.
        quiet: show no progress.
    """

    def __init__(
        self,
        cache: FeatureCache,
        device: torch.device | str = "cpu",
        batch: int = 256,
        piece: int = 2048,
        quiet: bool = False,
    ):
        self.cache, self.device, self.batch, self.piece, self.quiet = cache, torch.device(device), batch, piece, quiet

    def __call__(self, encoder: Encoder, images: Tensor, layer: str = OUTPUT) -> np.ndarray:
        """Return the features of pictures.

        Args:
            encoder: its batch statistics are used as they are; it is left in evaluation mode.
            images: RGB, uint8 ``(pictures, 3, H, W)``, or ``(clips, frames, 3, H, W)`` for an encoder of clips.
            layer: one of ``encoder.layers``, or ``"output"``.

        Returns:
            float32 ``(pictures, dim)``, or ``(pictures, channels, height, width)`` for a layer of maps, of clips with
            frames before the height.
        """
        encoder = encoder.to(self.device).eval()
        weights = digest(encoder)
        pieces = images.split(self.piece)
        steps = track(pieces, f"features ({layer})", quiet=self.quiet or len(pieces) == 1)
        return np.concatenate(
            [
                self.cache(
                    {"features": layer, "weights": weights, "images": digest(piece), "device": self.device.type},
                    lambda piece=piece: self._run(encoder, piece, layer),
                )
                for piece in steps
            ]
        )

    @torch.inference_mode()
    def _run(self, encoder: Encoder, images: Tensor, layer: str) -> np.ndarray:
        found = []
        for batch in images.split(frames_per_pass(self.batch, images)):
            pictures = unit(batch.to(self.device))
            features = encoder(pictures) if layer == OUTPUT else encoder.taps(pictures, [layer])[layer]
            found.append(features.float().cpu().numpy())
        return np.concatenate(found)


def check_layer(encoder: Encoder | SoundEncoder, layer: str) -> None:
    """Say what layers there are if ``layer`` is none of them.

    Raises:
        ConfigError: if it is neither ``"output"`` nor one of ``encoder.layers``.
    """
    if layer != OUTPUT and layer not in encoder.layers:
        raise ConfigError(
            f"layer: {type(encoder).__name__} has no layer {layer!r}{suggest(layer, encoder.layers)}; "
            f"there is {', '.join((*encoder.layers, OUTPUT))}"
        )


def unit(images: Tensor) -> Tensor:
    """Return uint8 pictures as floats in [0, 1]; what is no byte stays as it is."""
    return images.float() / 255 if images.dtype == torch.uint8 else images


def last_map(encoder: Encoder, images: Tensor) -> str:
    """Return the deepest layer that still knows where things are: a map of more than one cell.

    Args:
        encoder: any encoder.
        images: a picture or more as it will see them, uint8 ``(pictures, 3, H, W)``; clips for an encoder of clips.

    Raises:
        ConfigError: if it has none.
    """
    with torch.inference_mode():
        taps = encoder.eval().taps(unit(images[:1].to(encoder.mean.device)), encoder.layers)
    maps = [name for name in encoder.layers if taps[name].ndim > 2 and taps[name].shape[-2:].numel() > 1]
    if not maps:
        raise ConfigError(
            f"no layer of {type(encoder).__name__} is a map of more than one cell for pictures of "
            f"{tuple(images.shape[-2:])}; name a layer out of {', '.join(encoder.layers)}"
        )
    return maps[-1]
