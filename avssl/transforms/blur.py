"""Blur of each item by a drawn strength.

Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", ICML 2020, appendix A.
https://arxiv.org/abs/2002.05709
"""

from torch import Tensor

from avssl.transforms.base import Scope, Transform, adjust_some, by_scope, check_chance, draw_by_scope, draw_mask, unit
from avssl.transforms.draws import Draws
from avssl.transforms.resampling import blur_weights, resample


class GaussianBlur(Transform):
    """Blur some tuples or frames with a Gaussian, the rim mirrored as in torchvision; in training only.

    Pillow's blur, which some released codes take, approximates the Gaussian by boxes; this is the Gaussian.

    Args:
        chance: share of tuples (or frames) that are blurred.
        sigma: least and greatest standard deviation, in pixels, drawn uniformly.
        kernel: pixels that the Gaussian reaches over, odd; None takes a tenth of the height, made odd, as SimCLR (23 at
            224 pixels, 3 at 28).
        scope: ``"tuple"`` or ``"frame"``.

    Raises:
        ValueError: for a kernel that is even, or does not fit the frames, or deviations that do not rise above 0.
    """

    keeps_places = True

    def __init__(
        self,
        chance: float = 0.5,
        sigma: tuple[float, float] = (0.1, 2.0),
        kernel: int | None = None,
        scope: Scope = "tuple",
    ):
        if not 0 < sigma[0] <= sigma[1]:
            raise ValueError(f"sigma must be two standard deviations that rise above 0 pixels; got {sigma}")
        if kernel is not None and (kernel < 1 or kernel % 2 == 0):
            raise ValueError(f"kernel must be an odd number of pixels; got {kernel}")
        self.chance, self.sigma, self.kernel = check_chance(chance), (sigma[0], sigma[1]), kernel
        self.scope: Scope = scope

    def __call__(self, frames: Tensor, draws: Draws, train: bool = True) -> Tensor:
        frames = unit(frames)
        height, width = frames.shape[-2:]
        kernel = self.kernel_at(height)
        if kernel // 2 >= min(height, width):
            raise ValueError(
                f"a blur over {kernel} pixels needs frames of more than {kernel // 2}; got {height} x {width}; "
                "set a smaller kernel"
            )
        if not train:
            return frames
        chosen = draw_mask(draws, frames, self.scope, self.chance).flatten()
        low, high = self.sigma
        sigma = draw_by_scope(draws, frames, self.scope, low=low, high=high).flatten()

        def blur(some: Tensor, sigma: Tensor) -> Tensor:
            weights = (blur_weights(sigma, kernel, side) for side in (height, width))
            return resample(some, *weights).clamp_(0, 1)

        return adjust_some(by_scope(frames, self.scope).clone(), chosen, blur, sigma).view(frames.shape)

    def kernel_at(self, height: int) -> int:
        """Return the pixels that the Gaussian reaches over in frames of a height."""
        return height // 10 // 2 * 2 + 1 if self.kernel is None else self.kernel
