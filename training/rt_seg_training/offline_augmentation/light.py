"""What light does to an image, for augmented copies: shadows, patches of sun, glints, gamma and colour temperature.

The same model as rt_seg_training.input_pipeline.light, in NumPy. All take and give float32 (H, W, 3) of values 0..255.
Ranges and lengths: rt_seg_training.light_model.
"""

from __future__ import annotations

import math

import numpy as np

from rt_seg_training import light_model as model


def _log_uniform(random: np.random.Generator, bounds: tuple[float, float], size=None):
    return np.exp(random.uniform(math.log(bounds[0]), math.log(bounds[1]), size)).astype(np.float32)


def _sigmoid(value: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(0.5 * value)  # which does not overflow


def _places(image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x (1, W, 1) and y (H, 1, 1) of the pixels, and (2,) width and height, in shares of the longer side."""
    height, width = image.shape[:2]
    longer = np.float32(max(height, width))
    x = (np.arange(width, dtype=np.float32) + 0.5) / longer
    y = (np.arange(height, dtype=np.float32) + 0.5) / longer
    return x[None, :, None], y[:, None, None], np.array([width, height], np.float32) / longer


def _patch(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A random convex polygon with soft edges, now and then cut into stripes: float32 (H, W, 1), 1 inside."""
    x, y, extent = _places(image)
    middle = extent * random.uniform(0.0, 1.0, 2).astype(np.float32)
    turn = 2 * math.pi / model.EDGES
    angles = (turn * (np.arange(model.EDGES) + random.uniform(0.0, 1.0, model.EDGES))).astype(np.float32)
    distances = random.uniform(*model.EDGE_DISTANCE, model.EDGES).astype(np.float32)
    softness = _log_uniform(random, model.SOFTNESS)
    along = (x - middle[0]) * np.cos(angles) + (y - middle[1]) * np.sin(angles)
    inside = _sigmoid((distances - along).min(axis=-1, keepdims=True) / softness)
    if random.random() < model.SLATS_SHARE:
        angle, pitch = np.float32(random.uniform(0.0, 2 * math.pi)), np.float32(random.uniform(*model.SLATS))
        wave = np.sin(np.float32(2 * math.pi) * pitch * (x * np.cos(angle) + y * np.sin(angle)))
        # A sine of this pitch rises by 2 pi pitch per length, which the softness is measured in.
        inside = inside * _sigmoid(wave / (np.float32(2 * math.pi) * pitch * softness))
    return inside


def cast_light(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A patch of sun in the shade, or a shadow in the sun; the camera exposes for anything between dark and bright."""
    inside = _patch(image, random)
    sunny = inside if random.random() < 0.5 else 1.0 - inside
    warmth = model.SUN_WARMTH * random.random()
    sun = _log_uniform(random, model.SUN_RATIO) * np.array([1.0 + warmth, 1.0, 1.0 - warmth], np.float32)
    light = 1.0 + sunny * (sun - 1.0)
    light /= light.mean() ** np.float32(random.random())
    return np.clip(image * light ** np.float32(1.0 / model.DISPLAY_GAMMA), 0.0, 255.0)


def add_glints(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """White spots as lamps make on what is glossy: up to SPOTS of them, long and of any direction."""
    x, y, extent = _places(image)
    count = int(random.integers(1, model.SPOTS + 1))
    places = extent * random.uniform(0.0, 1.0, (count, 2)).astype(np.float32)
    radius = _log_uniform(random, model.SPOT_RADIUS, count)
    length, angle = random.uniform(1.0, 4.0, count), random.uniform(0.0, math.pi, count)
    strength = random.uniform(*model.SPOT_STRENGTH, count).astype(np.float32)
    across, down = x - places[:, 0], y - places[:, 1]
    along, beside = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
    long = (across * along + down * beside) / (radius * length.astype(np.float32))
    short = (down * along - across * beside) / radius
    white = (strength * np.exp(-0.5 * (long * long + short * short))).sum(axis=-1, keepdims=True)
    return image + (255.0 - image) * np.minimum(white, 1.0)


def change_gamma(image: np.ndarray, strength: float, random: np.random.Generator) -> np.ndarray:
    """Brighter or darker middle tones: an exponent between exp(-strength) and exp(strength); black and white stay."""
    exponent = np.float32(np.exp(random.uniform(-strength, strength)))
    return 255.0 * (np.clip(image, 0.0, 255.0) / np.float32(255.0)) ** exponent


def change_temperature(image: np.ndarray, strength: float, random: np.random.Generator) -> np.ndarray:
    """Warmer or colder light: up to exp(strength) times as much red and as little blue, or the other way."""
    warmth, tint = random.uniform(-strength, strength, 2)
    gains = np.exp(np.array([warmth, 0.25 * tint, -warmth])).astype(np.float32)
    return np.clip(image * gains, 0.0, 255.0)
