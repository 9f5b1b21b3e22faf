"""Which frames to label next: those that a model is unsure of, and that are unlike each other and what is labelled.

k-center greedy (Sener, Savarese, "Active Learning for Convolutional Neural Networks: A Core-Set Approach", ICLR 2018)
among the most unsure frames, with distances weighed by how unsure the frame is.
"""

from __future__ import annotations

import numpy as np

CANDIDATES_PER_FRAME = 10
"""Times as many frames as are wanted are looked at: the rest the model knows."""
FARTHEST = 2.0
"""Between two features of length 1."""


def choose_frames(unsure: np.ndarray, features: np.ndarray, count: int, known: np.ndarray | None = None) -> list[int]:
    """Numbers of the `count` frames to label next, the first one the most worth it; fewer where there are fewer.

    Args:
        unsure: (N,) how unsure the model is of each frame, 0 or more.
        features: (N, D) what each frame looks like.
        count: of frames wanted.
        known: (M, D) features of frames that are labelled.

    Raises ValueError for arrays that do not belong together, or a count below 1.
    """
    from scipy.spatial.distance import cdist

    unsure, features = np.asarray(unsure, float), np.asarray(features, float)
    if unsure.ndim != 1 or features.ndim != 2 or len(unsure) != len(features) or count < 1:
        raise ValueError(f"{unsure.shape} doubts, {features.shape} features, count {count}: inconsistent")
    candidates = np.argsort(-unsure, kind="stable")[: CANDIDATES_PER_FRAME * count]
    points = _unit(features)[candidates]
    weights = unsure[candidates] / max(unsure[candidates].max(initial=0.0), 1e-12)
    if known is not None and len(known):
        nearest = cdist(points, _unit(np.asarray(known, float))).min(axis=1)
    else:
        # The first is then the most unsure one.
        nearest = np.full(len(points), FARTHEST)
    chosen: list[int] = []
    for _ in range(min(count, len(points))):
        worth = nearest * weights
        worth[chosen] = -1.0
        best = int(np.argmax(worth))
        chosen.append(best)
        nearest = np.minimum(nearest, cdist(points, points[best : best + 1])[:, 0])
    return [int(candidates[index]) for index in chosen]


def _unit(features: np.ndarray) -> np.ndarray:
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
