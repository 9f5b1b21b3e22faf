"""Inputs of a network: an image, and the depth of its pixels where the bundle says rgbd."""

from __future__ import annotations

from pathlib import Path
from typing import List, Optional, Sequence

import numpy as np

from rt_seg.bundle import BundleError, InputSpec


class NetworkInputs:
    """The arrays for one inference, in the order and shapes of the bundle: image, then depth."""

    def __init__(self, spec: InputSpec) -> None:
        self.shapes = [[1, spec.height, spec.width, channels] for channels in ((3, 1) if spec.with_depth else (3,))]
        # Made once: a network with depth gets it whenever its camera has none.
        self._no_depth = np.zeros(self.shapes[1], np.float32) if spec.with_depth else None

    def places(self, actual: Sequence[Sequence[int]], path: Path) -> List[int]:
        """Which of the inputs of the network in `path`, by their shapes, is the image, and which the depth.

        Raises BundleError when they are others than those of the bundle.
        """
        shapes = [list(shape) for shape in actual]
        if sorted(map(str, shapes)) != sorted(map(str, self.shapes)):
            raise BundleError(
                f"{path}: its input is {_words(shapes)}, but the bundle says {_words(self.shapes)}. Export it again."
            )
        return [shapes.index(shape) for shape in self.shapes]

    def arrays(self, rgb: np.ndarray, depth: Optional[np.ndarray] = None) -> List[np.ndarray]:
        """[image uint8 (1, H, W, 3)], and for rgbd depth, float32 (1, H, W, 1) metres: zeros where it is None.

        `rgb` (H, W, 3) and `depth` (H, W) have the network's size; they are copied only where they have gaps.
        A network of RGB only gets no depth.
        """
        arrays = [np.ascontiguousarray(rgb)[np.newaxis]]
        if self._no_depth is not None:
            given = None if depth is None else np.ascontiguousarray(depth)[np.newaxis, :, :, np.newaxis]
            arrays.append(self._no_depth if given is None else given)
        return arrays


def _words(shapes: List[List[int]]) -> str:
    return " and ".join(map(str, shapes))
