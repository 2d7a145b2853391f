"""UVC: one affinity finds where a window went, and carries its colours there and back.

Li, Liu, De Mello, Wang, Kautz and Yang, "Joint-task Self-supervised Learning for Temporal Correspondence", NeurIPS
2019, https://arxiv.org/abs/1909.11895. Numbers were read in the authors' code (``libs/model.py``).
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.losses import (
    cell_grid,
    concentration,
    cut_windows,
    orthogonality,
    pointers,
    window_distance,
    windows_at,
)
from avssl.methods.base import Batch, Method
from avssl.methods.correspondence.moving import grey_notes, moving_clips, weighted_mean
from avssl.nets import Encoder
from avssl.nets.clips import channels_of_maps
from avssl.nets.columns import grey_and_lab
from avssl.nets.encoders import require_takes
from avssl.nets.map_net import grey_pictures
from avssl.transforms import Draws, Transform
from avssl.transforms.base import apply_views
from avssl.transforms.draws import stream_of

STREAM = -15  # last number of the key that windows are drawn by
LAB = ((50.0, 0.0, 0.0), (50.0, 12.7, 12.7))  # what is taken off, and divided by: a and b count ten times


class UVC(Method):
    """A window of the first frame is found in the last one and compared with what lies there, cell by cell.

    Each cell of the window points at cells of the other frame; the mean place is where the window went. Between the two
    windows a second affinity of the same features carries colours, which ought to be true (L1 of Lab); its transpose
    ought to bring them, and places, home (`avssl.losses.orthogonality`), and cells of a neighbourhood ought to stay
    together (`avssl.losses.concentration`). Until step ``warmup`` the window is looked for where it was.

    Departures: the mean colours of cells are carried, where the authors have the codes of a frozen autoencoder of
    colours; windows are cut out of maps, not of pictures; no sample is left out for a loss above 2.5; padded clips do
    not count. Orthogonality of places (``places``) is the paper's; in the authors' code it raises a NameError.

    Args:
        encoder: of pictures; it sees grey ones.
        layer: whose cells are compared, out of ``encoder.layers``.
        window: side, as a share of the frame's (256 of 640: 0.4).
        temperature: inner products of features are divided by it (1).
        warmup: steps before windows are looked for (10 of 30 epochs).
        concentrate: weight of the concentration (0.3).
        neighbourhood: side of its windows in cells (8).
        colours: weight of the orthogonality of colours (0.1).
        places: weight of the orthogonality of places (0.1 by default, 0 in the released script).
        views: transforms of whole clips, such as a common crop.

    Raises:
        ValueError: if the layer gives vectors, or a number cannot be.

    Examples:
        >>> from avssl.nets import MapNet
        >>> method = UVC(MapNet(dim=8, width=4, grey=True), layer="conv3", neighbourhood=2)
        >>> sorted(method(torch.rand(2, 2, 3, 32, 32)))
        ['back', 'colour', 'concentration', 'loss', 'moved', 'places', 'still_colour']
    """

    steps: Tensor
    floors: ClassVar = {"still_colour": "colour"}

    def __init__(
        self,
        encoder: Encoder,
        layer: str,
        window: float = 0.4,
        temperature: float = 1.0,
        warmup: int = 0,
        concentrate: float = 0.3,
        neighbourhood: int = 8,
        colours: float = 0.1,
        places: float = 0.1,
        views: Sequence[Transform] = (),
    ):
        super().__init__()
        require_takes(encoder, "pictures", "UVC")
        if not 0 < window < 1 or not temperature > 0 or min(warmup, concentrate, colours, places) < 0:
            raise ValueError(
                f"needs window in (0, 1), temperature above 0, other numbers of at least 0; got {window}, "
                f"{temperature}, {warmup}, {concentrate}, {colours} and {places}"
            )
        channels_of_maps(encoder, [layer], who="UVC")
        self.encoder, self.layer, self.window, self.temperature = encoder, layer, window, temperature
        self.warmup, self.neighbourhood, self.views = warmup, neighbourhood, tuple(views)
        self.weights = {"colour": 1.0, "concentration": concentrate, "back": colours, "places": places}
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Find a window of the first frame of each clip in its last one.

        Args:
            batch: clips, as `avssl.methods.inputs.as_batch` takes them; of two frames, such as pairs.

        Returns:
            ``loss``, the weighted sum of ``colour``, ``concentration``, ``back`` (orthogonality of colours) and
            ``places`` (of places); ``still_colour``, what ``colour`` is when nothing is carried, only copied in place;
            ``moved``, how far windows were found to go, in halves of the frame's side.

        Raises:
            ValueError: for clips of one frame.
        """
        clips, keys, whole = moving_clips(batch, 2, "UVC")
        clips = apply_views(self.views, clips[:, [0, -1]], Draws(keys), self.training)
        maps = self.maps(clips.flatten(0, 1))
        colours = F.adaptive_avg_pool2d(lab_of(clips.flatten(0, 1)), (maps.shape[-2], maps.shape[-1]))
        first, last = ([part.unflatten(0, (-1, 2))[:, time] for part in (maps, colours)] for time in (0, 1))
        side = max(1, round(self.window * min(maps.shape[-2:])))
        room = 1 - self.window
        middle = Draws(stream_of(keys, STREAM)).uniform(2, low=-room, high=room)
        start = windows_at(F.pad(middle, (0, 1)), self.window)
        cells, shown = (cut_windows(part, start, side).flatten(2).mT for part in first)
        went = middle if self.training and int(self.steps) < self.warmup else self.located(cells, last[0])
        end = windows_at(F.pad(went.clamp(-room, room), (0, 1)), self.window)
        others, there = (cut_windows(part, end, side).flatten(2).mT for part in last)
        over, home = pointers(others, cells, self.temperature), pointers(cells, others, self.temperature)
        square = (side, side)
        parts = {
            "colour": (over @ shown - there).abs().mean((1, 2)),
            "concentration": sum(concentration(way, square, square, self.neighbourhood) for way in (over, home)) / 2,
            "back": orthogonality(over, shown),
            "places": orthogonality(over, cell_grid(square, over).expand(len(over), -1, -1)),
        }
        found = {name: weighted_mean(value, whole) for name, value in parts.items()}
        still = (shown - cut_windows(last[1], start, side).flatten(2).mT).abs().mean((1, 2))
        return {
            "loss": torch.stack([self.weights[name] * value for name, value in found.items()]).sum(),
            **found,
            "still_colour": weighted_mean(still, whole),
            "moved": weighted_mean(window_distance(end, start).detach().sqrt(), whole),
        }

    def maps(self, frames: Tensor) -> Tensor:
        """Return the features of the cells of frames ``(N, 3, H, W)``, ``(N, channels, h, w)``; colour is not seen."""
        return self.encoder.taps(grey_pictures(frames), [self.layer], whole=False)[self.layer]

    def located(self, cells: Tensor, frame: Tensor) -> Tensor:
        """Return the middle of where cells ``(N, cells, dim)`` lie in maps ``(N, dim, h, w)``, x and y, ``(N, 2)``."""
        pointing = pointers(cells, frame.flatten(2).mT, self.temperature)
        return (pointing @ cell_grid((frame.shape[2], frame.shape[3]), pointing)).mean(1)

    def nodes(self, clips: Tensor, keys: Tensor) -> Tensor:
        """Return the cells of clips ``(clips, frames, 3, H, W)``, ``(clips, frames, cells, dim)``."""
        return self.maps(clips.flatten(0, 1)).flatten(2).mT.unflatten(0, clips.shape[:2])

    def after_step(self, step: int, steps: int) -> None:
        """Count, for the warm-up."""
        self.steps.fill_(step)

    def facts(self) -> list[str]:
        """Return a line where the encoder would see colours in use that it never saw in training."""
        return grey_notes(self.encoder)


def lab_of(frames: Tensor) -> Tensor:
    """Return Lab of frames ``(N, 3, H, W)``, so scaled that a and b count ten times."""
    _, lab = grey_and_lab(frames)
    less, over = (lab.new_tensor(row).view(3, 1, 1) for row in LAB)
    return (lab - less) / over
