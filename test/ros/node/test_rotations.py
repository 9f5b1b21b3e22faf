"""Rotations of objects, as messages and back."""

import numpy as np
import pytest

from rt_seg.ros.node.rotations import axes_of, quaternion


def turned(message, vector):
    """The vector, turned by a quaternion message: v + 2 u x (u x v + w v)."""
    axis, w = np.array([message.x, message.y, message.z]), message.w
    return vector + 2 * np.cross(axis, np.cross(axis, vector) + w * vector)


def rotation(seed):
    matrix, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return matrix * np.sign(np.linalg.det(matrix))


HALF_TURNS = [np.diag([1.0, -1.0, -1.0]), np.diag([-1.0, 1.0, -1.0]), np.diag([-1.0, -1.0, 1.0])]


@pytest.mark.parametrize("axes", [np.eye(3), *HALF_TURNS, *map(rotation, range(20))])
def test_the_quaternion_turns_the_axes_of_the_camera_into_those_of_the_object(axes):
    message = quaternion(axes)
    assert np.linalg.norm([message.x, message.y, message.z, message.w]) == pytest.approx(1)
    for number in range(3):
        np.testing.assert_allclose(turned(message, np.eye(3)[number]), axes[:, number], atol=1e-12)
    np.testing.assert_allclose(axes_of(message), axes, atol=1e-12)
