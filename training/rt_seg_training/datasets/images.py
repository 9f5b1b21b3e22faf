"""Read colour images and label images as the arrays that the labels mean, whatever the file's colour type."""
from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from rt_seg_training.datasets.errors import DatasetError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
MASK_SUFFIXES = (".png", ".bmp", ".tif", ".tiff")
"""Label images must be lossless: JPEG invents class ids along every edge."""

EXIF_ORIENTATION = 274


def _open(path: Any) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(path.read_bytes()))
        image.load()
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError or its own bomb error by file type
        raise DatasetError(f"{path}: cannot be read as an image ({error}). Replace or remove the file.") from error
    return image


def read_image(path: Any) -> np.ndarray:
    """(height, width, 3) uint8 sRGB of an image file; EXIF rotation is applied, as OpenCV does.

    `path` is a pathlib.Path or zipfile.Path. Raises DatasetError, naming the file, if it cannot be decoded.
    """
    return np.asarray(ImageOps.exif_transpose(_open(path)).convert("RGB"))


def is_plain_rgb(path: Any) -> bool:
    """Whether every decoder reads this file as `read_image` does: 8-bit RGB PNG or JPEG without EXIF rotation."""
    image = Image.open(io.BytesIO(path.read_bytes()))
    plain = image.mode == "RGB" and image.format in ("PNG", "JPEG") and "transparency" not in image.info
    return plain and image.getexif().get(EXIF_ORIENTATION, 1) == 1


def read_mask(path: Any) -> np.ndarray:
    """(height, width) integer class ids of a label image: grey of 8 or 16 bits, palette indices, or 1 bit as 0/1.

    `path` is a pathlib.Path or zipfile.Path. Palette images yield their indices, not their colours; three equal
    channels count as grey. Raises DatasetError, naming the file, for unreadable files and for colour images.
    """
    image = _open(path)
    if image.mode in ("L", "P", "I", "I;16", "I;16B", "1"):
        mask = np.asarray(image)
        return mask.astype(np.uint8) if mask.dtype == bool else mask
    if image.mode in ("RGB", "RGBA", "LA"):
        channels = np.asarray(image)[..., : 1 if image.mode == "LA" else 3]
        if (channels == channels[..., :1]).all():
            return channels[..., 0]
    raise DatasetError(
        f"{path}: is a colour image (mode {image.mode}), but a label image holds one class id per pixel. "
        "Accepted are grey or palette PNG files; convert colours to the ids of the labels file."
    )
