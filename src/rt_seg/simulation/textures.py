"""Procedural surface textures, made with NumPy from a random generator."""

from __future__ import annotations

from typing import Callable, Dict, Sequence, Tuple

import cv2
import numpy as np

Color = Tuple[float, float, float]
"""sRGB red, green, blue, each 0..1."""


def smooth_noise(
    rng: np.random.Generator, shape: Tuple[int, int], cells: Tuple[int, int], octaves: int = 1
) -> np.ndarray:
    """Value noise: random values on a grid of `cells` (rows, columns), interpolated; finer octaves weigh half each.

    Returns float32 `shape`, 0..1.
    """
    height, width = shape
    total = np.zeros(shape, np.float32)
    amplitude, reach = 1.0, 0.0
    rows, columns = cells
    for _ in range(octaves):
        grid = rng.random((min(rows, height) + 1, min(columns, width) + 1), np.float32)
        total += amplitude * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        reach += amplitude
        amplitude, rows, columns = amplitude / 2, rows * 2, columns * 2
    return np.clip(total / reach, 0.0, 1.0)


def _rotated_ramp(rng: np.random.Generator, size: int) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size - 0.5
    return x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))


def _plain(rng: np.random.Generator, size: int) -> np.ndarray:
    return np.full((size, size), rng.random(), np.float32)


def _clouds(rng: np.random.Generator, size: int) -> np.ndarray:
    cells = int(rng.integers(2, 9))
    return smooth_noise(rng, (size, size), (cells, cells), octaves=5)


def _grain(rng: np.random.Generator, size: int) -> np.ndarray:
    cells = int(rng.integers(size // 8, size // 2))
    return smooth_noise(rng, (size, size), (cells, cells))


def _stripes(rng: np.random.Generator, size: int) -> np.ndarray:
    wave = np.sin(2 * np.pi * rng.uniform(2, 10) * _rotated_ramp(rng, size))
    return np.clip(0.5 + rng.uniform(0.5, 8) * wave, 0, 1)


def _checks(rng: np.random.Generator, size: int) -> np.ndarray:
    frequency = rng.uniform(2, 8)
    first = _rotated_ramp(rng, size)
    second = np.rot90(first)
    return ((np.floor(first * frequency * 2) + np.floor(second * frequency * 2)) % 2).astype(np.float32)


def _gradient(rng: np.random.Generator, size: int) -> np.ndarray:
    ramp = _rotated_ramp(rng, size)
    return (ramp - ramp.min()) / (ramp.max() - ramp.min())


def wood_pattern(rng: np.random.Generator, size: int) -> np.ndarray:
    """Wood grain along the columns: stretched noise bends the year rings, finer streaks lie over them. 0..1."""
    bend = smooth_noise(rng, (size, size), (int(rng.integers(3, 7)), 2), octaves=3)
    across = np.linspace(0, 1, size, dtype=np.float32)[:, None]
    rings = 0.5 + 0.5 * np.sin(2 * np.pi * (rng.uniform(2, 7) * across + rng.uniform(1, 4) * bend))
    streaks = smooth_noise(rng, (size, size), (size // 3, 6), octaves=2)
    return np.clip(0.6 * rings + 0.4 * streaks, 0, 1)


PATTERNS: Dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "plain": _plain,
    "clouds": _clouds,
    "grain": _grain,
    "stripes": _stripes,
    "checks": _checks,
    "gradient": _gradient,
    "wood": wood_pattern,
}


def random_texture(
    rng: np.random.Generator, size: int, first: Color, second: Color, patterns: Sequence[str] = tuple(PATTERNS)
) -> np.ndarray:
    """A texture of one of `patterns` between two colours, with a little grain on it. Returns uint8 (size, size, 3)."""
    pattern = PATTERNS[patterns[int(rng.integers(len(patterns)))]](rng, size)[..., None]
    image = np.asarray(first, np.float32) * (1 - pattern) + np.asarray(second, np.float32) * pattern
    image += rng.uniform(0.0, 0.05) * (smooth_noise(rng, (size, size), (size // 2, size // 2))[..., None] - 0.5)
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)


def print_texture(rng: np.random.Generator, size: int) -> np.ndarray:
    """What is printed on packages, labels, pages and mats: areas, rules, lines of writing, dots. uint8 (S, S, 3)."""
    image = np.empty((size, size, 3), np.uint8)
    image[:] = rng.integers(0, 256, 3) if rng.random() < 0.6 else rng.integers(200, 256)
    for _ in range(int(rng.integers(2, 14))):
        kind, color = rng.random(), tuple(int(c) for c in rng.integers(0, 256, 3))
        x, y = (int(v) for v in rng.integers(0, size, 2))
        width, height = (int(v) for v in size * rng.uniform(0.05, 0.6, 2))
        if kind < 0.35:
            cv2.rectangle(image, (x, y), (x + width, y + height), color, -1)
        elif kind < 0.5:
            cv2.ellipse(image, (x, y), (width // 2, height // 2), rng.uniform(0, 180), 0, 360, color, -1, cv2.LINE_AA)
        elif kind < 0.6:
            cv2.line(image, (x, y), (x + width, y - height), color, int(rng.integers(1, 6)), cv2.LINE_AA)
        else:
            letters = "".join(chr(int(c)) for c in rng.integers(48, 123, int(rng.integers(3, 16))))
            scale, line = rng.uniform(0.25, 1.4) * size / 256, int(rng.integers(10, 30) * size / 256) + 1
            for row in range(int(rng.integers(1, 9))):
                cv2.putText(
                    image, letters[row % 5 :], (x, y + row * line), cv2.FONT_HERSHEY_SIMPLEX, scale, color,
                    1 + int(scale * 2), cv2.LINE_AA,
                )  # fmt: skip
    return image
