"""Parts of annotated pictures at other sizes, and their mirror images: the truth comes along."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional as F

from avssl.data.scenes import nearest

GREY = (124, 116, 104)  # what is laid beside a picture that is smaller than the crop: ImageNet's mean
VOID = {"mask": 255, "normals": 0, "shares": 0}  # the truth of such a place: none


def cut(item: dict[str, Any], size: tuple[int, int], place: Sequence[float], truth: str) -> dict[str, Any]:
    """Cut a part out of a picture and its mask or normals; what it lacks is filled up to the right and below."""
    sides = item["image"].shape[-2:]
    top, left = (int(part * (max(0, have - want) + 1)) for part, have, want in zip(place, sides, size, strict=True))
    found = dict(item)
    for name, empty in (("image", torch.tensor(GREY)[:, None, None]), (truth, torch.tensor(VOID[truth]))):
        part = item[name][..., top : top + size[0], left : left + size[1]]
        filled = empty.to(part.dtype).expand(*part.shape[:-2], *size).clone()
        filled[..., : part.shape[-2], : part.shape[-1]] = part
        found[name] = filled
    return found


def scaled(item: dict[str, Any], share: float, truth: str) -> dict[str, Any]:
    """Bring a picture and its mask or normals to a share of their size."""
    size = [max(1, round(side * share)) for side in item["image"].shape[-2:]]
    image = F.interpolate(item["image"][None].float(), size, mode="bilinear", antialias=True)[0]
    return item | {"image": image.round().clamp(0, 255).to(torch.uint8), truth: nearest(item[truth], size)}


def mirrored(item: dict[str, Any], truth: str) -> dict[str, Any]:
    """Mirror left and right: boxes change sides, and normals turn."""
    found = item | {"image": item["image"].flip(-1)}
    if truth == "boxes":
        width = item["image"].shape[-1]
        left, top, right, bottom = item["boxes"].unbind(-1)
        found["boxes"] = torch.stack([width - 1 - right, top, width - 1 - left, bottom], -1)
        return found
    turned = item[truth].flip(-1)
    if truth == "normals":
        turned = turned * turned.new_tensor([-1.0, 1.0, 1.0])[:, None, None]
    return found | {truth: turned}
