"""What a RealSense does to depth, imitated on the depth of training images, which other sensors made or filled.

The noise of stereo depth grows with its square: rt_seg.simulation.sensor, whose model this is in tf.data, by the same
numbers (rt_seg.cameras.d435). Edges are ragged and lost, a band beside near things is hidden from the second imager,
patches without texture have no reading.
"""

from __future__ import annotations

import tensorflow as tf

from rt_seg.cameras.d435 import FOCAL_BASELINE, LARGEST_NOISE, REFERENCE_WIDTH

STEP_MAXIMUM = 0.02
"""Largest step of quantised depth, metres."""
HOLE_SHARE_MAXIMUM = 0.35
"""Largest share of an image that patches without reading cover, about."""


def coarse_noise(shape, cell: int, seed) -> tf.Tensor:
    """Normal noise on a grid of `cell` pixels, interpolated to `shape` (H, W): float32 (H, W), about unit variance."""
    height, width = shape
    grid = tf.random.stateless_normal((height // cell + 2, width // cell + 2, 1), seed)
    return 1.5 * tf.image.resize(grid, (height, width))[..., 0]


def _shifted_left(x, step: int):
    """x[:, u + step] at u; the right margin repeats the last column."""
    return tf.concat([x[:, step:], tf.repeat(x[:, -1:], step, axis=1)], axis=1)


def imitate_realsense(depth: tf.Tensor, seed, full_width: int) -> tf.Tensor:
    """Depth, float32 (H, W, 1) metres with 0 = no reading, as a RealSense could have measured it; H, W are known.

    `full_width`: pixels across the whole image of the camera, of which `depth` may be a crop; by it the focal length
    and so the width of the shadows are known. `seed`: two integers. The strength of each fault is random, so that clean
    depth stays among what is learnt.
    """
    height, width = depth.shape[0], depth.shape[1]
    shape = (height, width)
    z = depth[..., 0]
    seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 8), num=8)
    strength = tf.random.stateless_uniform((5,), seeds[0])

    error = 0.8 * coarse_noise(shape, 6, seeds[1]) + 0.6 * coarse_noise(shape, 2, seeds[2])
    measured = z + LARGEST_NOISE * strength[0] * tf.square(z) * error
    step = 0.001 + (STEP_MAXIMUM - 0.001) * tf.square(strength[1])
    measured = step * tf.round(measured / step)

    # Steps of depth: ragged edges without a reading, as wide as a matching window.
    padded = depth[tf.newaxis]
    farthest = tf.nn.max_pool2d(padded, 3, 1, "SAME")[0, ..., 0]
    nearest = -tf.nn.max_pool2d(-padded, 3, 1, "SAME")[0, ..., 0]
    edge = tf.cast(farthest - nearest > 0.03 * z + 0.04, tf.float32)[tf.newaxis, ..., tf.newaxis]
    ragged = coarse_noise(shape, 4, seeds[3]) > 2.0 - 3.0 * strength[2]
    lost = tf.logical_and(tf.nn.max_pool2d(edge, 3, 1, "SAME")[0, ..., 0] > 0, ragged)

    disparity = tf.math.divide_no_nan(FOCAL_BASELINE * full_width / REFERENCE_WIDTH * strength[3], z)
    for pixels in (1, 2, 3, 5, 8, 12):
        lost = tf.logical_or(lost, _shifted_left(disparity, pixels) - disparity >= float(pixels))

    patches = 0.6 * coarse_noise(shape, 32, seeds[4]) + 0.6 * coarse_noise(shape, 10, seeds[5])
    # Of a normal variable of this spread, the share above the limit is about the wanted share of holes.
    limit = -0.85 * tf.math.ndtri(tf.maximum(HOLE_SHARE_MAXIMUM * tf.square(strength[4]), 1e-4))
    lost = tf.logical_or(lost, patches > limit)
    far = tf.random.stateless_uniform((), seeds[6], 4.0, 12.0)
    lost = tf.logical_or(lost, measured > far)
    lost = tf.logical_or(lost, z <= 0)
    return tf.where(lost, 0.0, tf.maximum(measured, 0.0))[..., tf.newaxis]


def degrade_depth(depth: tf.Tensor, noise_share: float, dropout: float, seed, full_width: int) -> tf.Tensor:
    """`imitate_realsense` on a share of the images, and no depth at all on another: float32 (H, W, 1) metres."""
    imitation, chance = tf.unstack(tf.random.experimental.stateless_split(seed, 2), num=2)
    draw = tf.random.stateless_uniform((2,), chance)
    if noise_share > 0:
        depth = tf.cond(draw[0] < noise_share, lambda: imitate_realsense(depth, imitation, full_width), lambda: depth)
    return tf.cond(draw[1] < dropout, lambda: tf.zeros_like(depth), lambda: depth)
