"""The segmenter: a camera frame in, a segmentation at the frame's size out. ROS-free and TensorFlow-free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence, Tuple, Union

import cv2
import numpy as np

from rt_seg.bundle import Bundle, InputSpec
from rt_seg.camera_image import CameraImage, as_camera_image
from rt_seg.engines import Engine, create_engine
from rt_seg.engines.class_id_head import class_ids, confidences, probabilities


@dataclass(frozen=True)
class Segmentation:
    """`mask`: class id per pixel, uint8 (H, W). If they were asked for, `confidence`: its probability, float32 (H, W),
    and `probabilities`: those of n classes, float32 (H, W, n)."""

    mask: np.ndarray
    confidence: Optional[np.ndarray] = None
    probabilities: Optional[np.ndarray] = None


def network_depth(depth: np.ndarray, height: int, width: int, limits: Tuple[float, float]) -> np.ndarray:
    """Depth at the network's size, float32 (height, width) metres, 0 where there is no reading.

    Takes uint16 millimetres or float32 metres, (h, w). Readings are picked, never mixed: between the edge of a table
    and the floor behind it there is nothing. No reading are 0, NaN, and what is outside of the `limits` in metres.
    Raises ValueError for another type.
    """
    if depth.ndim != 2 or depth.dtype not in (np.uint16, np.float32):
        raise ValueError(
            f"depth of shape {depth.shape} and type {depth.dtype}; accepted: (height, width), uint16 millimetres or "
            "float32 metres"
        )
    if depth.shape != (height, width):
        depth = cv2.resize(depth, (width, height), interpolation=cv2.INTER_NEAREST)
    metres = depth * np.float32(0.001) if depth.dtype == np.uint16 else depth
    return cv2.copyTo(metres, cv2.inRange(metres, *limits), np.zeros((height, width), np.float32))


class Segmenter:
    """Runs one network: a bundle's (`load_segmenter`), or that of any other engine.

    The live node, `predict`, `evaluate` and the checks of `export` all use it, so their masks are bit-identical.
    """

    def __init__(self, spec: InputSpec, engine: Engine) -> None:
        """`spec` is what the network of the `engine` takes."""
        self.spec = spec
        self._engine = engine

    @property
    def runtime(self) -> str:
        """The engine's name in `rt_seg.engines.ENGINES`."""
        return self._engine.runtime

    @property
    def description(self) -> str:
        """Runtime and numeric precision in words."""
        return self._engine.description

    @property
    def warning(self) -> str:
        """A problem of an engine that still works, as text; empty when there is none."""
        return str(getattr(self._engine, "warning", ""))

    def segment(
        self,
        image: Union[np.ndarray, CameraImage],
        confidence: bool = False,
        depth: Optional[np.ndarray] = None,
        classes: Optional[Sequence[int]] = None,
    ) -> Segmentation:
        """Segment an image: RGB, uint8 (H, W, 3), or one as a camera sends it.

        Args:
            confidence: whether it is wanted, too: it costs an exponential per class and pixel.
            depth: of the image's pixels, (H, W), uint16 millimetres or float32 metres, 0 or NaN without a reading. A
                bundle of rgbd takes it, and continues without where it is None; one of rgb does not look at it.
            classes: ids whose probabilities are wanted, too, in this order.

        Raises ValueError for another shape or type.
        """
        camera_image = as_camera_image(image)
        height, width = camera_image.size
        spec = self.spec
        if depth is not None:
            depth = self._network_depth(depth, height, width)
        logits = self._engine.logits(camera_image.at_size(spec.height, spec.width), depth)
        mask = class_ids(logits, height, width)
        return Segmentation(
            mask,
            confidences(logits, height, width) if confidence else None,
            probabilities(logits, height, width, classes) if classes else None,
        )

    def _network_depth(self, depth: np.ndarray, height: int, width: int) -> Optional[np.ndarray]:
        spec = self.spec
        if spec.depth_range is None:
            return None
        if depth.shape != (height, width):
            raise ValueError(f"depth of shape {depth.shape} does not match the image of {height, width}")
        return network_depth(depth, spec.height, spec.width, spec.depth_range)

    def close(self) -> None:
        """Release the network."""
        self._engine.close()


def load_segmenter(bundle: Bundle, runtime: str = "auto", threads: int = 0, precision: str = "auto") -> Segmenter:
    """The segmenter of a bundle; see `rt_seg.engines.create_engine` for the arguments and errors.

    Examples:
        >>> segmenter = load_segmenter(load_bundle("tabletop"))
        >>> found = segmenter.segment(np.zeros((480, 640, 3), np.uint8), confidence=True)
        >>> found.mask.shape, found.mask.dtype.name, found.confidence.dtype.name
        ((480, 640), 'uint8', 'float32')
    """
    return Segmenter(bundle.input, create_engine(bundle, runtime, threads, precision))
