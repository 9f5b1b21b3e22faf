"""The order in which people count names: frame9 before frame10."""

from __future__ import annotations

import re
from typing import Tuple, Union

_NUMBER = re.compile(r"([0-9]+)")


def natural_key(name: object) -> Tuple[Tuple[Union[str, int], ...], str]:
    """Sort key of a name or path: its numbers count as numbers; of 1 and 01 the text decides."""
    text = str(name)
    parts = _NUMBER.split(text)
    return tuple(int(part) if index % 2 else part for index, part in enumerate(parts)), text
