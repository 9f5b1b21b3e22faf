"""What a field of a settings dataclass accepts; the standard library alone, as the build of the package needs it."""

from __future__ import annotations

from dataclasses import MISSING, field
from typing import Any, Collection, Optional


def setting(
    default: Any = MISSING,
    help_text: str = "",
    minimum: Optional[float] = None,
    maximum: Optional[float] = None,
    accepted: Collection[Any] = (),
    length: Optional[int] = None,
    interval: bool = False,
    key: str = "",
) -> Any:
    """A field of a settings dataclass; without a default it must be given.

    `minimum` and `maximum` hold for the number, or for each number of a tuple, and `accepted` lists the values that
    there are. `length` is that of a tuple. An `interval` is a pair, least and most, for which one number may stand.
    `key` is the name in the file, where that of the field cannot be it, such as `class`.
    """
    metadata = {
        "help": help_text, "minimum": minimum, "maximum": maximum, "accepted": tuple(accepted), "length": length,
        "interval": interval, "key": key,
    }  # fmt: skip
    if default is MISSING:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)
