"""Keeps frames with their masks, in the folders of a custom data set, as the start of labelling them.

The masks are a model's, no truth: correct them before training on them.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Optional

import cv2
import numpy as np

from rt_seg.atomic_file import write_atomically
from rt_seg.cameras.frame import Intrinsics, metres_to_millimetres
from rt_seg.labelled_folder import LabelledFolder
from rt_seg.labels import LabelError, LabelSet, load_labels, write_labels

MEGABYTE = 2**20
MIN_FREE = 500
"""Megabytes of the disk that are left free."""


class FrameFolderError(Exception):
    """A frame cannot be kept; the text names the folder and what to do."""


def _png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


class FrameFolder:
    """A folder with `rgb/`, `gt/`, `depth/` and `camera_info/`, one file per frame, and `labels.yaml`."""

    def __init__(self, folder: Path, limit: int) -> None:
        """`limit`: megabytes that the folder may hold. Nothing is touched before the first frame."""
        self.folder = folder
        self._limit = limit
        self._size: Optional[int] = None

    def save(
        self,
        stamp: int,
        rgb: np.ndarray,
        mask: np.ndarray,
        labels: LabelSet,
        depth: Optional[np.ndarray] = None,
        intrinsics: Optional[Intrinsics] = None,
    ) -> Path:
        """Keep one frame; returns its colour image, which is written last: with it the frame is complete.

        Args:
            stamp: nanoseconds; names the files.
            rgb: (H, W, 3) uint8.
            mask: (H, W) uint8 class ids of `labels`; 255 where unlabelled.
            depth: (H, W) float32 metres, NaN where unknown; kept as 16-bit millimetres, 0 where unknown or above 65 m.
            intrinsics: of the image, kept in Open3D's JSON with the distortion beside it.

        Raises FrameFolderError when the folder is full, cannot be written, or belongs to other classes.
        """
        try:
            self._check_room()
            self._check_labels(labels)
            name = self._free_name(stamp)
            files = {f"gt/{name}.png": _png(mask)}
            if depth is not None:
                files[f"depth/{name}.png"] = _png(metres_to_millimetres(depth))
            if intrinsics is not None:
                camera = {
                    "width": intrinsics.width,
                    "height": intrinsics.height,
                    "intrinsic_matrix": intrinsics.matrix.T.ravel().tolist(),
                    "distortion": list(intrinsics.distortion),
                }
                files[f"camera_info/{name}.json"] = json.dumps(camera).encode("utf-8")
            files[f"rgb/{name}.png"] = _png(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
            for path, data in files.items():
                write_atomically(self.folder / path, data)
                self._size = (self._size or 0) + len(data)
        except OSError as error:
            raise FrameFolderError(f"{self.folder}: the frame cannot be saved: {error}") from error
        return Path(LabelledFolder(self.folder).image(name))

    def _check_room(self) -> None:
        if self._size is None or self._size >= self._limit * MEGABYTE:
            # Counted again where it is too much: frames may have been moved away since.
            self.folder.mkdir(parents=True, exist_ok=True)
            self._size = sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
        if self._size >= self._limit * MEGABYTE:
            raise FrameFolderError(
                f"{self.folder}: contains {self._size / MEGABYTE:.0f} MB, the limit is {self._limit} MB. "
                "Move frames away, or raise ~save_limit"
            )
        free = shutil.disk_usage(str(self.folder)).free / MEGABYTE
        if free < MIN_FREE:
            raise FrameFolderError(
                f"{self.folder}: only {free:.0f} MB free, {MIN_FREE} MB must stay free. Free up disk space"
            )

    def _check_labels(self, labels: LabelSet) -> None:
        path = LabelledFolder(self.folder).labels
        if not path.exists():
            write_labels(path, labels)
            return
        try:
            present = load_labels(path)
        except LabelError as error:
            raise FrameFolderError(str(error)) from error
        if present != labels:
            raise FrameFolderError(
                f"{path}: has the classes {', '.join(present.names)}, and the model {', '.join(labels.names)}. "
                "Choose another ~save_folder for this model"
            )

    def _free_name(self, stamp: int) -> str:
        name = base = f"{stamp // 10**9}_{stamp % 10**9:09d}"
        repetition = 1
        files = LabelledFolder(self.folder)
        while files.image(name).exists() or files.mask(name).exists():
            repetition += 1
            name = f"{base}_{repetition}"
        return name
