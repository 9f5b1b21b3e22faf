"""Masks as PNG in base 64, as labelme and Supervisely keep them."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image


def png_bytes(mask: np.ndarray, mode: str = "L") -> bytes:
    """A PNG of a (H, W) bool mask: grey, 1 bit, palette, or the alpha of a colour image."""
    image = Image.fromarray(mask.astype(np.uint8) * (1 if mode == "P" else 255))
    if mode == "P":
        image.putpalette([0, 0, 0, 255, 255, 255])
    elif mode == "RGBA":
        image = Image.merge("RGBA", [Image.new("L", image.size, 7)] * 3 + [image])
    else:
        image = image.convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def png(mask: np.ndarray, mode: str = "L") -> str:
    """The same as text."""
    return base64.b64encode(png_bytes(mask, mode)).decode("ascii")
