"""Webcams and video files: colour alone."""
from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Union

import cv2
import numpy as np
import yaml

from rt_seg.cameras.errors import CameraError
from rt_seg.cameras.frame import Frame, Intrinsics


def load_calibration(path: Path) -> Intrinsics:
    """A camera from the YAML file that camera_calibration writes. Raises CameraError naming the file and the key."""
    try:
        data: Dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        matrix = [float(value) for value in data["camera_matrix"]["data"]]
        distortion = [float(value) for value in data["distortion_coefficients"]["data"]]
        model, size = data["distortion_model"], (int(data["image_width"]), int(data["image_height"]))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CameraError(f"{path}: cannot be read: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise CameraError(f"{path}: {error!r}: expected the file that camera_calibration writes") from error
    if len(matrix) != 9 or model != "plumb_bob" or len(distortion) != 5:
        raise CameraError(
            f"{path}: has {len(matrix)} numbers in camera_matrix and {len(distortion)} of the model {model!r}; "
            "accepted are 9, and 5 of plumb_bob"
        )
    return Intrinsics(*size, matrix[0], matrix[4], matrix[2], matrix[5], tuple(distortion))


class Video:
    """Frames of a video file at its pace, or of a webcam by its number as they come."""

    def __init__(
        self, source: Union[int, Path], calibration: Optional[Intrinsics] = None, loop: bool = False, rate: float = 0.0
    ) -> None:
        """`rate` in Hz replaces that of a file (0: as recorded). Without a calibration the frames' intrinsics are a
        guess, which `calibrated` tells. Raises CameraError when the source does not open."""
        self._source = source
        self._loop = loop and isinstance(source, Path)
        self._calibration = calibration
        self.calibrated = calibration is not None
        self._capture = self._open()
        recorded = self._capture.get(cv2.CAP_PROP_FPS)
        self._period = 1.0 / (rate or recorded or 30.0) if isinstance(source, Path) else 0.0

    def _open(self) -> "cv2.VideoCapture":
        capture = cv2.VideoCapture(self._source if isinstance(self._source, int) else str(self._source))
        if not capture.isOpened():
            kind = f"webcam {self._source}" if isinstance(self._source, int) else f"{self._source}"
            advice = "is it plugged in, and may this user read /dev/video*?" if isinstance(self._source, int) else (
                "is it a video that OpenCV reads?"
            )
            raise CameraError(f"{kind} cannot be opened: {advice}")
        if isinstance(self._source, int):
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # else a slow reader gets old images
        return capture

    def __iter__(self) -> Iterator[Frame]:
        """Frames stamped with the computer's clock. Ends with the file; raises CameraError when a webcam fails."""
        due = time.monotonic()
        while True:
            read, image = self._capture.read()
            if not read:
                if isinstance(self._source, int):
                    raise CameraError(f"webcam {self._source} gives no images any more; was it unplugged?")
                if not self._loop:
                    return
                self._capture.release()
                self._capture = self._open()
                continue
            time.sleep(max(due - time.monotonic(), 0.0))
            due = max(due + self._period, time.monotonic() - self._period)
            yield self._frame(image, time.time())

    def _frame(self, image: np.ndarray, stamp: float) -> Frame:
        height, width = image.shape[:2]
        camera = self._calibration
        if camera is not None and (camera.width, camera.height) != (width, height):
            raise CameraError(
                f"the calibration is for {camera.width}x{camera.height} pixels and the images have {width}x{height}; "
                "calibrate at this size"
            )
        if camera is None:
            camera = Intrinsics(width, height, float(width), float(width), (width - 1) / 2, (height - 1) / 2)
        return Frame(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), None, None, camera, stamp)

    def close(self) -> None:
        """Let go of the device or file."""
        self._capture.release()
