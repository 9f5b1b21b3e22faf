"""What light does to an image: hard shadows, patches of sun, glints, gamma and colour temperature.

Labels and depth are not concerned. All take and give float32 (H, W, 3) of values 0..255, and `seed`, two integers that
alone decide what happens. Ranges and lengths: rt_seg_training.light_model.
"""

from __future__ import annotations

import math

import tensorflow as tf

from rt_seg_training import light_model as model


def _uniform(seed, shape, bounds) -> tf.Tensor:
    return tf.random.stateless_uniform(shape, seed, *bounds)


def _log_uniform(seed, shape, bounds) -> tf.Tensor:
    return tf.exp(_uniform(seed, shape, (math.log(bounds[0]), math.log(bounds[1]))))


def _places(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """x (1, W, 1) and y (H, 1, 1) of the pixels, and (2,) width and height, in shares of the longer side."""
    size = tf.cast(tf.shape(image)[:2], tf.float32)
    longer = tf.reduce_max(size)
    x = (tf.range(size[1]) + 0.5) / longer
    y = (tf.range(size[0]) + 0.5) / longer
    return x[tf.newaxis, :, tf.newaxis], y[:, tf.newaxis, tf.newaxis], tf.stack([size[1], size[0]]) / longer


def _patch(image: tf.Tensor, seed) -> tf.Tensor:
    """A random convex polygon with soft edges, now and then cut into stripes: float32 (H, W, 1), 1 inside."""
    seeds = tf.unstack(tf.random.split(seed, 7), num=7)
    x, y, extent = _places(image)
    middle = extent * _uniform(seeds[0], (2,), (0.0, 1.0))
    turn = 2 * math.pi / model.EDGES
    angles = turn * (tf.range(model.EDGES, dtype=tf.float32) + _uniform(seeds[1], (model.EDGES,), (0.0, 1.0)))
    distances = _uniform(seeds[2], (model.EDGES,), model.EDGE_DISTANCE)
    softness = _log_uniform(seeds[3], (), model.SOFTNESS)
    along = (x - middle[0]) * tf.cos(angles) + (y - middle[1]) * tf.sin(angles)  # (H, W, EDGES)
    inside = tf.sigmoid(tf.reduce_min(distances - along, axis=-1, keepdims=True) / softness)

    def striped():
        angle = _uniform(seeds[4], (), (0.0, 2 * math.pi))
        pitch = _uniform(seeds[5], (), model.SLATS)
        wave = tf.sin(2 * math.pi * pitch * (x * tf.cos(angle) + y * tf.sin(angle)))
        # A sine of this pitch rises by 2 pi pitch per length, which the softness is measured in.
        return inside * tf.sigmoid(wave / (2 * math.pi * pitch * softness))

    return tf.cond(_uniform(seeds[6], (), (0.0, 1.0)) < model.SLATS_SHARE, striped, lambda: inside)


def cast_light(image: tf.Tensor, seed) -> tf.Tensor:
    """A patch of sun in the shade, or a shadow in the sun; the camera exposes for anything between dark and bright.

    So a patch may be white, and what is around it may be dark, as on a workpiece beside a window.
    """
    seeds = tf.unstack(tf.random.split(seed, 5), num=5)
    inside = _patch(image, seeds[0])
    sunny = tf.cond(_uniform(seeds[1], (), (0.0, 1.0)) < 0.5, lambda: inside, lambda: 1.0 - inside)
    ratio = _log_uniform(seeds[2], (), model.SUN_RATIO)
    warmth = model.SUN_WARMTH * _uniform(seeds[3], (), (0.0, 1.0))
    sun = ratio * tf.stack([1.0 + warmth, 1.0, 1.0 - warmth])
    light = 1.0 + sunny * (sun - 1.0)
    light /= tf.reduce_mean(light) ** _uniform(seeds[4], (), (0.0, 1.0))
    return tf.clip_by_value(image * light ** (1.0 / model.DISPLAY_GAMMA), 0.0, 255.0)


def add_glints(image: tf.Tensor, seed) -> tf.Tensor:
    """White spots as lamps make on what is glossy: up to SPOTS of them, long and of any direction."""
    seeds = tf.unstack(tf.random.split(seed, 7), num=7)
    x, y, extent = _places(image)
    count = model.SPOTS
    places = extent * _uniform(seeds[0], (count, 2), (0.0, 1.0))
    radius = _log_uniform(seeds[1], (count,), model.SPOT_RADIUS)
    length = _uniform(seeds[2], (count,), (1.0, 4.0))
    angle = _uniform(seeds[3], (count,), (0.0, math.pi))
    strength = _uniform(seeds[4], (count,), model.SPOT_STRENGTH)
    number = _uniform(seeds[5], (), (1.0, count + 1.0))
    strength = tf.where(tf.range(1.0, count + 1.0) <= number, strength, 0.0)
    across, down = x - places[:, 0], y - places[:, 1]
    long = (across * tf.cos(angle) + down * tf.sin(angle)) / (radius * length)
    short = (down * tf.cos(angle) - across * tf.sin(angle)) / radius
    white = strength * tf.exp(-0.5 * (long * long + short * short))
    white = tf.minimum(tf.reduce_sum(white, axis=-1, keepdims=True), 1.0)
    return image + (255.0 - image) * white


def change_gamma(image: tf.Tensor, strength: float, seed) -> tf.Tensor:
    """Brighter or darker middle tones: an exponent between exp(-strength) and exp(strength); black and white stay."""
    exponent = tf.exp(_uniform(seed, (), (-strength, strength)))
    return 255.0 * (tf.clip_by_value(image, 0.0, 255.0) / 255.0) ** exponent


def change_temperature(image: tf.Tensor, strength: float, seed) -> tf.Tensor:
    """Warmer or colder light: up to exp(strength) times as much red and as little blue, or the other way."""
    warmth, tint = tf.unstack(_uniform(seed, (2,), (-strength, strength)), num=2)
    gains = tf.exp(tf.stack([warmth, 0.25 * tint, -warmth]))
    return tf.clip_by_value(image * gains, 0.0, 255.0)
