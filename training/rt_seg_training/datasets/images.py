"""Read colour, label and depth images as the arrays that they mean, whatever the file's colour type."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from rt_seg.recordings.encoded_images import fault_of
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.source_files import read_bytes

LOSSLESS = ("PNG", "BMP", "TIFF")
"""Kinds of files with these suffixes, as Pillow calls them."""

EXIF_ORIENTATION = 274
TIFF_BITS_PER_SAMPLE = 258
PNG_BITS = 24
"""Place in the file of the bits per channel, in its first chunk (PNG specification, IHDR)."""


def _open(path: Any) -> tuple[Image.Image, int]:
    """An image and the bits per channel of its file, which Pillow's modes do not tell. Raises DatasetError."""
    data = read_bytes(path)
    fault = fault_of(data)
    if fault is not None:
        raise DatasetError(f"{path}: cannot be read as an image (it is {fault}). Replace or remove the file.")
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
    except UnidentifiedImageError as error:
        text = f"{path}: cannot be read as an image (unknown format). Replace or remove the file."
        raise DatasetError(text) from error
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError or its own bomb error by file type
        raise DatasetError(f"{path}: cannot be read as an image ({error}). Replace or remove the file.") from error
    if image.format == "PNG":
        return image, data[PNG_BITS]
    if isinstance(image, TiffImageFile):
        return image, max(image.tag_v2.get(TIFF_BITS_PER_SAMPLE, (8,)))
    return image, 8


def read_image(path: Any) -> np.ndarray:
    """(height, width, 3) uint8 sRGB of an image file; EXIF rotation is applied, as OpenCV does, and 16 bits
    become 8.

    `path` is a pathlib.Path or zipfile.Path. Raises DatasetError, naming the file, if it cannot be decoded.
    """
    image = ImageOps.exif_transpose(_open(path)[0])
    if image.mode == "F":
        raise DatasetError(
            f"{path}: has fractions for values (mode F), whose range is unknown; save it with 8 or 16 bits"
        )
    if image.mode.startswith("I"):  # grey of 16 bits, which Pillow would cut off at 255
        return np.repeat((np.asarray(image) >> 8).astype(np.uint8)[..., None], 3, axis=2)
    return np.asarray(image.convert("RGB"))


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
    image, bits = _lossless(path)
    values = _one_channel(image, bits)
    if values is None:
        kind = "has fractions" if image.mode == "F" else "is a colour image"
        raise DatasetError(
            f"{path}: {kind} (mode {image.mode}), but a label image holds one class id per pixel. "
            "Accepted are grey or palette PNG files; convert colours to the ids of the labels file."
        )
    return values


def _one_channel(image: Image.Image, bits: int) -> np.ndarray | None:
    """(H, W) whole numbers of an image; None for colours and fractions."""
    if image.mode in ("L", "P", "I", "I;16", "I;16B", "1"):
        values = np.asarray(image)
        # Pillow spreads grey of 2 and 4 bits over 0..255.
        step = {2: 85, 4: 17}.get(bits, 1) if image.mode == "L" else 1
        return values.astype(np.uint8) if values.dtype == bool else values // step
    if image.mode in ("RGB", "RGBA", "LA"):
        channels = np.asarray(image)[..., : 1 if image.mode == "LA" else 3]
        if (channels == channels[..., :1]).all():
            return channels[..., 0]
    return None


def _lossless(path: Any) -> tuple[Image.Image, int]:
    """An image whose values are those that were written, the way up that viewers show it, and its bits per channel.

    Raises DatasetError.
    """
    image, bits = _open(path)
    if image.format not in LOSSLESS:
        raise DatasetError(
            f"{path}: is a {image.format} file, regardless of its suffix, and its values may have changed when it was "
            f"written; accepted are {', '.join(LOSSLESS)}. Export it again from the original"
        )
    pages = getattr(image, "n_frames", 1)
    if pages > 1:
        raise DatasetError(f"{path}: has {pages} pages; write each to a file of its own")
    if bits > 8 and len(image.getbands()) > 1:
        # Pillow keeps the upper 8 bits only.
        raise DatasetError(
            f"{path}: has {len(image.getbands())} channels of {bits} bits; save it with one channel of 8 or 16 bits, "
            "or with colours of 8 bits"
        )
    return ImageOps.exif_transpose(image), bits


def read_color_mask(path: Any) -> np.ndarray:
    """(height, width, 3) uint8 colours of a label image, exactly as they were written.

    `path` is a pathlib.Path or zipfile.Path. Raises DatasetError, naming the file, if it cannot be decoded or its
    colours have more than 8 bits.
    """
    return np.asarray(_lossless(path)[0].convert("RGB"))


def palette_of(path: Any) -> list[tuple[int, int, int]] | None:
    """The colours (red, green, blue) of the indices of a palette image; None for images without a palette.

    `path` is a pathlib.Path or zipfile.Path. Raises DatasetError, naming the file, if it cannot be decoded.
    """
    image, _ = _open(path)
    if image.mode != "P":
        return None
    values = image.getpalette("RGB") or []
    return [(values[place], values[place + 1], values[place + 2]) for place in range(0, len(values) - 2, 3)]


def read_depth(path: Any, shape: tuple[int, ...], unit: float = 1.0) -> np.ndarray:
    """(H, W) uint16 millimetres of a depth image, 0 = no reading; `unit`: millimetres of one step of the file.

    `path` is a pathlib.Path or zipfile.Path. Raises DatasetError, naming the file, if it is of another kind or its
    size is not that of `shape`, the colour image's.
    """
    image, bits = _lossless(path)
    depth = _one_channel(image, bits)
    if depth is None:
        raise DatasetError(
            f"{path}: is not an integer greyscale image (mode {image.mode}); depth is a grey PNG of 16 bits, in "
            "millimetres (0 = no reading)"
        )
    if depth.dtype.itemsize < 2 and unit == 1.0:
        raise DatasetError(
            f"{path}: has 8 bits per pixel; depth is a grey PNG of 16 bits, in millimetres (0 = no reading)"
        )
    if depth.dtype.itemsize > 1 and unit != 1.0:
        raise DatasetError(f"{path}: has 16 bits per pixel; depth of this layout has 8, in steps of {unit:.1f} mm")
    if depth.min(initial=0) < 0 or unit * depth.max(initial=0) > 65535:
        raise DatasetError(f"{path}: holds {depth.max()}; depth is in millimetres, 0..65535")
    if depth.shape != tuple(shape[:2]):
        raise DatasetError(
            f"{path}: is {depth.shape[1]}x{depth.shape[0]}, but its image is {shape[1]}x{shape[0]} (width x height). "
            "Depth must be aligned to colour."
        )
    return np.rint(unit * depth).astype(np.uint16)
