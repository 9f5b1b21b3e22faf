"""What a camera would have seen that was rolled or pitched, from the image of one that was level.

A rotation about the optical centre moves every pixel by a homography, whatever its depth (Hartley, Zisserman, "Multiple
View Geometry", section 8.4); depth itself changes, because it is measured along the optical axis.
"""

from __future__ import annotations

import math

import tensorflow as tf

from rt_seg.cameras.d435 import COLOR_FOCAL_LENGTH

ROLL_LIMIT = math.radians(40)
PITCH_LIMIT = math.radians(20)
"""Largest angles: beyond 20 degrees of pitch most of the image would lie outside what was recorded."""


def rotation(roll, pitch) -> tf.Tensor:
    """(3, 3): directions of the turned camera in the frame of the level one; x right, y down, z ahead; radians.

    Positive `pitch` looks down, positive `roll` leans to the right.
    """
    zero, one = tf.zeros(()), tf.ones(())
    cos_roll, sin_roll, cos_pitch, sin_pitch = tf.cos(roll), tf.sin(roll), tf.cos(pitch), tf.sin(pitch)
    about_z = tf.stack([cos_roll, -sin_roll, zero, sin_roll, cos_roll, zero, zero, zero, one])
    about_x = tf.stack([one, zero, zero, zero, cos_pitch, sin_pitch, zero, -sin_pitch, cos_pitch])
    return tf.matmul(tf.reshape(about_x, (3, 3)), tf.reshape(about_z, (3, 3)))


def _warp(image: tf.Tensor, homography: tf.Tensor, interpolation: str, fill: float) -> tf.Tensor:
    """`image` (H, W, C) where the homography (3, 3) from new pixels to old ones puts it; float32, `fill` outside."""
    coefficients = tf.reshape(homography / homography[2, 2], [9])[:8]
    warped = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(image, tf.float32)[tf.newaxis],
        transforms=coefficients[tf.newaxis],
        output_shape=tf.shape(image)[:2],
        interpolation=interpolation,
        fill_mode="CONSTANT",
        fill_value=tf.cast(fill, tf.float32),
    )
    return tf.ensure_shape(warped[0], image.shape)


def rotate_camera(image, label, depth, roll, pitch, ignore_id: int, padding_color):
    """The image uint8 (H, W, 3), label uint8 (H, W, 1) and depth float32 (H, W, 1) metres or None of a turned camera.

    The focal length is COLOR_FOCAL_LENGTH of the width. What was outside the image has the padding colour, the
    label `ignore_id` and no depth.
    """
    height, width = tf.unstack(tf.cast(tf.shape(image)[:2], tf.float32))
    turned = rotation(roll, pitch)
    focal = COLOR_FOCAL_LENGTH * width
    x, y, zero, one = (width - 1) / 2, (height - 1) / 2, tf.zeros(()), tf.ones(())
    camera = tf.reshape(tf.stack([focal, zero, x, zero, focal, y, zero, zero, one]), (3, 3))
    homography = camera @ turned @ tf.linalg.inv(camera)
    offset = tf.cast(padding_color, tf.float32)
    colour = _warp(tf.cast(image, tf.float32) - offset, homography, "BILINEAR", 0.0) + offset
    image = tf.cast(tf.clip_by_value(tf.round(colour), 0.0, 255.0), tf.uint8)
    label = tf.cast(tf.round(_warp(label, homography, "NEAREST", float(ignore_id))), tf.uint8)
    if depth is not None:
        columns, rows = tf.meshgrid((tf.range(width) - x) / focal, (tf.range(height) - y) / focal)
        ahead = turned[2, 0] * columns + turned[2, 1] * rows + turned[2, 2]
        depth = _warp(depth, homography, "NEAREST", 0.0) / ahead[..., tf.newaxis]
    return image, label, depth


def sometimes_rotate_camera(share: float, image, label, depth, ignore_id: int, padding_color, seed):
    """`rotate_camera` by random angles on a share of the images, the others as they are; see there."""
    if share <= 0:
        return image, label, depth
    draw = tf.random.stateless_uniform((3,), seed, -1.0, 1.0)
    roll, pitch = ROLL_LIMIT * draw[0], PITCH_LIMIT * draw[1]

    def turned():
        made = rotate_camera(image, label, depth, roll, pitch, ignore_id, padding_color)
        return made if depth is not None else made[:2]

    def level():
        return (image, label, depth) if depth is not None else (image, label)

    result = tf.cond((draw[2] + 1) / 2 < share, turned, level)
    return result if depth is not None else (*result, None)
