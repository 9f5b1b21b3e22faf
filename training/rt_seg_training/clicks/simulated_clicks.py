"""Where somebody clicks next who knows the truth: in the middle of the largest region that is wrong."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Click:
    """A place in the image, (x, y) in pixels, whole numbers at the pixels' centres; `adds`: it is in the region."""

    x: float
    y: float
    adds: bool = True


def next_click(truth: np.ndarray, mask: np.ndarray, random: np.random.Generator | None = None) -> Click | None:
    """The click that corrects `mask` most; both (H, W) bool. None where mask and truth agree.

    In the largest connected region of missing or surplus pixels, at the place farthest from its edge (Xu et al., "Deep
    Interactive Object Selection", CVPR 2016). With `random`, anywhere farther from the edge than half of that: people
    do not click in the very middle.
    """
    best: tuple[int, np.ndarray, bool] | None = None
    for wrong, adds in ((truth & ~mask, True), (mask & ~truth, False)):
        if not wrong.any():
            continue
        _, regions, statistics, _ = cv2.connectedComponentsWithStats(wrong.astype(np.uint8), connectivity=8)
        largest = 1 + int(np.argmax(statistics[1:, cv2.CC_STAT_AREA]))
        area = int(statistics[largest, cv2.CC_STAT_AREA])
        if best is None or area > best[0]:
            best = area, regions == largest, adds
    if best is None:
        return None
    # The rim of the image is an edge, too, so that nobody clicks there.
    distance = cv2.distanceTransform(np.pad(best[1], 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    if random is None:
        y, x = np.unravel_index(int(np.argmax(distance)), distance.shape)
    else:
        places = np.argwhere(distance >= 0.5 * distance.max())
        y, x = places[random.integers(len(places))]
    return Click(float(x), float(y), best[2])
