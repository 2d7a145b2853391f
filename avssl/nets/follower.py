"""Windows followed through a video by a correlation filter that is learned along the way."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.nets.correlation_filter import Filter, fit, gaussian_label, respond, shifts, windowed
from avssl.transforms.windows import windows_at

Features = Callable[[Tensor], Tensor]  # windows (N, channels, size, size) -> maps of any stride


@dataclass(frozen=True, kw_only=True)
class Follower:
    """How windows are followed: each frame's window is searched by the filter, which then takes in what was found.

    Args:
        features: of windows; what is coarser than these is enlarged to their size.
        size: side of a window in pixels of its own.
        sigma: of the wanted response, in the same.
        rate: share of the new frame in the filter.
        scales: of windows that are tried in each frame; (1,) keeps their size.
        penalty: on responses of other scales than 1 (UDT's settings: 0.9925 and steps of 1.0275).
        weight: of the filter's regulariser.
    """

    features: Features
    size: int
    sigma: float
    rate: float = 0.05
    scales: Sequence[float] = (1.0,)
    penalty: float = 0.9925
    weight: float = 1e-4

    def __call__(self, frames: Iterable[Tensor], centres: Tensor, extents: Tensor) -> tuple[Tensor, Tensor]:
        """Return where windows are in each frame.

        Args:
            frames: of N videos side by side, each ``(N, channels, H, W)``.
            centres: of windows in the first frame, (x, y) in pixels, ``(N, windows, 2)``.
            extents: width and height of windows, likewise.

        Returns:
            Centres and extents, ``(frames, N, windows, 2)`` each.
        """
        label = gaussian_label(self.size, self.size, self.sigma).to(centres.device)
        learned: Filter | None = None
        found: list[tuple[Tensor, Tensor]] = []
        for frame in frames:
            if learned is not None:
                centres, extents = self.searched(frame, learned, centres, extents)
            new = fit(self.seen(frame, centres, extents), label, self.weight)
            if learned is None:
                learned = new
            else:
                alpha, template = (old.lerp(now, self.rate) for old, now in zip(learned, new, strict=True))
                learned = Filter(alpha, template)
            found.append((centres, extents))
        paths, sizes = zip(*found, strict=True)
        return torch.stack(paths), torch.stack(sizes)

    def seen(self, frame: Tensor, centres: Tensor, extents: Tensor) -> Tensor:
        """Return the features of windows, ``(N, windows, channels, size, size)``."""
        windows = windows_at(frame, centres, extents, self.size)
        maps = self.features(windows.flatten(0, 1))
        if maps.shape[-2:] != (self.size, self.size):
            maps = F.interpolate(maps, (self.size, self.size), mode="bilinear", align_corners=False)
        return windowed(maps).unflatten(0, windows.shape[:2])

    def searched(self, frame: Tensor, learned: Filter, centres: Tensor, extents: Tensor) -> tuple[Tensor, Tensor]:
        """Return where windows are in the next frame, and how large."""
        tried = []
        for scale in self.scales:
            response = respond(learned, self.seen(frame, centres, extents * scale))
            height = response.flatten(-2).amax(-1) * (1.0 if scale == 1 else self.penalty)
            tried.append((height, shifts(response) * extents * scale / self.size))
        best = torch.stack([height for height, _ in tried]).argmax(0)  # (N, windows)
        moved = torch.stack([step for _, step in tried]).gather(0, best[None, ..., None].expand(1, -1, -1, 2))[0]
        scales = centres.new_tensor(list(self.scales))[best][..., None]
        return centres + moved, extents * scales
