"""A segmenter that changes its input size while it runs, so that the camera's rate is kept."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Callable, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

from rt_seg.bundle import Bundle
from rt_seg.camera_image import CameraImage
from rt_seg.rate_control import RateControl, first_choice
from rt_seg.segmenter import Segmentation, Segmenter

AUTO = "auto"
FULL = "full"
TIMED_RUNS = 5
"""Inferences from whose fastest the cost of a size is taken."""

Size = Tuple[int, int]


def parse_size(text: str) -> Optional[Size]:
    """Height and width of a text such as 640x480 (width x height, as cameras are named); None for auto and full.

    Raises ValueError for anything else.
    """
    if text in (AUTO, FULL):
        return None
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise ValueError(
            f"input_size {text!r} is not understood; accepted: auto, full, or WIDTHxHEIGHT such as 320x240"
        )
    return int(height), int(width)


class SizedSegmenter:
    """Answers as Segmenter does, at the input size that `input_size` names or that keeps the rate (`auto`).

    With `auto`, `after_frame` is told how long each frame took; the network of the next size is compiled and run once
    in a thread of its own before it takes over, so that no frame waits for it.
    """

    def __init__(
        self, bundle: Bundle, make: Callable[[Bundle], Segmenter], input_size: str = AUTO, confidence: bool = False
    ) -> None:
        """Load the network.

        Args:
            bundle: the model; its sizes are those of the engine that `make` takes.
            make: loads a bundle's network, which has one size then.
            input_size: `auto`, `full` for the bundle's own size, or WIDTHxHEIGHT.
            confidence: whether it is going to be wanted, which is part of a frame's cost.

        Raises BundleError when the bundle cannot be used or lacks the size, ValueError for a size not understood.
        """
        self._make, self._confidence = make, confidence
        self.bundle = bundle
        self.reason = ""
        size = parse_size(input_size)
        self._segmenter = make(bundle if size is None else bundle.at_size(*size))
        self._sizes: List[Size] = [self.input_size]
        self._control: Optional[RateControl] = None
        self._ready: Dict[int, Segmenter] = {}
        self._preparing: Dict[int, Future] = {}
        self._failed: Dict[int, str] = {}
        self._executor: Optional[ThreadPoolExecutor] = None
        if input_size == AUTO:
            self._sizes = list(bundle.input_sizes(self._segmenter.runtime))
        if len(self._sizes) > 1:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="input size")
            self._choose_first()

    def _choose_first(self) -> None:
        """Measure the full size, and begin with the largest that should keep 30 Hz; the next smaller one is loaded."""
        full = self._cost_of(self._segmenter)
        areas = [height * width for height, width in self._sizes]
        costs = [full * area / areas[0] for area in areas]
        choice = first_choice(costs, None)
        self.reason = choice.reason
        if choice.index > 0:
            self._ready[0] = self._segmenter
            self._segmenter = self._load(choice.index)
            costs[choice.index] = self._cost_of(self._segmenter)
        self._control = RateControl(costs, choice.index)
        self._prepare(choice.index + 1)

    def _load(self, index: int) -> Segmenter:
        segmenter = self._make(self.bundle.at_size(*self._sizes[index]))
        self._run_once(segmenter)
        return segmenter

    def _run_once(self, segmenter: Segmenter) -> None:
        spec = segmenter.spec
        depth = np.zeros((spec.height, spec.width), np.uint16) if spec.with_depth else None
        segmenter.segment(np.zeros((spec.height, spec.width, 3), np.uint8), self._confidence, depth)

    def _cost_of(self, segmenter: Segmenter) -> float:
        """Seconds of one frame; the fastest of a few, which says what the machine can do when nothing else runs."""
        times = []
        for _ in range(TIMED_RUNS + 1):
            started = time.perf_counter()
            self._run_once(segmenter)
            times.append(time.perf_counter() - started)
        return min(times[1:])

    def _prepare(self, index: int) -> None:
        """Load the network of a size in the background, unless it is loaded, is being loaded, or could not be."""
        if not 0 <= index < len(self._sizes) or index in self._ready or index in self._preparing:
            return
        if self._control is not None and index == self._control.index or index in self._failed:
            return
        assert self._executor is not None
        self._preparing[index] = self._executor.submit(self._load, index)

    def _collect(self) -> None:
        for index, future in list(self._preparing.items()):
            if not future.done():
                continue
            del self._preparing[index]
            try:
                self._ready[index] = future.result()
            except Exception as error:  # whatever a runtime raises; the sizes that run continue
                self._failed[index] = str(error)

    @property
    def input_size(self) -> Size:
        """Height and width of the input in use, pixels."""
        spec = self._segmenter.spec
        return spec.height, spec.width

    @property
    def input_sizes(self) -> Sequence[Size]:
        """Heights and widths among which it chooses, largest first; one where the size is fixed."""
        return tuple(self._sizes)

    @property
    def failures(self) -> Dict[Size, str]:
        """Sizes whose network could not be loaded, and why."""
        return {self._sizes[index]: reason for index, reason in self._failed.items()}

    @property
    def description(self) -> str:
        """Runtime and precision in words."""
        return self._segmenter.description

    @property
    def warning(self) -> str:
        """What is wrong with the engine though it answers; empty when nothing is."""
        return self._segmenter.warning

    def segment(
        self,
        image: Union[np.ndarray, CameraImage],
        confidence: bool = False,
        depth: Optional[np.ndarray] = None,
        classes: Optional[Sequence[int]] = None,
    ) -> Segmentation:
        """Segment an image at the input size in use; see `Segmenter.segment`."""
        return self._segmenter.segment(image, confidence, depth, classes)

    def after_frame(self, busy: float, period: Optional[float], now: float) -> Optional[str]:
        """Take in what the last frame took; returns the new size and the reason in words when it has changed.

        Args:
            busy: seconds for which the frame kept its worker.
            period: seconds between the last two camera images, None when unknown.
            now: seconds of a clock that never steps back.
        """
        control = self._control
        if control is None:
            return None
        self._collect()
        choice = control.observe(busy, period, now)
        if choice is None:
            return None
        target = choice.index
        if target not in self._ready:
            self._prepare(target)
            # What is loaded already and better than now serves until then.
            between = [index for index in self._ready if control.index < index < target]
            if not between:
                return None
            target = max(between)
        self._ready[control.index] = self._segmenter
        self._segmenter = self._ready.pop(target)
        control.moved_to(target)
        self.reason = choice.reason
        self._prepare(target + 1)
        height, width = self.input_size
        return f"input size {width}x{height}: {choice.reason}"

    def close(self) -> None:
        """Release all networks."""
        if self._executor is not None:
            self._executor.shutdown(wait=True)
            self._collect()
        for segmenter in (self._segmenter, *self._ready.values()):
            segmenter.close()
