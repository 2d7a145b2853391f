"""Batched transforms of frames, on the batch's device, with chance keyed by the sample."""

from typing import TYPE_CHECKING

from avssl.lazy import attach

if TYPE_CHECKING:
    from avssl.transforms.base import Scope as Scope
    from avssl.transforms.base import Transform as Transform
    from avssl.transforms.blur import GaussianBlur as GaussianBlur
    from avssl.transforms.color import GainOffset as GainOffset
    from avssl.transforms.color import Grey as Grey
    from avssl.transforms.color import Solarize as Solarize
    from avssl.transforms.crops import RandomResizedCrop as RandomResizedCrop
    from avssl.transforms.cues import Aberration as Aberration
    from avssl.transforms.cues import Border as Border
    from avssl.transforms.cues import Light as Light
    from avssl.transforms.cues import Lines as Lines
    from avssl.transforms.cues import Texture as Texture
    from avssl.transforms.cues import Vignette as Vignette
    from avssl.transforms.draws import Draws as Draws
    from avssl.transforms.geometric import Geometric as Geometric
    from avssl.transforms.geometric import Window as Window
    from avssl.transforms.geometry import Crop as Crop
    from avssl.transforms.geometry import Flip as Flip
    from avssl.transforms.geometry import Resize as Resize
    from avssl.transforms.geometry import Trim as Trim
    from avssl.transforms.jitter import ColorJitter as ColorJitter
    from avssl.transforms.multiview import MultiView as MultiView
    from avssl.transforms.multiview import View as View
    from avssl.transforms.rand_augment import RandAugment as RandAugment
    from avssl.transforms.token_masks import BlockMask as BlockMask

__getattr__, __dir__ = attach(__name__)
