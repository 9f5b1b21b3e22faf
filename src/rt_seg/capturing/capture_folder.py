"""The folder that captured frames are kept in: rgb/, depth/ and camera_info/ of a custom data set."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Iterator

import cv2
import numpy as np

from rt_seg.atomic_file import write_atomically
from rt_seg.cameras.frame import Frame
from rt_seg.capturing.selection import CaptureError
from rt_seg.labelled_folder import COLOR, DEPTH


def stamp_name(prefix: str, stamp: float) -> str:
    """Name of a frame by its time in seconds; the splits of a data set are made along such times."""
    nanoseconds = round(stamp * 1e9)
    return f"{prefix}_{nanoseconds // 10**9}_{nanoseconds % 10**9:09d}"


class CaptureFolder:
    """Writes frames, each whole or not at all, and never over a file that is there."""

    def __init__(self, folder: Path, prefix: str) -> None:
        """`prefix`: start of the names. Raises CaptureError when a file name cannot begin with it."""
        if not re.fullmatch(r"[^/\\\0]+", prefix) or prefix.startswith("."):
            raise CaptureError(f"--prefix {prefix!r}: must be the start of a file name, without / and not with a dot")
        self._folder = folder
        self._prefix = prefix

    def holds(self, name: str) -> bool:
        """Whether the frame is complete there."""
        return self._path(COLOR, name).exists()

    def pictures(self) -> Iterator[np.ndarray]:
        """The readable colour images (H, W, 3) uint8 RGB with this prefix, by name."""
        for path in sorted((self._folder / COLOR).glob("*.png")):
            image = cv2.imread(str(path)) if path.name.startswith(f"{self._prefix}_") else None
            if image is not None:
                yield cv2.cvtColor(image, cv2.COLOR_BGR2RGB)

    def write(self, name: str, frame: Frame, with_camera: bool) -> None:
        """Write colour (PNG), depth (16-bit PNG, mm) and, if `with_camera`, the intrinsics as Open3D writes them.

        Raises OSError.
        """
        if frame.depth is not None:
            write_atomically(self._path(DEPTH, name), _png(frame.depth))
        if with_camera:
            camera = frame.intrinsics
            data = {
                "width": camera.width,
                "height": camera.height,
                "intrinsic_matrix": camera.matrix.T.ravel().tolist(),
                "distortion": list(camera.distortion),
            }
            write_atomically(self._path("camera_info", name, "json"), json.dumps(data).encode("utf-8"))
        # Last: with its image the frame is complete.
        write_atomically(self._path(COLOR, name), _png(cv2.cvtColor(frame.color, cv2.COLOR_RGB2BGR)))

    def _path(self, kind: str, name: str, suffix: str = "png") -> Path:
        return self._folder / kind / f"{name}.{suffix}"


def _png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()
