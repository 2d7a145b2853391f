"""Heads between an encoder's features and a loss: one function says those of all papers.

Read from the authors' code (sizes for a ResNet-50, 2048 numbers; "BN" is batch normalisation, "plain" without scale and
offset, "scaled" with scale alone):

| name | layers |
|---|---|
| ``simclr`` | Linear 2048 no bias, BN, ReLU; Linear 128 no bias, BN scaled |
| ``simclr_v2`` | twice Linear 2048 no bias, BN, ReLU; Linear 128 no bias, BN scaled |
| ``moco`` (v1) | Linear 128 |
| ``moco_v2`` | Linear 2048, ReLU; Linear 128 |
| ``moco_v3`` | Linear 4096 no bias, BN, ReLU; Linear 256 no bias, BN plain |
| ``moco_v3_predictor`` | Linear 4096 no bias, BN, ReLU; Linear 256 no bias |
| ``moco_v3_vit`` | twice Linear 4096 no bias, BN, ReLU; Linear 256 no bias, BN plain |
| ``moco_v3_vit_predictor`` | Linear 4096 no bias, BN, ReLU; Linear 256 no bias, BN plain |
| ``byol``, ``byol_predictor`` | Linear 4096, BN, ReLU; Linear 256 no bias |
| ``swav`` | Linear 2048, BN, ReLU; Linear 128; then length 1 and prototypes |
| ``barlow_twins`` | twice Linear 8192 no bias, BN, ReLU; Linear 8192 no bias |
| ``vicreg`` | twice Linear 8192, BN, ReLU; Linear 8192 no bias |
| ``simsiam`` | twice Linear 2048 no bias, BN, ReLU; Linear 2048 no bias, BN plain |
| ``simsiam_predictor`` | Linear 512 no bias, BN, ReLU; Linear 2048 |
| ``dino`` | twice Linear 2048, GELU; Linear 256; then length 1 and prototypes |

SimCLR https://arxiv.org/abs/2002.05709 and https://arxiv.org/abs/2006.10029, MoCo https://arxiv.org/abs/1911.05722,
https://arxiv.org/abs/2003.04297 and https://arxiv.org/abs/2104.02057, BYOL https://arxiv.org/abs/2006.07733, SwAV
https://arxiv.org/abs/2006.09882, Barlow Twins https://arxiv.org/abs/2103.03230, VICReg
https://arxiv.org/abs/2105.04906, SimSiam https://arxiv.org/abs/2011.10566, DINO https://arxiv.org/abs/2104.14294.
"""

from collections import OrderedDict
from typing import Any, Literal

from torch import nn

Norm = Literal["batch", "none"]
LastNorm = Literal["none", "full", "scaled", "plain"]
Activation = Literal["relu", "gelu"]
ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU}

HEADS: dict[str, dict[str, Any]] = {
    "simclr": {"layers": 2, "hidden": 2048, "out": 128, "bias": False, "last_bias": False, "last_norm": "scaled"},
    "simclr_v2": {"layers": 3, "hidden": 2048, "out": 128, "bias": False, "last_bias": False, "last_norm": "scaled"},
    "moco": {"layers": 1, "hidden": 2048, "out": 128, "norm": "none"},
    "moco_v2": {"layers": 2, "hidden": 2048, "out": 128, "norm": "none"},
    "moco_v3": {"layers": 2, "hidden": 4096, "out": 256, "bias": False, "last_bias": False, "last_norm": "plain"},
    "moco_v3_predictor": {"layers": 2, "hidden": 4096, "out": 256, "bias": False, "last_bias": False},
    "moco_v3_vit": {"layers": 3, "hidden": 4096, "out": 256, "bias": False, "last_bias": False, "last_norm": "plain"},
    "moco_v3_vit_predictor": {
        "layers": 2,
        "hidden": 4096,
        "out": 256,
        "bias": False,
        "last_bias": False,
        "last_norm": "plain",
    },
    "byol": {"layers": 2, "hidden": 4096, "out": 256, "last_bias": False},
    "byol_predictor": {"layers": 2, "hidden": 4096, "out": 256, "last_bias": False},
    "swav": {"layers": 2, "hidden": 2048, "out": 128},
    "barlow_twins": {"layers": 3, "hidden": 8192, "out": 8192, "bias": False, "last_bias": False},
    "vicreg": {"layers": 3, "hidden": 8192, "out": 8192, "last_bias": False},
    "simsiam": {"layers": 3, "hidden": 2048, "out": 2048, "bias": False, "last_bias": False, "last_norm": "plain"},
    "simsiam_predictor": {"layers": 2, "hidden": 512, "out": 2048, "bias": False},
    "dino": {"layers": 3, "hidden": 2048, "out": 256, "norm": "none", "activation": "gelu"},
}


