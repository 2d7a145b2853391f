"""The views of papers, one recipe a view, for `MultiView`.

Each number was read in the authors' released code, named beside it; sections of papers marked with a star were not at
hand and are from memory. All are of 224 pixels. Two things differ: the blur is a Gaussian (MoCo, SwAV and the clips
have Pillow's, which approximates it by boxes), and resizing is bilinear (SimCLR and BYOL: bicubic).
"""

from avssl.transforms.base import Transform
from avssl.transforms.blur import GaussianBlur
from avssl.transforms.color import Grey, Solarize
from avssl.transforms.crops import RandomResizedCrop
from avssl.transforms.geometry import Flip
from avssl.transforms.jitter import ColorJitter
from avssl.transforms.rand_augment import RandAugment

Recipes = list[list[Transform]]


def moco_v1(size: int = 224, views: int = 2) -> Recipes:
    """He et al., "Momentum Contrast", CVPR 2020, section 3.3*, "Technical details"; ``main_moco.py``.

    As instance discrimination (Wu et al., CVPR 2018): the jitter is done to every view, behind the loss of colour.
    """
    return [
        [RandomResizedCrop(size, scale=(0.2, 1.0)), Grey(0.2), ColorJitter(0.4, 0.4, 0.4, 0.4), Flip()]
        for _ in range(views)
    ]


def moco_v2(size: int = 224, views: int = 2) -> Recipes:
    """Chen et al., "Improved Baselines with Momentum Contrastive Learning", 2020, section 3*; ``main_moco.py``."""
    return [
        [
            RandomResizedCrop(size, scale=(0.2, 1.0)),
            ColorJitter(0.4, 0.4, 0.4, 0.1, chance=0.8),
            Grey(0.2),
            GaussianBlur(0.5, sigma=(0.1, 2.0)),
            Flip(),
        ]
        for _ in range(views)
    ]


def simclr(size: int = 224, views: int = 2, strength: float = 1.0, blur: bool = True) -> Recipes:
    """Chen et al., "SimCLR", ICML 2020, appendix A; ``data_util.py``, version 2, whose brightness multiplies.

    Args:
        size: side of the views.
        views: of an item.
        strength: of the jitter; 0.5 on CIFAR-10 (appendix B.9*).
        blur: False on CIFAR-10 (appendix B.9*).
    """
    brightness, hue = 0.8 * strength, 0.2 * strength
    softened: list[Transform] = [GaussianBlur(0.5, sigma=(0.1, 2.0))] if blur else []
    return [
        [
            RandomResizedCrop(size, scale=(0.08, 1.0)),
            Flip(),
            ColorJitter(brightness, brightness, brightness, hue, chance=0.8),
            Grey(0.2),
            *softened,
        ]
        for _ in range(views)
    ]


def byol(size: int = 224) -> Recipes:
    """Grill et al., "Bootstrap Your Own Latent", NeurIPS 2020, appendix B*, table 6*; ``utils/augmentations.py``.

    The two views differ: the first is always blurred, the second rarely, and sometimes solarised. Barlow Twins, MoCo v3
    and PixPro take the same two. Departure: brightness multiplies, and contrast moves channels away from their common
    grey, where BYOL's adds and takes each channel's own mean.
    """
    return [
        [
            RandomResizedCrop(size, scale=(0.08, 1.0)),
            Flip(),
            ColorJitter(0.4, 0.4, 0.2, 0.1, chance=0.8),
            Grey(0.2),
            GaussianBlur(blurred, sigma=(0.1, 2.0)),
            Solarize(solarized, threshold=0.5),
        ]
        for blurred, solarized in ((1.0, 0.0), (0.1, 0.2))
    ]


def swav(size: int = 224, small: int = 96, views: int = 2, small_views: int = 6) -> Recipes:
    """Caron et al., "SwAV", NeurIPS 2020, section 3.2*, "Multi-crop"; ``multicropdataset.py`` and the README's command.

    Two large views, then six small ones.
    """
    shapes = [(size, (0.14, 1.0))] * views + [(small, (0.05, 0.14))] * small_views
    return [
        [
            RandomResizedCrop(side, scale=scale),
            Flip(),
            ColorJitter(0.8, 0.8, 0.8, 0.2, chance=0.8),
            Grey(0.2),
            GaussianBlur(0.5, sigma=(0.1, 2.0)),
        ]
        for side, scale in shapes
    ]


def infomin(size: int = 224, views: int = 2) -> Recipes:
    """Tian et al., "What Makes for Good Views", NeurIPS 2020, section 5*; PyContrast ``datasets/util.py``, "D".

    RandAugment of two operations at the greatest magnitude, each done half of the time, as there. Departure: they are
    torchvision's fourteen operations, where PyContrast has the fifteen of timm, whose magnitude varies by 5 %.
    """
    return [
        [
            RandomResizedCrop(size, scale=(0.2, 1.0)),
            Flip(),
            ColorJitter(0.8, 0.8, 0.8, 0.2, chance=0.8),
            GaussianBlur(0.5, sigma=(0.1, 2.0)),
            RandAugment(num_ops=2, magnitude=30, chance=0.5),
            Grey(0.2),
        ]
        for _ in range(views)
    ]


def rho(size: int = 224, views: int = 2) -> Recipes:
    """Feichtenhofer et al., "A Large-Scale Study on Unsupervised Spatiotemporal Representation Learning", CVPR 2021.

    Section 3*; SlowFast's ``configs/contrastive_ssl`` and ``color_jitter_video_ssl``. Views are clips: give an item as
    many (``RandomClip(count=views)``); all frames of one share its view. Departure: the window is cut first, where the
    released code changes colours and blurs before.
    """
    return [
        [
            RandomResizedCrop(size, scale=(0.2, 0.766)),
            Flip(),
            ColorJitter(0.6, 0.6, 0.6, 0.15, chance=0.8),
            Grey(0.2),
            GaussianBlur(0.5, sigma=(0.1, 2.0)),
        ]
        for _ in range(views)
    ]
