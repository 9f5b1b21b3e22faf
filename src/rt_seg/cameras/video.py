"""Webcams, network cameras and video files: RGB only."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import cv2
import numpy as np
import yaml

from rt_seg.cameras.errors import CameraError, CameraSettingError
from rt_seg.cameras.frame import LENS_MODELS, Frame, Intrinsics, Placement

NETWORK_PATIENCE = 5000
"""Milliseconds that a network camera may take to answer, or to send the next image."""


def load_calibration(path: Path) -> Intrinsics:
    """A camera from the YAML file that camera_calibration writes. Raises CameraSettingError naming file and key."""
    try:
        data: Dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        matrix = [float(value) for value in data["camera_matrix"]["data"]]
        distortion = [float(value) for value in data["distortion_coefficients"]["data"]]
        model, size = data["distortion_model"], (int(data["image_width"]), int(data["image_height"]))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CameraSettingError(f"{path}: cannot be read: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise CameraSettingError(f"{path}: {error!r}: expected the file that camera_calibration writes") from error
    # Newer releases of camera_calibration call fisheye what sensor_msgs calls equidistant.
    name = "equidistant" if model == "fisheye" else model
    counts = ", ".join(f"{count} for {model_name}" for count, model_name in LENS_MODELS.items())
    if len(matrix) != 9 or LENS_MODELS.get(len(distortion)) != name:
        raise CameraSettingError(
            f"{path}: has {len(matrix)} numbers in camera_matrix and {len(distortion)} of the model {model!r}; "
            f"accepted are 9 numbers in camera_matrix, and {counts.replace(' for', ' coefficients for', 1)}"
        )
    return Intrinsics(*size, matrix[0], matrix[4], matrix[2], matrix[5], tuple(distortion))


class _Capture:
    """What OpenCV opens, as frames of a camera without depth."""

    color_placement: Optional[Placement] = None

    def __init__(self, description: str, calibration: Optional[Intrinsics]) -> None:
        self.description = description
        self.calibrated = calibration is not None
        """Without a calibration the intrinsics of the frames are a guess."""
        self._calibration = calibration
        self._capture: Any = None  # cv2.VideoCapture

    def _frame(self, image: np.ndarray, stamp: float) -> Frame:
        height, width = image.shape[:2]
        camera = self._calibration
        if camera is not None and (camera.width, camera.height) != (width, height):
            raise CameraSettingError(
                f"the calibration is for {camera.width}x{camera.height} pixels, but the images have {width}x{height}; "
                "calibrate at this size"
            )
        if camera is None:
            camera = Intrinsics(width, height, float(width), float(width), (width - 1) / 2, (height - 1) / 2)
        return Frame(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), None, None, camera, stamp)

    def close(self) -> None:
        """Release the device or file."""
        if self._capture is not None:
            self._capture.release()


class Video(_Capture):
    """Frames of a video file at its pace."""

    def __init__(
        self, path: Path, calibration: Optional[Intrinsics] = None, loop: bool = False, speed: float = 1.0
    ) -> None:
        """`speed`: seconds of the clip per second. Raises CameraSettingError when the file does not open."""
        super().__init__(str(path), calibration)
        self._path = path
        self._loop = loop
        self._open()
        self._period = 1.0 / (speed * (self._capture.get(cv2.CAP_PROP_FPS) or 30.0))

    def _open(self) -> None:
        self._capture = cv2.VideoCapture(str(self._path))
        if not self._capture.isOpened():
            raise CameraSettingError(f"{self._path} cannot be opened: is it a video that OpenCV can read?")

    def __iter__(self) -> Iterator[Frame]:
        """Frames stamped with the computer's clock, to the file's end. Raises CameraSettingError for one without."""
        due = time.monotonic()
        empty = True
        while True:
            read, image = self._capture.read()
            if not read:
                if empty:
                    raise CameraSettingError(f"{self._path} contains no images that OpenCV can read")
                if not self._loop:
                    return
                self.close()
                self._open()
                empty = True
                continue
            empty = False
            time.sleep(max(due - time.monotonic(), 0.0))
            due = max(due + self._period, time.monotonic() - self._period)
            yield self._frame(image, time.time())


class FrameByFrame(_Capture):
    """All frames of a video file, as fast as they are read."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), None)

    def __iter__(self) -> Iterator[Frame]:
        """Frames stamped in seconds from the clip's start. Raises CameraSettingError when none can be decoded."""
        self._capture = cv2.VideoCapture(self.description)
        rate = self._capture.get(cv2.CAP_PROP_FPS) or 30.0
        number = 0
        while True:
            read, image = self._capture.read()
            if not read:
                break
            yield self._frame(image, number / rate)
            number += 1
        if not number:
            raise CameraSettingError(f"{self.description}: no frame can be decoded as video")


class Webcam(_Capture):
    """Frames of a camera as they come: V4L2 devices by number or path, network cameras by address."""

    def __init__(
        self,
        device: str,
        calibration: Optional[Intrinsics] = None,
        width: int = 640,
        height: int = 480,
        rate: int = 30,
    ) -> None:
        """`device`: 0 or /dev/video0 (or a link in /dev/v4l/by-id), or what FFmpeg reads, as rtsp://… and http://….
        A V4L2 camera gives the size and rate nearest to those asked for; a calibration's size takes precedence. Raises
        CameraError when it does not open."""
        is_address = "://" in device
        super().__init__(device if is_address else f"webcam {device}", calibration)
        if is_address:
            timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, NETWORK_PATIENCE, cv2.CAP_PROP_READ_TIMEOUT_MSEC,
                        NETWORK_PATIENCE]  # fmt: skip
            self._capture = cv2.VideoCapture(device, cv2.CAP_FFMPEG, timeouts)
            advice = "is the camera reachable at this address, with this user and password?"
        else:
            self._capture = cv2.VideoCapture(int(device) if device.isdigit() else device, cv2.CAP_V4L2)
            advice = "is it connected, and may this user read /dev/video*? `rosrun rt_seg doctor` checks both"
        if not self._capture.isOpened():
            raise CameraError(f"{self.description} cannot be opened: {advice}")
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # else a slow reader gets old images
        if not is_address:
            if calibration is not None:
                width, height = calibration.width, calibration.height
            if width * height > 640 * 480:  # uncompressed, USB 2 has no room for more at 30 Hz
                self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter_fourcc(*"MJPG"))
            wanted = {cv2.CAP_PROP_FRAME_WIDTH: width, cv2.CAP_PROP_FRAME_HEIGHT: height, cv2.CAP_PROP_FPS: rate}
            for name, value in wanted.items():
                self._capture.set(name, value)

    def __iter__(self) -> Iterator[Frame]:
        """Frames stamped with the computer's clock. Raises CameraError when no more come."""
        while True:
            read, image = self._capture.read()
            if not read:
                raise CameraError(f"{self.description} stopped sending images; was it unplugged?")
            yield self._frame(image, time.time())


def webcams(root: Path = Path("/")) -> List[str]:
    """V4L2 devices that deliver images, as "/dev/video0 (name)"; `root` is the file system's."""
    found = []
    for folder in sorted((root / "sys/class/video4linux").glob("video*"), key=lambda path: (len(path.name), path.name)):
        try:
            name, index = ((folder / entry).read_text(errors="replace").strip() for entry in ("name", "index"))
        except OSError:
            continue
        if index == "0":  # the others of a camera give metadata
            found.append(f"/dev/{folder.name} ({name})")
    return found
