"""Masks that files hold as PNG in base 64."""

from __future__ import annotations

import base64
import binascii
import io
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from rt_seg_training.label_exchange.annotations import ExchangeError
from rt_seg_training.label_exchange.file_values import MAX_PIXELS, shown


def decoded_png(data: bytes, place: str) -> np.ndarray:
    """(H, W) bool of a PNG: its alpha where it has one, else what is not 0. Raises ExchangeError."""
    try:
        image = Image.open(io.BytesIO(data))
        if image.size[0] * image.size[1] > MAX_PIXELS:
            raise ExchangeError(
                f"{place}: a mask of {image.size[0]}x{image.size[1]} is larger than the maximum image size"
            )
        image.load()
        if image.mode == "RGBA" or "transparency" in image.info:
            return np.asarray(image.convert("RGBA"))[..., 3] > 0
        pixels = np.asarray(image)
    except ExchangeError:
        raise
    except UnidentifiedImageError as error:
        raise ExchangeError(f"{place}: its mask is not in a known image format") from error
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError or its own bomb error by file type
        raise ExchangeError(f"{place}: its mask cannot be read as an image ({error})") from error
    return pixels > 0 if pixels.ndim == 2 else pixels[..., 0] > 0


def from_base64(value: Any, place: str) -> bytes:
    """The bytes of a text in base 64. Raises ExchangeError."""
    if not isinstance(value, str):
        raise ExchangeError(f"{place}: is {shown(value)}; expected a PNG in base64")
    try:
        return base64.b64decode(value)
    except (binascii.Error, ValueError) as error:
        raise ExchangeError(f"{place}: is not valid base64 ({error})") from error
