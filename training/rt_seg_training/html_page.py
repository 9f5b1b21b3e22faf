"""Self-contained HTML pages from templates next to the modules that fill them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np


def render(template: Path, **values: Any) -> str:
    """The page of a Jinja2 template. Text is escaped; what a template does not find ends in an UndefinedError.

    Templates have the filter `data_uri`: an image as its bytes (PNG or JPEG) for `src`.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters["data_uri"] = data_uri
    return environment.get_template(template.name).render(values)


def data_uri(image: bytes) -> str:
    """A PNG or JPEG for the `src` of an image."""
    kind = "png" if image.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(image).decode('ascii')}"


def encoded(rgb: np.ndarray, suffix: str, quality: int = 95) -> bytes:
    """An RGB image, uint8 (H, W, 3), as a file of this suffix (.png, .jpg)."""
    import cv2

    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix == ".jpg" else []
    return cv2.imencode(suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)[1].tobytes()