def projector(
    dim: int,
    layers: int = 2,
    hidden: int = 2048,
    out: int = 128,
    norm: Norm = "batch",
    bias: bool = True,
    last_bias: bool = True,
    last_norm: LastNorm = "none",
    activation: Activation = "relu",
) -> nn.Sequential:
    """Return a head that maps ``(N, dim)`` to ``(N, out)``: linear layers, each but the last normalised and activated.

    Its parts are ``layer1``, ``layer2`` ... in order, each a linear map with what follows it, so ``head[:1]`` is the
    part that SimCLR v2 keeps for fine-tuning.

    Args:
        dim: length of the features.
        layers: linear maps, at least 1.
        hidden: numbers between them.
        out: length of the result.
        norm: after each map but the last.
        bias: whether maps but the last have one.
        last_bias: whether the last has one.
        last_norm: after the last map: ``"none"``, or batch normalisation with scale and offset (``"full"``), with scale
            alone (``"scaled"``) or with neither (``"plain"``).
        activation: after each map but the last.

    Raises:
        ValueError: if a size is not at least 1, or a word is not known.

    Examples:
        >>> head = projector(8, layers=2, hidden=16, out=4, bias=False)
        >>> [[type(module).__name__ for module in part] for part in head]
        [['Linear', 'BatchNorm1d', 'ReLU'], ['Linear']]
    """
    if min(dim, layers, hidden, out) < 1:
        raise ValueError(f"needs dim, layers, hidden and out of at least 1; got {dim}, {layers}, {hidden}, {out}")
    known = norm in ("batch", "none") and last_norm in ("none", "full", "scaled", "plain")
    if not known or activation not in ACTIVATIONS:
        raise ValueError(
            "needs norm 'batch' or 'none', last_norm 'none', 'full', 'scaled' or 'plain' and activation 'relu' or "
            f"'gelu'; got {norm!r}, {last_norm!r}, {activation!r}"
        )
    parts = OrderedDict()
    for number in range(1, layers):
        modules: list[nn.Module] = [nn.Linear(dim, hidden, bias=bias)]
        modules += [nn.BatchNorm1d(hidden)] if norm == "batch" else []
        parts[f"layer{number}"] = nn.Sequential(*modules, ACTIVATIONS[activation]())
        dim = hidden
    parts[f"layer{layers}"] = nn.Sequential(nn.Linear(dim, out, bias=last_bias), *last(out, last_norm))
    return nn.Sequential(parts)


def last(out: int, kind: LastNorm) -> list[nn.Module]:
    if kind == "none":
        return []
    module = nn.BatchNorm1d(out, affine=kind != "plain")
    if kind == "scaled":
        module.bias.requires_grad_(False)  # stays 0
    return [module]


def named_projector(name: str, dim: int, **changes: Any) -> nn.Sequential:
    """Return the head of a paper, by its name in the table above.

    Args:
        name: such as ``"simclr"``.
        dim: length of the features.
        changes: settings of `projector` that are to differ, such as ``hidden`` for a small encoder.

    Raises:
        ValueError: if there is no such head.

    Examples:
        >>> import torch
        >>> named_projector("byol", dim=16, hidden=32, out=8)(torch.rand(4, 16)).shape
        torch.Size([4, 8])
    """
    if name not in HEADS:
        raise ValueError(f"there is no head {name!r}; there are {', '.join(HEADS)}")
    return projector(dim, **(HEADS[name] | changes))
