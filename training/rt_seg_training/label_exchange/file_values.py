"""Values of files that others wrote: each is looked at before it is used, and named where it is wrong."""

from __future__ import annotations

import json
import math
import reprlib
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from rt_seg_training.datasets.source_files import decoded
from rt_seg_training.label_exchange.annotations import ExchangeError
from rt_seg_training.label_exchange.outlines import MAX_COORDINATE
from rt_seg_training.label_exchange.remarks import Remarks

MAX_SIDE = 100_000
"""Pixels: wider than any image that decoders take."""
MAX_PIXELS = 178_956_970
"""Where Pillow, too, takes an image for an attack."""
MAX_PATH = 1000
"""Characters of the name of an image with its folders."""
MAX_NAME = 200
"""Characters of the name of a class."""

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60
_short.maxlevel = 2
_short.maxlong = 30


def shown(value: Any) -> str:
    """A value in a message, never longer than a line."""
    try:
        return _short.repr(value)
    except ValueError:  # a number of thousands of digits
        return f"a number of {value.bit_length()} bits"


def read_text(file: Path) -> str:
    """A text file in UTF-8, or in what its byte order mark says. Raises ExchangeError."""
    try:
        return decoded(file.read_bytes())
    except UnicodeDecodeError as error:
        raise ExchangeError(f"{file}: is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise ExchangeError(f"{file}: cannot be read ({error.strerror})") from error


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        double = next(key for key in keys if keys.count(key) > 1)
        raise ExchangeError(f"the key {shown(double)} appears twice in one object")
    return found


def read_json(file: Path, program: str) -> Any:
    """The values of a JSON file, with or without byte order mark. Raises ExchangeError, naming what it should be."""
    text = read_text(file)
    try:
        return json.loads(text, object_pairs_hook=_without_doubles)
    except ExchangeError as error:
        raise ExchangeError(f"{file}: {error}") from error
    except RecursionError as error:
        raise ExchangeError(f"{file}: is not a file of {program}: nested too deeply") from error
    except ValueError as error:
        raise ExchangeError(f"{file}: is not a file of {program}: invalid JSON ({error})") from error


def mapping(value: Any, place: str) -> dict[str, Any]:
    """A JSON object. Raises ExchangeError."""
    if not isinstance(value, dict):
        raise ExchangeError(f"{place}: is {shown(value)}; expected an object {{…}}")
    return value


def sequence(value: Any, place: str) -> list[Any]:
    """A list. Raises ExchangeError."""
    if not isinstance(value, list):
        raise ExchangeError(f"{place}: is {shown(value)}; expected a list")
    return value


def member(entry: dict[str, Any], key: str, place: str) -> Any:
    """A value that must be there. Raises ExchangeError."""
    if key not in entry:
        raise ExchangeError(f"{place}: has no {key!r}")
    return entry[key]


def text(value: Any, place: str, longest: int = MAX_PATH) -> str:
    """A text that is not empty and has no control characters, as names of files. Raises ExchangeError."""
    if not isinstance(value, str) or not value.strip():
        raise ExchangeError(f"{place}: is {shown(value)}; expected a non-empty text")
    if len(value) > longest:
        raise ExchangeError(f"{place}: is {shown(value)}, {len(value)} characters; at most {longest} are accepted")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in value):
        raise ExchangeError(f"{place}: is {shown(value)}; control characters are not accepted")
    return value


def class_name(value: Any, place: str, remarks: Remarks) -> str:
    """The name of a class; numbers are taken as text. Raises ExchangeError for no, an empty or another kind of name."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if abs(value) > 1e18 or not math.isfinite(value):
            raise ExchangeError(f"{place}: is {shown(value)}; expected the name of a class")
        name = str(value)
        remarks.add("class names are numbers, read as text", f"{place}: {name}")
        return name
    if not isinstance(value, str) or not value.strip():
        raise ExchangeError(f"{place}: is {shown(value)}; expected the name of a class, a text that is not empty")
    return text(value, place, MAX_NAME)


def number(value: Any, place: str) -> float:
    """A finite number, no text and no truth value. Raises ExchangeError."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ExchangeError(f"{place}: is {shown(value)}; expected a number")
    if isinstance(value, int) and abs(value) > MAX_COORDINATE or not math.isfinite(value):
        raise ExchangeError(f"{place}: is {shown(value)}; expected a finite number of at most {MAX_COORDINATE:.0e}")
    if abs(value) > MAX_COORDINATE:
        raise ExchangeError(f"{place}: is {shown(value)}; expected a finite number of at most {MAX_COORDINATE:.0e}")
    return float(value)


def whole(value: Any, place: str) -> int:
    """A whole number, also as 3.0. Raises ExchangeError."""
    found = number(value, place)
    if found != int(found):
        raise ExchangeError(f"{place}: is {shown(value)}; expected a whole number")
    return int(found)


def parsed(value: str, place: str) -> float:
    """The finite number that a text is. Raises ExchangeError."""
    try:
        found = float(value)
    except ValueError as error:
        raise ExchangeError(f"{place}: is {shown(value)}; expected a number") from error
    return number(found, place)


def identity(value: Any, place: str) -> int | str:
    """An id: a whole number, or a text; the text of a whole number is that number. Raises ExchangeError."""
    if isinstance(value, str) and value.strip():
        digits = value.strip()
        if digits.removeprefix("-").isdecimal() and len(digits) < 19:
            return int(digits)
        return text(value, place, MAX_NAME)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 64:
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53:
        return int(value)
    raise ExchangeError(f"{place}: is {shown(value)}; expected an id, a whole number")


def image_side(value: Any, place: str) -> int:
    """Height or width of an image. Raises ExchangeError."""
    side = whole(value, place)
    if not 0 < side <= MAX_SIDE:
        raise ExchangeError(f"{place}: is {shown(value)}; expected 1..{MAX_SIDE} pixels")
    return side


def image_size(height: Any, width: Any, place: str) -> tuple[int, int] | None:
    """(height, width) of an image; None where neither is told. Raises ExchangeError."""
    if height is None and width is None:
        return None
    found = image_side(height, f"{place}: height"), image_side(width, f"{place}: width")
    if found[0] * found[1] > MAX_PIXELS:
        raise ExchangeError(f"{place}: {found[1]}x{found[0]} is larger than the maximum image size")
    return found


def coordinates(values: Iterable[Any], place: str) -> np.ndarray:
    """(N,) float64 of finite numbers of at most MAX_COORDINATE. Raises ExchangeError, naming the first other one."""
    values = list(values)
    if all(type(value) is float or type(value) is int and abs(value) <= MAX_COORDINATE for value in values):
        found = np.array(values, np.float64)
        if (np.abs(found) <= MAX_COORDINATE).all():  # False for NaN
            return found
    for position, value in enumerate(values):
        number(value, f"{place}: coordinate {position}")
    raise AssertionError("one of them is not a number")


def corners(values: Any, place: str) -> np.ndarray:
    """(N, 2) float64 of a list of [x, y]. Raises ExchangeError."""
    flat = []
    for position, corner in enumerate(sequence(values, place)):
        if not isinstance(corner, (list, tuple)) or len(corner) != 2:
            raise ExchangeError(f"{place}: corner {position} is {shown(corner)}; expected [x, y]")
        flat += corner
    return coordinates(flat, place).reshape(-1, 2)
