"""Reads a node's private parameters into a typed dataclass, once, and refuses what it does not know."""
from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any, Mapping, Optional, Type, TypeVar, get_type_hints

Settings = TypeVar("Settings")

_KINDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


class SettingsError(ValueError):
    """A parameter is unknown, missing or has a wrong type or value."""


def read_settings(
    kind: Type[Settings], parameters: Mapping[str, Any], where: str, elsewhere: Optional[type] = None
) -> Settings:
    """Make a `kind` (a dataclass of str, int, float and bool fields) from parameters.

    A field may name its accepted values in metadata["accepted"] and a range in metadata["range"]. `where` names the
    source in errors; the fields of the dataclass `elsewhere` are known, too, and read by somebody else. Raises
    SettingsError naming the parameter, its value and what is accepted.
    """
    hints = get_type_hints(kind)
    known = {entry.name: entry for entry in fields(kind)}  # type: ignore[arg-type]
    accepted_names = set(known) | {entry.name for entry in fields(elsewhere)} if elsewhere else set(known)
    unknown = sorted(set(parameters) - accepted_names)
    if unknown:
        raise SettingsError(
            f"{where}: unknown parameter {unknown[0]!r}; accepted are {', '.join(sorted(accepted_names))}"
        )
    values = {}
    for name, entry in known.items():
        if name not in parameters:
            if entry.default is MISSING:
                raise SettingsError(f"{where}: parameter {name!r} is missing; set it to {_KINDS[hints[name]]}")
            continue
        value, wanted = parameters[name], hints[name]
        if wanted is float and type(value) is int:
            value = float(value)
        if type(value) is not wanted:
            raise SettingsError(f"{where}: parameter {name!r} is {value!r}; accepted is {_KINDS[wanted]}")
        accepted = entry.metadata.get("accepted")
        if accepted and value not in accepted:
            raise SettingsError(f"{where}: parameter {name!r} is {value!r}; accepted are {', '.join(accepted)}")
        low, high = entry.metadata.get("range", (None, None))
        if low is not None and not low <= value <= high:
            raise SettingsError(f"{where}: parameter {name!r} is {value!r}; accepted is {low} to {high}")
        values[name] = value
    return kind(**values)
