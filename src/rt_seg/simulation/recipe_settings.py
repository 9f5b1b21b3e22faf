"""Typed settings of a scene recipe: dataclasses whose fields say what they accept, read from YAML mappings."""
from __future__ import annotations

import difflib
from dataclasses import field, fields
from typing import Any, Mapping, Tuple, Type, TypeVar

from rt_seg.simulation.errors import SimulationError

Settings = TypeVar("Settings")
Range = Tuple[float, float]
"""Least and most of an even distribution."""
Count = Tuple[int, int]
Vector = Tuple[float, float, float]


def setting(default: Any, least: float, most: float, whole: bool = False) -> Any:
    """A field that is a number, or a tuple of them as long as the default, from `least` to `most`.

    A tuple of two is a range; in YAML one number may stand for both ends.
    """
    return field(default=default, metadata={"limits": (least, most), "whole": whole})


def choice(default: str, accepted: Tuple[str, ...]) -> Any:
    """A field that is one of some words."""
    return field(default=default, metadata={"accepted": accepted})


def flag(default: bool) -> Any:
    """A field that is true or false."""
    return field(default=default, metadata={"flag": True})


def refuse_unknown(data: Any, accepted: Any, where: str) -> None:
    """Raise SimulationError unless `data` is a mapping with keys out of `accepted`."""
    if not isinstance(data, Mapping):
        raise SimulationError(f"{where}: expected a mapping with the keys {', '.join(accepted)}; got {data!r}")
    for key in data:
        if key not in accepted:
            close = difflib.get_close_matches(str(key), accepted, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise SimulationError(f"{where}: unknown key {key!r}; {hint}accepted are {', '.join(accepted)}")


def _number(value: Any, limits: Range, whole: bool, where: str) -> Any:
    if type(value) not in (int, float) or not limits[0] <= value <= limits[1] or (whole and value != int(value)):
        kind = "a whole number" if whole else "a number"
        raise SimulationError(f"{where}: {value!r} must be {kind} from {limits[0]:g} to {limits[1]:g}")
    return int(value) if whole else float(value)


def _value(entry: Any, value: Any, where: str) -> Any:
    accepted = entry.metadata.get("accepted")
    if accepted:
        if value not in accepted:
            raise SimulationError(f"{where}: {value!r}; accepted are {', '.join(accepted)}")
        return value
    if entry.metadata.get("flag"):
        if type(value) is not bool:
            raise SimulationError(f"{where}: {value!r}; accepted are true and false")
        return value
    limits, whole = entry.metadata["limits"], entry.metadata["whole"]
    if not isinstance(entry.default, tuple):
        return _number(value, limits, whole, where)
    length = len(entry.default) or 3  # colours, which have no default
    if length == 2 and not isinstance(value, list):
        value = [value, value]
    if not isinstance(value, list) or len(value) != length:
        raise SimulationError(f"{where}: {value!r} must be a list of {'two' if length == 2 else 'three'} numbers")
    numbers = tuple(_number(part, limits, whole, where) for part in value)
    if length == 2 and numbers[0] > numbers[1]:
        raise SimulationError(f"{where}: {value!r}: the first number is the least, and must not be above the second")
    return numbers


def read_settings(kind: Type[Settings], data: Any, where: str, **others: Any) -> Settings:
    """A `kind`, a dataclass of `setting`, `choice` and `flag` fields, from its YAML form.

    `where` names file and section in errors; `others` are fields that the caller has read itself. Raises
    SimulationError naming the key and what is accepted.
    """
    known = {entry.name: entry for entry in fields(kind) if entry.metadata}  # type: ignore[arg-type]
    refuse_unknown(data, tuple(known), where)
    return kind(**others, **{name: _value(known[name], value, f"{where}: {name}") for name, value in data.items()})
