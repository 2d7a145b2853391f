"""Normals from depth: planes exactly, solids nearly, and nothing where nothing was measured."""

import numpy as np
import pytest

from avssl.data.sets.planes import LEAST, normals_from_depth
from avssl.metrics.normals import angles

FOCAL, MIDDLE = (60.0, 66.0), (31.0, 24.0)
ROWS, COLUMNS = np.mgrid[:50, :64]
RAYS = np.stack([(COLUMNS - MIDDLE[0]) / FOCAL[0], (ROWS - MIDDLE[1]) / FOCAL[1], np.ones((50, 64))], -1)


@pytest.mark.parametrize("normal", [(0, 0, -1), (0.3, -0.2, -0.9), (0.1, -0.35, -0.6)])
def test_a_plane_gives_its_normal_everywhere(normal):
    unit = np.array(normal) / np.linalg.norm(normal)
    depth = -2 / (RAYS @ unit)  # points p with p . n = -2, in front of the camera
    assert depth.min() > 0
    found = normals_from_depth(depth, np.ones(depth.shape, bool), FOCAL, MIDDLE)
    assert angles(found, np.broadcast_to(unit, found.shape)).max() < 0.05


def test_a_ball_gives_normals_that_point_away_from_its_middle():
    middle, radius = np.array([0.0, 0.0, 4.0]), 1.5
    square, along = (RAYS**2).sum(-1), RAYS @ middle
    root = along**2 - square * (middle @ middle - radius**2)
    depth = np.where(root > 0, (along - np.sqrt(root.clip(0))) / square, 0)
    found = normals_from_depth(depth, depth > 0, FOCAL, MIDDLE)
    inner = (np.hypot(ROWS - 24, COLUMNS - 31) < 12) & (found != 0).any(-1)
    assert inner.sum() > 400
    assert np.median(angles(found, (RAYS * depth[..., None] - middle) / radius)[inner]) < 5


def test_two_walls_do_not_mix_over_a_step_in_depth():
    depth = np.where(COLUMNS < 32, 2.0, 3.0)
    found = normals_from_depth(depth, np.ones(depth.shape, bool), FOCAL, MIDDLE)
    assert angles(found, np.broadcast_to([0, 0, -1.0], found.shape)).max() < 0.01


def test_nothing_is_said_where_nothing_was_measured_or_too_little_around():
    depth = np.full((50, 64), 2.0)
    valid = np.zeros(depth.shape, bool)
    valid[:20] = True
    found = normals_from_depth(depth, valid, FOCAL, MIDDLE)
    assert not (found[20:] != 0).any() and (found[:20] != 0).any(-1).all()
    lonely = np.zeros(depth.shape, bool)
    lonely[::25, ::25] = True
    assert LEAST > 1 and not normals_from_depth(depth, lonely, FOCAL, MIDDLE).any()
    assert not normals_from_depth(np.where(valid, depth, np.nan), depth > 0, FOCAL, MIDDLE)[20:].any()
