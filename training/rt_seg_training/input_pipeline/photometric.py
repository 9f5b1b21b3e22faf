"""What camera, light and compression do to the colours of an image; labels and depth are not concerned.

All take and give float32 (H, W, 3) of values 0..255, and `seed`, two integers that alone decide what happens.
"""

from __future__ import annotations

import tensorflow as tf

BLUR_SIGMA = (0.4, 1.6)
"""Pixels."""
BLUR_RADIUS = 4
"""Pixels; the rest of the bell curve beyond 2.5 standard deviations is cut off."""
NOISE_SIGMA = (2.0, 12.0)
"""Of values 0..255."""
JPEG_QUALITY = (30, 90)


def jitter_color(image: tf.Tensor, strength: float, seed) -> tf.Tensor:
    """Random brightness, contrast, saturation and hue."""
    seeds = tf.unstack(tf.random.split(seed, 4), num=4)
    image = image / 255.0
    image = tf.image.stateless_random_brightness(image, 0.5 * strength, seeds[0])
    image = tf.image.stateless_random_contrast(image, 1 - strength, 1 + strength, seeds[1])
    image = tf.image.stateless_random_saturation(image, 1 - strength, 1 + strength, seeds[2])
    # Hue past a sixth of the circle would make plants blue; a tenth of the strength keeps materials recognisable.
    image = tf.image.stateless_random_hue(image, 0.1 * strength, seeds[3])
    return 255.0 * tf.clip_by_value(image, 0.0, 1.0)


def blur(image: tf.Tensor, seed) -> tf.Tensor:
    """Gaussian blur of a random width: focus and motion."""
    sigma = tf.random.stateless_uniform((), seed, *BLUR_SIGMA)
    offsets = tf.range(-BLUR_RADIUS, BLUR_RADIUS + 1, dtype=tf.float32)
    kernel = tf.nn.softmax(-0.5 * tf.square(offsets / sigma))
    edge = [[0, 0], [BLUR_RADIUS, BLUR_RADIUS], [BLUR_RADIUS, BLUR_RADIUS], [0, 0]]
    picture = tf.pad(image[tf.newaxis], edge, "REFLECT")
    for shape in ((-1, 1, 1, 1), (1, -1, 1, 1)):
        filters = tf.tile(tf.reshape(kernel, shape), (1, 1, 3, 1))
        picture = tf.nn.depthwise_conv2d(picture, filters, (1, 1, 1, 1), "VALID")
    return tf.ensure_shape(picture[0], image.shape)


def add_noise(image: tf.Tensor, seed) -> tf.Tensor:
    """Independent normal noise of a random strength: a sensor with little light."""
    strength, values = tf.unstack(tf.random.split(seed, 2), num=2)
    sigma = tf.random.stateless_uniform((), strength, *NOISE_SIGMA)
    return tf.clip_by_value(image + sigma * tf.random.stateless_normal(tf.shape(image), values), 0.0, 255.0)


def compress(image: tf.Tensor, seed) -> tf.Tensor:
    """JPEG of a random quality and back."""
    quality = tf.random.stateless_uniform((), seed, *JPEG_QUALITY, dtype=tf.int32)
    pixels = tf.cast(tf.round(tf.clip_by_value(image, 0.0, 255.0)), tf.uint8)
    return tf.ensure_shape(tf.cast(tf.image.adjust_jpeg_quality(pixels, quality), tf.float32), image.shape)


def sometimes(share: float, change, image: tf.Tensor, seed) -> tf.Tensor:
    """`change(image, seed)` on a share of the images, the others as they are."""
    if share <= 0:
        return image
    chance, inner = tf.unstack(tf.random.split(seed, 2), num=2)
    chosen = tf.random.stateless_uniform((), chance) < share
    return tf.cond(chosen, lambda: change(image, inner), lambda: image)
