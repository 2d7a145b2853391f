"""CPC of pictures: from the upper rows of a grid of patches, find the patches of rows below.

Van den Oord, Li and Vinyals, "Representation Learning with Contrastive Predictive Coding" (version 1), 2018, section
3.2, https://arxiv.org/abs/1807.03748; Henaff et al., "Data-Efficient Image Recognition with Contrastive Predictive
Coding" (version 2), ICML 2020, section 3 and its pseudo-code in the appendix, https://arxiv.org/abs/1905.09272. Numbers
with a star are from memory.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from avssl.methods.base import Batch, Method
from avssl.methods.contrastive.cpc_grid import Context, cut_grid
from avssl.methods.contrastive.cpc_loss import contrast_steps
from avssl.methods.inputs import as_batch, owners_of, pictures_of, view_pictures
from avssl.nets import Encoder
from avssl.nets.encoders import require_takes
from avssl.transforms import Draws, Transform
from avssl.transforms.draws import numbered


class CPC(Method):
    """Masked convolutions sum up the rows of patches down to one, and predict those further below.

    Negatives are all other patches of the batch, of the same picture too; pictures of one recording are none of each
    other. One linear map for each distance (version 1, section 2). Logits are inner products times ``scale``; nothing
    is normalised, and there is no other temperature.

    What it must not have:

    - **Batch normalisation.** No patch is seen before it is predicted, but statistics of a batch that holds it tell of
      it: accuracy rises, features get worse. Version 1 has none*, version 2 layer normalisation: use
      ``SmallNet(norm="group")``. A run says so where the encoder has it.
    - **Overlap.** What rows share in pixels could be copied: ``skip`` leaves such rows out.
    - **Cues of the place.** The zeros that the context is padded with tell it which place it predicts. What tells where
      a patch lies (dark corners, frames, black borders) then leaves one candidate a picture: ``log(grid * grid)`` nats
      that nothing was understood for.

    Departures: the mean over distances, where version 2 adds them; version 2's context for both (version 1: like
    PixelCNN*); ``both`` predicts upwards too, by a context and maps of its own, where version 2 has four directions*.
    Version 1 cuts 60 px at a drawn place out of each patch of 64*, which ``patch_views`` may. What is exported learned
    from patches: let probes read its maps.

    Args:
        encoder: patches to vectors.
        grid: patches a side (7*; version 2: 6*).
        patch: side of a patch in pixels (64*; version 2: 80*).
        stride: from patch to patch in pixels (32*; version 2: 36*).
        steps: distances to predict (version 1: up to 5 rows*; version 2's pseudo-code as printed: one, 3 rows below).
        skip: rows below that are not asked for; None for those that overlap (at the papers' sizes 1 and 2; version 2:
            2, ``steps_to_ignore``).
        dim: length of targets and predictions, a linear map of the features (version 2: 64); None takes the features.
        hidden: channels within the blocks of the context (version 2: 256).
        blocks: of the context (version 2: 5).
        scale: multiplies the predictions (version 2: 0.1, ``emb_scale``).
        both: predict upwards as well.
        views: transforms of whole pictures, drawn by the picture's key; evaluation takes its own look.
        patch_views: transforms of each patch for itself, likewise.

    Raises:
        ValueError: if the grid leaves nothing to predict, or a number cannot be.
        ConfigError: for an encoder of clips.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> method = CPC(SmallNet(dim=16, width=4, norm="group"), grid=4, patch=10, stride=6, steps=2, hidden=16)
        >>> found = method(torch.rand(2, 3, 28, 28))
        >>> sorted(found), round(1 / found["chance"].item())
        (['accuracy', 'chance', 'loss'], 32)
    """

    def __init__(
        self,
        encoder: Encoder,
        grid: int = 7,
        patch: int = 64,
        stride: int = 32,
        steps: int = 3,
        skip: int | None = None,
        dim: int | None = None,
        hidden: int = 256,
        blocks: int = 5,
        scale: float = 1.0,
        both: bool = False,
        views: Sequence[Transform] = (),
        patch_views: Sequence[Transform] = (),
    ):
        super().__init__()
        require_takes(encoder, "pictures", "CPC")
        sizes = {"grid": grid, "patch": patch, "stride": stride, "steps": steps, "hidden": hidden, "blocks": blocks}
        sizes |= {} if dim is None else {"dim": dim}
        if min(sizes.values()) < 1 or not scale > 0:
            told = ", ".join(f"{name}={value}" for name, value in (sizes | {"scale": scale}).items())
            raise ValueError(f"needs numbers of at least 1 and a scale above 0; got {told}")
        self.skip = -(-patch // stride) - 1 if skip is None else skip
        if self.skip < 0 or self.skip + steps >= grid:
            raise ValueError(
                f"{steps} distances beyond {self.skip} rows that are skipped need a grid of at least "
                f"{self.skip + steps + 1} rows; got {grid}; set smaller patches, fewer steps or another skip"
            )
        self.encoder, self.grid, self.patch, self.stride, self.scale = encoder, grid, patch, stride, scale
        self.views, self.patch_views = tuple(views), tuple(patch_views)
        self.target = nn.Identity() if dim is None else nn.Conv2d(encoder.dim, dim, 1)
        ways, out = 2 if both else 1, encoder.dim if dim is None else dim
        self.contexts = nn.ModuleList(Context(encoder.dim, hidden, blocks) for _ in range(ways))
        self.predict = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(encoder.dim, out, 1, bias=False) for _ in range(steps)) for _ in range(ways)
        )

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Predict the rows below each.

        Args:
            batch: as `avssl.methods.inputs.as_batch` takes it; each frame is a picture.

        Returns:
            ``loss`` in nats, ``accuracy`` and ``chance``: `avssl.losses.predictive_contrast`, the mean over distances.

        Raises:
            ValueError: if pictures are smaller than the grid.
        """
        batch = as_batch(batch)
        pictures, keys = pictures_of(batch)
        pictures = view_pictures(pictures, Draws(keys), self.views, self.training)
        features = self.encode(self.patches(pictures, keys))
        candidates = self.target(features).flatten(2).transpose(1, 2)
        return contrast_steps(self.predictions(features), candidates, owners_of(batch))

    def patches(self, pictures: Tensor, keys: Tensor) -> Tensor:
        """Return the patches of pictures, row by row, ``(N, grid * grid, 3, patch, patch)``."""
        patches = cut_grid(pictures, self.grid, self.patch, self.stride)
        if not self.patch_views:
            return patches
        each = Draws(numbered(keys, self.grid**2).flatten(0, 1))
        shown = view_pictures(patches.flatten(0, 1), each, self.patch_views, self.training)
        return shown.unflatten(0, patches.shape[:2])

    def encode(self, patches: Tensor) -> Tensor:
        """Return the features of patches as maps, ``(N, encoder.dim, grid, grid)``."""
        rows = self.encoder(patches.flatten(0, 1)).unflatten(0, patches.shape[:2])
        return rows.transpose(1, 2).unflatten(2, (self.grid, self.grid))

    def predictions(self, features: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return for each direction and distance what is predicted, ``(N, anchors, dim)``, and of which places.

        Args:
            features: of `encode`.
        """
        places = torch.arange(self.grid * self.grid, device=features.device).view(self.grid, self.grid)
        steps = []
        for way, (context, maps) in enumerate(zip(self.contexts, self.predict, strict=True)):
            summed = context(features.flip(2) if way else features)  # upwards: the grid stands on its head
            asked = places.flip(0) if way else places
            for distance, predict in enumerate(maps, start=self.skip + 1):  # pyright: ignore[reportArgumentType]
                predicted = predict(summed[:, :, :-distance]) * self.scale
                steps.append((predicted.flatten(2).transpose(1, 2), asked[distance:].flatten()))
        return steps

    def facts(self) -> list[str]:
        """Return what the grid asks for, and a line where batch normalisation would give the answer away."""
        distances = f"{self.skip + 1} to {self.skip + len(self.predict[0])}"  # pyright: ignore[reportArgumentType]
        lines = [f"patches: {self.grid} x {self.grid} of {self.patch} px; rows {distances} below each are predicted"]
        if any(isinstance(part, _BatchNorm) for part in self.encoder.modules()):
            lines.append(
                f"warning: {type(self.encoder).__name__} has batch normalisation, whose statistics tell of the patches "
                "that are asked for; CPC learns better features without (SmallNet: norm: group)"
            )
        return lines
