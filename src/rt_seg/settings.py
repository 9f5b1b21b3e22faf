"""The one reader of settings: a YAML file or ROS parameters in, a typed dataclass out, or an error that names the key.

What a field accepts stands beside it, see `setting`. Types are structured by cattrs; this module adds strictness (no
text for a number, no true for 1), limits, and messages that name the source, the key, the value and what is accepted.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import math
import re
import reprlib
from pathlib import Path
from typing import Any, Callable, Collection, Dict, Mapping, Optional, Tuple, Type, TypeVar, Union, get_type_hints

import cattrs
import yaml

from rt_seg.setting_field import setting

__all__ = [
    "SettingsError", "dump_yaml", "keys_of", "parse_yaml", "plain_values", "read_settings", "read_values", "read_yaml",
    "setting", "shown",
]  # fmt: skip

Settings = TypeVar("Settings")

DEEPEST = 40
"""Levels of nesting that a YAML file may have."""
MAX_REPEATED_VALUES = 100_000
"""Values that a YAML file may hold by its aliases, beside those that are written in it."""

_KINDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
_REPR = reprlib.Repr()
_REPR.maxlevel, _REPR.maxlist, _REPR.maxtuple, _REPR.maxdict, _REPR.maxstring, _REPR.maxother = 2, 8, 8, 8, 120, 120


class SettingsError(ValueError):
    """A setting is unknown, missing, or has a wrong type or value, or its file cannot be read."""


def shown(value: Any) -> str:
    """The value as in Python source, cut where it is long or deep: for messages."""
    return _REPR.repr(value)


# Typed values.


class _Problem(Exception):
    """What is wrong, and at which path below the source."""

    def __init__(self, text: str, path: Tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.text, self.path = text, path

    def below(self, name: str) -> _Problem:
        return _Problem(self.text, (name, *self.path))


def _wanted(value: Any, kind: type, hint: str = "") -> _Problem:
    return _Problem(f"{shown(value)} must be {_KINDS[kind]}{hint}")


def _text(value: Any, _: Any) -> str:
    if type(value) is not str:
        raise _wanted(value, str, "; put it in quotes" if isinstance(value, (bool, int, float)) else "")
    return value


def _flag(value: Any, _: Any) -> bool:
    if type(value) is not bool:
        raise _wanted(value, bool)
    return value


def _number(value: Any, _: Any) -> float:
    if type(value) not in (int, float):
        raise _wanted(value, float)
    if not math.isfinite(value):
        raise _Problem(f"{value} is not a finite number")
    return float(value)


def _whole(value: Any, _: Any) -> int:
    # 1e4 is a float in YAML, and a whole number for whoever writes `steps: 1e4`.
    if type(value) not in (int, float) or not math.isfinite(value) or value != int(value):
        raise _wanted(value, int)
    return int(value)


def _structured(value: Any, kind: Any) -> Any:
    return value if kind is Any else _CONVERTER.structure(value, kind)


def _is_tuple(kind: Any) -> bool:
    return getattr(kind, "__origin__", None) is tuple


def _tuple(value: Any, kind: Any) -> tuple:
    parts = kind.__args__
    endless = len(parts) == 2 and parts[1] is Ellipsis
    if not isinstance(value, (list, tuple)) or (not endless and len(value) != len(parts)):
        raise _Problem(f"{shown(value)} must be a list" + ("" if endless else f" of {len(parts)} entries"))
    found = []
    for position, entry in enumerate(value):
        try:
            found.append(_structured(entry, parts[0] if endless else parts[position]))
        except _Problem as problem:
            raise problem.below(f"[{position}]") from None
    return tuple(found)


def _is_mapping(kind: Any) -> bool:
    origin = getattr(kind, "__origin__", None)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _mapping(value: Any, kind: Any) -> Dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _Problem(f"{shown(value)} must be a mapping")
    found = {}
    for name, entry in value.items():
        if type(name) is not str:
            raise _Problem(f"key {shown(name)} must be text")
        try:
            found[name] = _structured(entry, kind.__args__[1])
        except _Problem as problem:
            raise problem.below(name) from None
    return found


def _unknown(key: Any, accepted: Collection[str]) -> _Problem:
    close = difflib.get_close_matches(str(key)[:80], accepted, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return _Problem(f"unknown key {shown(key)}; {hint}accepted are {', '.join(accepted)}")


def _within(entry: dataclasses.Field, value: Any) -> None:
    """Raises _Problem for a value beyond the limits of its field."""
    limits = entry.metadata
    accepted, minimum, maximum = limits.get("accepted"), limits.get("minimum"), limits.get("maximum")
    if accepted and value not in accepted:
        raise _Problem(f"{shown(value)}; accepted are {', '.join(map(str, accepted))}")
    numbers = value if isinstance(value, tuple) else (value,)
    for number in numbers:
        if type(number) in (int, float) and not (
            (minimum is None or number >= minimum) and (maximum is None or number <= maximum)
        ):
            raise _Problem(f"{shown(number)} must be {_range_words(minimum, maximum)}")
    length = limits.get("length")
    if length is not None and len(value) != length:
        raise _Problem(f"{shown(list(value))} must be a list of {length} entries")
    if limits.get("interval") and value[0] > value[1]:
        raise _Problem(f"{shown(list(value))}: the first number is the minimum and must not exceed the second")


def _range_words(minimum: Optional[float], maximum: Optional[float]) -> str:
    if maximum is None:
        return f"at least {minimum:.10g}"
    return f"at most {maximum:.10g}" if minimum is None else f"from {minimum:.10g} to {maximum:.10g}"


def _key(entry: dataclasses.Field) -> str:
    return entry.metadata.get("key") or entry.name


@functools.lru_cache(maxsize=None)
def _fields(kind: type) -> Dict[str, Tuple[dataclasses.Field, Any]]:
    """Key in the file → field and its type."""
    hints = get_type_hints(kind)
    return {_key(entry): (entry, hints[entry.name]) for entry in dataclasses.fields(kind)}


def _values(kind: type, data: Any, elsewhere: Collection[str] = ()) -> Dict[str, Any]:
    """Field name → value, of what `data` gives. Raises _Problem."""
    known = _fields(kind)
    if not isinstance(data, Mapping):
        raise _Problem(f"expected a mapping with the keys {', '.join(known)}; got {shown(data)}")
    found = {}
    for key, given in data.items():
        if key not in known:
            if key in elsewhere:
                continue
            raise _unknown(key, [*known, *sorted({*elsewhere} - {*known})])
        entry, wanted = known[key]
        if entry.metadata.get("interval") and not isinstance(given, (list, tuple)):
            given = [given, given]
        try:
            found[entry.name] = _structured(given, wanted)
            _within(entry, found[entry.name])
        except _Problem as problem:
            raise problem.below(key) from None
    return found


def _made(kind: type, data: Any, elsewhere: Collection[str] = ()) -> Any:
    values = _values(kind, data, elsewhere)
    for key, (entry, _) in _fields(kind).items():
        has_default = entry.default is not dataclasses.MISSING or entry.default_factory is not dataclasses.MISSING
        if not has_default and entry.name not in values:
            meaning = entry.metadata.get("help")
            raise _Problem(f"missing key {key!r}" + (f": {meaning}" if meaning else ""))
    return kind(**values)


def _dataclass_hook(kind: type) -> Callable[[Any, Any], Any]:
    return lambda data, _: _made(kind, data)


_CONVERTER = cattrs.Converter(detailed_validation=True)
_CONVERTER.register_structure_hook(str, _text)
_CONVERTER.register_structure_hook(bool, _flag)
_CONVERTER.register_structure_hook(float, _number)
_CONVERTER.register_structure_hook(int, _whole)
_CONVERTER.register_structure_hook_func(_is_tuple, _tuple)
_CONVERTER.register_structure_hook_func(_is_mapping, _mapping)
_CONVERTER.register_structure_hook_factory(dataclasses.is_dataclass, _dataclass_hook)


def _raised(make: Callable[[], Any], where: str, error: Type[Exception]) -> Any:
    try:
        return make()
    except _Problem as problem:
        path = ""
        for name in problem.path:
            path += name if name.startswith("[") else f": {name}"
        raise error(f"{where}{path}: {problem.text}") from None


def read_settings(
    kind: Type[Settings],
    data: Any,
    where: str,
    error: Type[Exception] = SettingsError,
    elsewhere: Collection[str] = (),
) -> Settings:
    """A `kind`, a dataclass of typed fields, from a mapping such as YAML or ROS parameters give.

    `where` names file and section in messages; keys in `elsewhere` are known, too, and read by somebody else.
    Raises `error` naming source, key and value, and what is accepted.

    Examples:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Lens:
        ...     focal_length: float = setting(600.0, "pixels", minimum=1)
        >>> read_settings(Lens, {"focal_length": 615}, "lens.yaml")
        Lens(focal_length=615.0)
        >>> read_settings(Lens, {"focal_length": "wide"}, "lens.yaml")
        Traceback (most recent call last):
        rt_seg.settings.SettingsError: lens.yaml: focal_length: 'wide' must be a number
    """
    return _raised(lambda: _made(kind, data, elsewhere), where, error)


def read_values(kind: type, data: Any, where: str, error: Type[Exception] = SettingsError) -> Dict[str, Any]:
    """As read_settings, of the keys that are there: field name → value. For one of several sources of settings."""
    return _raised(lambda: _values(kind, data), where, error)


def keys_of(kind: type) -> Tuple[str, ...]:
    """The keys that a settings dataclass has in a file."""
    return tuple(_fields(kind))


def plain_values(entry: Any) -> Dict[str, Any]:
    """The fields of a settings dataclass that are not at their default, by their keys, tuples as lists: for YAML."""
    values = {}
    for each in dataclasses.fields(entry):
        value = getattr(entry, each.name)
        if value != each.default:
            values[_key(each)] = list(value) if isinstance(value, tuple) else value
    return values


# YAML.


class _Loader(yaml.SafeLoader):
    """Refuses duplicated keys, and nesting and aliases beyond any use, before anything is made of them."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._level = self._written = 0
        self._expanded: Dict[int, int] = {}
        """Values that each finished node holds, those of aliases counted at each place: id(node) → number."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        mark = event.start_mark
        self._level += 1
        if self._level > DEEPEST:
            raise yaml.MarkedYAMLError(problem=f"more than {DEEPEST} levels of nesting", problem_mark=mark)
        node = super().compose_node(parent, index)
        self._level -= 1
        if isinstance(event, yaml.AliasEvent):
            if id(node) not in self._expanded:
                raise yaml.MarkedYAMLError(problem=f"*{event.anchor} refers to itself", problem_mark=mark)
        else:
            children = () if isinstance(node, yaml.ScalarNode) else node.value
            if isinstance(node, yaml.MappingNode):
                children = [part for pair in children for part in pair]
            self._written += 1
            self._expanded[id(node)] = 1 + sum(self._expanded[id(child)] for child in children)
            if self._expanded[id(node)] > self._written + MAX_REPEATED_VALUES:
                problem = f"aliases repeat more than {MAX_REPEATED_VALUES} values"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if (key.tag, key.value) in seen:
                    raise yaml.MarkedYAMLError(problem=f"duplicate key {key.value!r}", problem_mark=key.start_mark)
                seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep)


# YAML 1.1 takes 1e-3 for text, as it has no point.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+$"), list("-+0123456789")
)


class _TextLoader(_Loader):
    """Leaves `no`, `1` and `null` the texts that they are."""

    yaml_implicit_resolvers: Dict[str, Any] = {}


def parse_yaml(
    text: Union[str, bytes], source: str, error: Type[Exception] = SettingsError, only_text: bool = False
) -> Any:
    """Plain values of a YAML text, where `1e-3` is a number; texts where `only_text`. `source` names it in messages.

    Raises `error`, in well under a second, for what is no YAML, for duplicated keys, and for nesting or aliases that
    would fill the memory.
    """
    try:
        return yaml.load(text, _TextLoader if only_text else _Loader)
    except yaml.MarkedYAMLError as problem:
        line = f"line {problem.problem_mark.line + 1}: " if problem.problem_mark else ""
        raise error(f"{source}: not valid YAML: {line}{problem.problem}") from problem
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as problem:
        raise error(f"{source}: not valid YAML: {problem}") from problem


def read_yaml(path: Path, error: Type[Exception] = SettingsError, hint: str = "") -> Any:
    """The plain values of a YAML file, as parse_yaml. Raises `error` naming the file; `hint`: what is there instead."""
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise error(f"{path}: cannot be read: {problem.strerror}" + (f"; {hint}" if hint else "")) from problem
    try:
        return parse_yaml(content.decode("utf-8-sig"), str(path), error)
    except UnicodeDecodeError as problem:
        raise error(f"{path}: not valid YAML: not UTF-8 text: {problem.reason} at byte {problem.start}") from problem


def dump_yaml(data: Any) -> bytes:
    """YAML of plain values in the order of their keys, lists of plain values in one line."""
    text = yaml.safe_dump(data, sort_keys=False, default_flow_style=None, width=120, allow_unicode=True)
    return text.encode("utf-8")
