"""Colours as CIE Lab (sRGB, white D65, observer of 2 degrees), and bins of the colours that screens can show.

Zhang, Isola and Efros, "Colorful Image Colorization", ECCV 2016, section 2.1 (bins). https://arxiv.org/abs/1603.08511
"""

import torch
from torch import Tensor

# IEC 61966-2-1: linear RGB to XYZ, and the white that both share
TO_XYZ = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
WHITE = (0.95047, 1.0, 1.08883)
KNEE = 6 / 29  # of CIE's cube root, which is a line below it
WIDTH = 10  # of a bin (section 2.1)
BINS = 313  # (section 2.1)
ROWS = {  # the bins: for each a, the least and the greatest b; `derive_bins` finds them
    **{-90: (50, 90), -80: (20, 90), -70: (0, 90), -60: (-20, 100), -50: (-30, 100), -40: (-40, 100), -30: (-50, 100)},
    **{-20: (-60, 100), -10: (-60, 100), 0: (-70, 100), 10: (-80, 90), 20: (-90, 90), 30: (-90, 90), 40: (-100, 80)},
    **{50: (-100, 80), 60: (-110, 80), 70: (-110, 80), 80: (-110, 70), 90: (-110, 70), 100: (-90, -20)},
}


def lab_from_rgb(pictures: Tensor) -> Tensor:
    """Return pictures ``(..., 3, H, W)``, RGB in [0, 1], as L in [0, 100], a and b."""
    bent = ((pictures.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4
    linear = torch.where(pictures > 0.04045, bent, pictures / 12.92)
    matrix = pictures.new_tensor(TO_XYZ) / pictures.new_tensor(WHITE)[:, None]
    xyz = torch.einsum("ij,...jhw->...ihw", matrix, linear)
    root = torch.where(xyz > KNEE**3, xyz.clamp(min=KNEE**3) ** (1 / 3), xyz / (3 * KNEE**2) + 4 / 29)
    x, y, z = root.unbind(-3)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -3)


def rgb_from_lab(lab: Tensor) -> Tensor:
    """Return Lab ``(..., 3, H, W)`` as RGB; what no screen can show is clipped to [0, 1]."""
    light, a, b = lab.unbind(-3)
    y = (light + 16) / 116
    root = torch.stack([y + a / 500, y, y - b / 200], -3)
    xyz = torch.where(root > KNEE, root**3, 3 * KNEE**2 * (root - 4 / 29))
    matrix = torch.linalg.inv(torch.tensor(TO_XYZ, dtype=torch.float64)) * torch.tensor(WHITE, dtype=torch.float64)
    linear = torch.einsum("ij,...jhw->...ihw", matrix.to(lab), xyz)
    bent = 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear > 0.0031308, bent, linear * 12.92).clamp(0, 1)


def grey_of(lab: Tensor) -> Tensor:
    """Return the grey pictures, RGB in [0, 1] ``(..., 3, H, W)``, that have the lightness of Lab pictures."""
    light = lab[..., :1, :, :]
    return rgb_from_lab(torch.cat([light, torch.zeros_like(lab[..., 1:, :, :])], -3))


def bins() -> Tensor:
    """Return the centres of the 313 bins, in a and b, ``(313, 2)``; where they come from, `derive_bins` says."""
    places = [(a, b) for a, (least, most) in ROWS.items() for b in range(least, most + 1, WIDTH)]
    return torch.tensor(places, dtype=torch.float32)


def derive_bins(steps: int = 128) -> Tensor:
    """Return the centres of the 313 bins, multiples of 10 in a and b, ``(313, 2)``, from the sRGB gamut itself.

    The paper gives the count and no rule. With cells centred at multiples of 10, 261 hold a colour at some L; a colour
    lies less than one width from 309 centres, along a and along b. The 313 centres that are nearest to a colour (these
    309, and four a little more than a width away) are taken. The gamut's rim in a and b is that of the cube's faces.

    Args:
        steps: of a face along an edge; 128 and 256 give the same bins.
    """
    from scipy.spatial import KDTree  # slow to import; needed only to check the bins

    along = torch.linspace(0, 1, steps)
    faces = []
    for channel in range(3):
        for end in (0.0, 1.0):
            sides = list(torch.meshgrid(along, along, indexing="ij"))
            sides.insert(channel, torch.full_like(sides[0], end))
            faces.append(lab_from_rgb(torch.stack(sides))[1:].flatten(1))
    side = torch.arange(-13, 14) * WIDTH
    centres = torch.cartesian_prod(side, side).float()
    distance, _ = KDTree(torch.cat(faces, 1).T.numpy()).query(centres.numpy(), p=float("inf"))
    return centres[torch.as_tensor(distance).sort().indices[:BINS].sort().values]
