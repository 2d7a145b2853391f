"""DPC: from the first blocks of a clip, find the blocks that follow, at each place of their maps.

Han, Xie and Zisserman, "Video Representation Learning by Dense Predictive Coding", ICCV Workshops 2019, section 3,
https://arxiv.org/abs/1909.04656. Numbers were read in the authors' code (``dpc/model_3d.py``).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from avssl.methods.base import Batch, Method
from avssl.methods.contrastive.cpc_loss import contrast_steps
from avssl.methods.inputs import as_batch, to_float
from avssl.methods.recordings import recordings_of
from avssl.nets import Encoder
from avssl.transforms import Draws, Transform
from avssl.transforms.base import apply_views
from avssl.transforms.draws import numbered

PROBE = (8, 64)  # frames and side of the grey clip that shows how many channels a layer has


class DPC(Method):
    """A recurrent unit sums up blocks of a clip at each place of their maps, predicts the next, and goes on from that.

    Each prediction is told from everything that the predicted blocks of the batch hold, all in one softmax: other clips
    (easy negatives), other places of the same clip (spatial) and the same place at other times (temporal); other clips
    of the same recording are none. Logits are plain inner products: nothing is normalised, and there is no temperature.

    A ConvGRU with a kernel of 1 is one GRU cell for all places; predictions pass a ReLU before they are fed back. Zeros
    that an encoder pads its maps with tell places within a map, which makes spatial negatives easy; they tell neither
    blocks nor clips.

    Departures: the cell is PyTorch's; encoders here end their maps in a ReLU, so targets are a linear map of them
    (1x1, ``dim`` channels), which stands for the authors' features before the last ReLU, and a ReLU of it goes into the
    cell. Batch normalisation, which the encoders have and the authors' has too (there by the statistics of each batch
    in evaluation as well), lets blocks of a batch tell of each other: see `CPC`.

    Args:
        encoder: of clips, which sees each block; or of pictures, whose maps are averaged over a block's frames.
        layer: whose map is taken; None for the deepest that is one.
        blocks: that a clip is cut in (8, of 5 frames).
        steps: how many of them are predicted (3).
        dim: channels of targets, predictions and cell (256; the authors': those of the encoder).
        views: transforms of whole clips, drawn by the clip's key.

    Raises:
        ValueError: if nothing is left to predict from, or a layer is none of maps.

    Examples:
        >>> from avssl.nets import SmallClips
        >>> method = DPC(SmallClips(widths=(4, 4, 8, 8)), blocks=4, steps=2, dim=8)
        >>> found = method(torch.rand(2, 8, 3, 32, 32))
        >>> sorted(found), round(1 / found["chance"].item())
        (['accuracy', 'chance', 'loss'], 16)
    """

    def __init__(
        self,
        encoder: Encoder,
        layer: str | None = None,
        blocks: int = 8,
        steps: int = 3,
        dim: int = 256,
        views: Sequence[Transform] = (),
    ):
        super().__init__()
        if min(steps, dim) < 1 or blocks <= steps:
            raise ValueError(
                f"needs steps and dim of at least 1 and more blocks than steps; got {steps}, {dim} and {blocks}"
            )
        self.encoder, self.blocks, self.steps, self.views = encoder, blocks, steps, tuple(views)
        self.layer, channels = map_layer(encoder, layer)
        self.target = nn.Linear(channels, dim)
        self.cell = nn.GRUCell(dim, dim)
        self.predict = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim))
        for part in (self.cell, self.predict):
            for weight in part.parameters():  # as the authors' code
                nn.init.orthogonal_(weight) if weight.ndim > 1 else nn.init.zeros_(weight)

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Predict the last blocks of each clip.

        Args:
            batch: clips, as `avssl.methods.inputs.as_batch` takes them.

        Returns:
            ``loss`` in nats, ``accuracy`` and ``chance``: `avssl.losses.predictive_contrast`.

        Raises:
            ValueError: if frames do not make blocks.
        """
        batch = as_batch(batch)
        frames, key = batch["frames"], batch["key"]
        count = frames.shape[1]
        clips = to_float(frames.flatten(0, 1))
        keys = numbered(key, count).flatten(0, 1)
        targets = self.targets(apply_views(self.views, clips, Draws(keys), self.training))
        asked = targets[:, -self.steps :].flatten(1, 2)
        predicted = self.predictions(targets[:, : -self.steps]).flatten(1, 2)
        places = torch.arange(asked.shape[1], device=asked.device)
        recordings = recordings_of(batch).to(asked.device).repeat_interleave(count)
        return contrast_steps([(predicted, places)], asked, recordings)

    def targets(self, clips: Tensor) -> Tensor:
        """Return what the blocks of clips ``(N, frames, 3, H, W)`` hold, ``(N, blocks, places, dim)``."""
        each, left = divmod(clips.shape[1], self.blocks)
        if not each or left:
            raise ValueError(
                f"clips of {clips.shape[1]} frames cannot be cut in {self.blocks} equal blocks; let the sampler give a "
                f"multiple of {self.blocks} frames, or set other blocks"
            )
        shown = clips.unflatten(1, (self.blocks, each)).flatten(0, 1)
        if self.encoder.takes == "clips":
            maps = self.encoder.taps(shown, [self.layer], whole=False)[self.layer].mean(2)
        else:
            found = self.encoder.taps(shown.flatten(0, 1), [self.layer], whole=False)[self.layer]
            maps = found.unflatten(0, (-1, each)).mean(1)
        return self.target(maps.flatten(2).transpose(1, 2)).unflatten(0, (-1, self.blocks))

    def predictions(self, seen: Tensor) -> Tensor:
        """Return what follows blocks ``(N, blocks, places, dim)``, ``(N, steps, places, dim)``."""
        clips, _, places, dim = seen.shape
        state = seen.new_zeros(clips * places, dim)
        for block in seen.unbind(1):
            state = self.cell(block.flatten(0, 1).relu(), state)
        predicted = []
        for step in range(self.steps):
            predicted.append(self.predict(state))
            if step < self.steps - 1:
                state = self.cell(predicted[-1].relu(), state)
        return torch.stack(predicted, 1).unflatten(0, (clips, places)).transpose(1, 2)


@torch.no_grad()
def map_layer(encoder: Encoder, layer: str | None) -> tuple[str, int]:
    """Return the name of a layer of maps and its channels, as a grey clip shows; None for the deepest.

    Raises:
        ValueError: if it is none of maps, or there is none.
    """
    frames, side = PROBE
    grey = encoder.mean.expand(1, *((frames,) if encoder.takes == "clips" else ()), 3, side, side)
    training = encoder.training
    shown = encoder.eval().taps(grey, encoder.layers if layer is None else (layer,))
    encoder.train(training)
    maps = [name for name, values in shown.items() if values.ndim > 2]
    if not maps:
        raise ValueError(
            f"layer: {layer or type(encoder).__name__} gives no maps; there is {', '.join(encoder.layers)}"
        )
    return maps[-1], shown[maps[-1]].shape[1]
