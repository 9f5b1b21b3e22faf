"""Reads folders of images, paired by file name, as framesets of an RGB-D camera."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Collection, Dict, Iterator, List, Optional

import cv2
import numpy as np

from rt_seg.cameras.d435 import NOMINAL_FOCAL_LENGTH
from rt_seg.cameras.frame import Frame, Intrinsics
from rt_seg.labelled_folder import IMAGE_SUFFIXES, LABELS
from rt_seg.labels import LabelError, LabelSet, load_labels
from rt_seg.natural_order import natural_key
from rt_seg.recordings.encoded_images import fault_of


class FolderError(ValueError):
    """A folder of images cannot be read as a stream; the text names the file."""


def _images(folder: Path, suffixes: Collection[str] = IMAGE_SUFFIXES) -> Dict[str, Path]:
    """Image files by stem, in order of name. Raises FolderError for a missing or empty folder, or a duplicate stem."""
    if not folder.is_dir():
        raise FolderError(f"{folder}: no such folder of images")
    found: Dict[str, Path] = {}
    for path in sorted(folder.iterdir(), key=natural_key):
        if path.suffix.lower() not in suffixes:
            continue
        if path.stem in found:
            raise FolderError(f"{path}: {found[path.stem].name} has the same stem; keep one image per name")
        found[path.stem] = path
    if not found:
        raise FolderError(f"{folder}: contains no images; accepted are {', '.join(suffixes)}")
    return found


def _partners(color: Dict[str, Path], folder: Path) -> Dict[str, Path]:
    partners = _images(folder, (".png",))
    for stem, path in color.items():
        if stem not in partners:
            raise FolderError(f"{path}: {folder} has no matching {stem}.png; images are paired by name")
    for stem, path in partners.items():
        if stem not in color:
            raise FolderError(f"{path}: there is no matching colour image {stem}; images are paired by name")
    return partners


def _read(path: Path, flags: int, dtype: type, dimensions: int, meaning: str) -> np.ndarray:
    data = path.read_bytes()
    fault = fault_of(data)
    if fault is not None:
        raise FolderError(f"{path}: is {fault}; replace or remove the file")
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    if image is None:
        raise FolderError(f"{path}: cannot be decoded as an image; replace or remove the file")
    if image.dtype != dtype or image.ndim != dimensions:
        channels = 1 if image.ndim == 2 else image.shape[2]
        raise FolderError(f"{path}: has {channels} channel(s) of {image.dtype}; expected {meaning}")
    return image


def _check_size(path: Path, image: np.ndarray, intrinsics: Intrinsics) -> None:
    height, width = image.shape[:2]
    if (width, height) != (intrinsics.width, intrinsics.height):
        raise FolderError(
            f"{path}: is {width}x{height} pixels, but {intrinsics.width}x{intrinsics.height} are expected (by the "
            "first colour image or the intrinsics); all images of a stream have one size"
        )


def load_intrinsics(path: Path) -> Intrinsics:
    """Read a pinhole camera from Open3D's JSON: width, height, intrinsic_matrix (nine numbers, column by column), and
    `distortion` beside it where there is any, as saved frames have it.

    Raises FolderError naming the file and the key.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        width, height, matrix = data["width"], data["height"], [float(value) for value in data["intrinsic_matrix"]]
        distortion = tuple(float(value) for value in data.get("distortion", (0.0,) * 5))
    except OSError as error:
        raise FolderError(f"{path}: cannot read the intrinsics: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise FolderError(
            f"{path}: {error!r}: expected JSON with width, height and intrinsic_matrix (nine numbers)"
        ) from error
    if len(matrix) != 9 or any(matrix[i] != 0 for i in (1, 2, 3, 5)) or matrix[8] != 1:
        raise FolderError(f"{path}: intrinsic_matrix is {matrix}; expected [fx, 0, 0, 0, fy, 0, cx, cy, 1], by columns")
    try:
        return Intrinsics(int(width), int(height), matrix[0], matrix[4], matrix[6], matrix[7], distortion)
    except ValueError as error:
        raise FolderError(f"{path}: {error}") from error


