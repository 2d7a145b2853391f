"""Losses as pure functions of tensors: no state, no chance, no process group; usable in any PyTorch code."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avssl.losses.assignment import drawn_sizes, sinkhorn, transport
    from avssl.losses.contrastive import (
        accuracy,
        contrast,
        halfway,
        info_nce,
        nt_xent,
        similarities,
        symmetric_contrast,
    )
    from avssl.losses.noise import contrast_with_bank, estimate_log_constant, noise_contrast
    from avssl.losses.redundancy import barlow_twins, covariance, cross_correlation, variance, vicreg
    from avssl.losses.regression import byol, negative_cosine
    from avssl.losses.verification import pair_verification

WHERE = {  # public name -> the module that holds it, imported when the name is first used
    "accuracy": "avssl.losses.contrastive",
    "barlow_twins": "avssl.losses.redundancy",
    "byol": "avssl.losses.regression",
    "contrast": "avssl.losses.contrastive",
    "contrast_with_bank": "avssl.losses.noise",
    "covariance": "avssl.losses.redundancy",
    "cross_correlation": "avssl.losses.redundancy",
    "drawn_sizes": "avssl.losses.assignment",
    "estimate_log_constant": "avssl.losses.noise",
    "halfway": "avssl.losses.contrastive",
    "info_nce": "avssl.losses.contrastive",
    "negative_cosine": "avssl.losses.regression",
    "noise_contrast": "avssl.losses.noise",
    "nt_xent": "avssl.losses.contrastive",
    "pair_verification": "avssl.losses.verification",
    "similarities": "avssl.losses.contrastive",
    "sinkhorn": "avssl.losses.assignment",
    "symmetric_contrast": "avssl.losses.contrastive",
    "transport": "avssl.losses.assignment",
    "variance": "avssl.losses.redundancy",
    "vicreg": "avssl.losses.redundancy",
}

__all__ = [
    "accuracy",
    "barlow_twins",
    "byol",
    "contrast",
    "contrast_with_bank",
    "covariance",
    "cross_correlation",
    "drawn_sizes",
    "estimate_log_constant",
    "halfway",
    "info_nce",
    "negative_cosine",
    "noise_contrast",
    "nt_xent",
    "pair_verification",
    "similarities",
    "sinkhorn",
    "symmetric_contrast",
    "transport",
    "variance",
    "vicreg",
]


def __getattr__(name: str):
    if name in WHERE:
        return getattr(import_module(WHERE[name]), name)
    raise AttributeError(f"module 'avssl.losses' has no attribute {name!r}")
