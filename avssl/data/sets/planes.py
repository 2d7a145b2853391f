"""Surface normals from a depth picture: a plane is fitted to the points around each pixel.

The neighbours and the limit on depth are those of the toolbox of Silberman et al., "Indoor Segmentation and Support
Inference from RGBD Images", ECCV 2012; what it smooths afterwards stays as it is here.
"""

from itertools import product

import numpy as np

STEPS = (-9, -6, -3, -1, 0, 1, 3, 6, 9)  # pixels to the neighbours, along rows and columns
NEAR = 0.05  # a neighbour belongs to the surface if its depth differs by at most this share
LEAST = 10  # neighbours that a plane needs


def normals_from_depth(
    depth: np.ndarray, valid: np.ndarray, focal: tuple[float, float], middle: tuple[float, float]
) -> np.ndarray:
    """Return the normal of the surface behind each pixel.

    The plane is the one of least squared distance to the points; its normal faces the camera.

    Args:
        depth: along the line of sight's z, in any unit of length, ``(H, W)``.
        valid: where it was measured, bool ``(H, W)``.
        focal: of the camera in pixels, (x, y).
        middle: where the line of sight meets the picture, (x, y) in pixels, 0 at the first pixel's centre.

    Returns:
        float32 ``(H, W, 3)``, of length 1, x to the right, y down, z away from the camera; 0 where unknown.

    Examples:
        >>> wall = np.full((30, 30), 2.0)
        >>> normals_from_depth(wall, wall > 0, (500.0, 500.0), (15.0, 15.0))[15, 15].round(6) + 0.0
        array([ 0.,  0., -1.], dtype=float32)
    """
    depth, valid = np.asarray(depth, np.float64), np.asarray(valid, bool) & np.isfinite(depth) & (np.asarray(depth) > 0)
    rows, columns = np.mgrid[: depth.shape[0], : depth.shape[1]]
    rays = np.stack([(columns - middle[0]) / focal[0], (rows - middle[1]) / focal[1], np.ones_like(depth)], -1)
    points = rays * np.where(valid, depth, 0.0)[..., None]
    count, total, square = _moments(points, depth, valid)
    enough = valid & (count >= LEAST)
    known, many = points[enough], count[enough][:, None]
    mean = total[enough] / many
    spread = square[enough] / many[..., None] - mean[:, :, None] * mean[:, None, :]
    found = np.linalg.eigh(spread)[1][:, :, 0]  # along the least variance
    found *= -np.sign((found * known).sum(-1, keepdims=True))
    normals = np.zeros((*depth.shape, 3), np.float32)
    normals[enough] = found
    return normals


def _moments(points: np.ndarray, depth: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sum up the neighbours of each pixel, each taken relative to the pixel's own point.

    Returns:
        How many belong to its surface ``(H, W)``, their sum ``(H, W, 3)`` and that of their products ``(H, W, 3, 3)``.
    """
    height, width = depth.shape
    count, total = np.zeros(depth.shape), np.zeros(points.shape)
    square = np.zeros((*depth.shape, 3, 3))
    for down, right in product(STEPS, STEPS):
        here = (slice(max(0, -down), height - max(0, down)), slice(max(0, -right), width - max(0, right)))
        there = (slice(max(0, down), height - max(0, -down)), slice(max(0, right), width - max(0, -right)))
        if not (depth[here].size and depth[there].size):
            continue
        near = valid[here] & valid[there] & (np.abs(depth[there] - depth[here]) <= NEAR * depth[here])
        step = (points[there] - points[here]) * near[..., None]
        count[here] += near
        total[here] += step
        square[here] += step[..., :, None] * step[..., None, :]
    return count, total, square