def nominal_intrinsics(width: int, height: int) -> Intrinsics:
    """Those of a nominal D435, for images of a camera that nobody has calibrated."""
    focal = NOMINAL_FOCAL_LENGTH * width
    return Intrinsics(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)


def _labels_beside(folder: Path) -> Optional[LabelSet]:
    path = folder.parent / LABELS
    try:
        return load_labels(path) if path.is_file() else None
    except LabelError as error:
        raise FolderError(str(error)) from error


class ImageFolder:
    """The frames of a colour folder, with depth (16-bit PNG, millimetres) and ground truth (8-bit PNG, class ids).

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> cv2.imwrite(str(folder / "a.png"), np.zeros((48, 64, 3), np.uint8))
        True
        >>> [(frame.color.shape, frame.depth) for frame in ImageFolder(folder)]
        [((48, 64, 3), None)]
    """

    def __init__(
        self,
        color: Path,
        depth: Optional[Path] = None,
        ground_truth: Optional[Path] = None,
        intrinsics: Optional[Path] = None,
        rate: float = 30.0,
    ) -> None:
        """Find and pair the files. Raises FolderError naming the first file without a partner."""
        self._color = _images(color)
        self._depth = _partners(self._color, depth) if depth is not None else None
        self._ground_truth = _partners(self._color, ground_truth) if ground_truth is not None else None
        self.labels: Optional[LabelSet] = _labels_beside(ground_truth) if ground_truth is not None else None
        """The classes of the ground truth, where a labels.yaml beside its folder names them."""
        self._rate = rate
        self._intrinsics = load_intrinsics(intrinsics) if intrinsics is not None else None

    @property
    def calibrated(self) -> bool:
        """Whether the intrinsics of the frames are the camera's own, and not nominal ones."""
        return self._intrinsics is not None

    def __len__(self) -> int:
        return len(self._color)

    @property
    def names(self) -> List[str]:
        """Stems of the images, in the order of the frames."""
        return list(self._color)

    def __iter__(self) -> Iterator[Frame]:
        """Read frame by frame, stamped from 0 at the given rate. Raises FolderError naming an unusable file."""
        intrinsics = self._intrinsics
        for number, (stem, path) in enumerate(self._color.items()):
            color = cv2.cvtColor(_read(path, cv2.IMREAD_COLOR, np.uint8, 3, "a colour image"), cv2.COLOR_BGR2RGB)
            if intrinsics is None:
                intrinsics = nominal_intrinsics(color.shape[1], color.shape[0])
            _check_size(path, color, intrinsics)
            depth = ground_truth = None
            if self._depth is not None:
                meaning = "one channel of uint16 (millimetres)"
                depth = _read(self._depth[stem], cv2.IMREAD_UNCHANGED, np.uint16, 2, meaning)
                _check_size(self._depth[stem], depth, intrinsics)
            if self._ground_truth is not None:
                meaning = "one channel of uint8 (class ids; neither colours nor a palette)"
                ground_truth = _read(self._ground_truth[stem], cv2.IMREAD_UNCHANGED, np.uint8, 2, meaning)
                _check_size(self._ground_truth[stem], ground_truth, intrinsics)
            yield Frame(color, depth, ground_truth, intrinsics, number / self._rate)


def open_recording_folder(folder: Path, rate: float) -> ImageFolder:
    """A folder with subfolders of images as a stream: `color` (or `rgb`, `images`), and where they are there `depth`,
    `ground_truth` and the camera, a JSON file beside them or the first of `camera_info`.

    So are recordings of Open3D laid out, and the frames that the node saves. Raises FolderError.
    """
    names = [name for name in ("color", "rgb", "images") if (folder / name).is_dir()]
    if not names:
        raise FolderError(f"{folder}: contains no folder of colour images; accepted are color, rgb and images")
    cameras = [path for path in sorted(folder.glob("*.json")) if "intrinsic" in path.name or "camera" in path.name]
    cameras += sorted((folder / "camera_info").glob("*.json"))[:1]
    depth, truth = (folder / name if (folder / name).is_dir() else None for name in ("depth", "ground_truth"))
    return ImageFolder(folder / names[0], depth, truth, cameras[0] if cameras else None, rate)
