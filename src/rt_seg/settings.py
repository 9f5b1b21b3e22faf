"""The one reader of settings: a YAML file or ROS parameters in, a typed dataclass out, or an error that names the key.

What a field accepts stands beside it, see `setting`. Types are structured by cattrs; this module adds strictness (no
text for a number, no true for 1), limits, and messages that name the source, the key, the value and what is accepted.
"""
from __future__ import annotations

import dataclasses
import difflib
import math
import re
import reprlib
from pathlib import Path
from typing import Any, Callable, Collection, Dict, List, Mapping, Optional, Tuple, Type, TypeVar, Union

import cattrs
import yaml
from cattrs.gen import make_dict_structure_fn, override

Settings = TypeVar("Settings")

DEEPEST = 40
"""Levels of nesting that a YAML file may have."""
MOST_REPEATED = 100_000
"""Values that a YAML file may hold by its aliases, beside those that are written in it."""

_KINDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
_REPR = reprlib.Repr()
_REPR.maxlevel, _REPR.maxlist, _REPR.maxtuple, _REPR.maxdict, _REPR.maxstring, _REPR.maxother = 2, 8, 8, 8, 120, 120


class SettingsError(ValueError):
    """A setting is unknown, missing, or has a wrong type or value, or its file cannot be read."""


def setting(
    default: Any = dataclasses.MISSING,
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
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


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
            found.append(_CONVERTER.structure(entry, parts[0] if endless else parts[position]))
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
            found[name] = entry if kind.__args__[1] is Any else _CONVERTER.structure(entry, kind.__args__[1])
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
        raise _Problem(f"{shown(list(value))}: the first number is the least, and must not be above the second")


def _range_words(minimum: Optional[float], maximum: Optional[float]) -> str:
    if maximum is None:
        return f"at least {minimum:g}"
    return f"at most {maximum:g}" if minimum is None else f"from {minimum:g} to {maximum:g}"


def _key(entry: dataclasses.Field) -> str:
    return entry.metadata.get("key") or entry.name


def _dataclass_hook(kind: type) -> Callable[[Any, Any], Any]:
    entries = {_key(entry): entry for entry in dataclasses.fields(kind)}
    names = {entry.name: override(rename=key) for key, entry in entries.items()}
    structure: Callable[..., Any] = make_dict_structure_fn(
        kind, _CONVERTER, _cattrs_detailed_validation=True, **names  # type: ignore[arg-type]
    )

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, Mapping):
            raise _Problem(f"expected a mapping with the keys {', '.join(entries)}; got {shown(value)}")
        for key in value:
            if key not in entries:
                raise _unknown(key, tuple(entries))
        for key, entry in entries.items():
            has_default = entry.default is not dataclasses.MISSING or entry.default_factory is not dataclasses.MISSING
            if not has_default and key not in value:
                meaning = entry.metadata.get("help")
                raise _Problem(f"missing key {key!r}" + (f": {meaning}" if meaning else ""))
        pairs = {
            key: [given, given] if entries[key].metadata.get("interval") and not isinstance(given, list) else given
            for key, given in value.items()
        }
        try:
            found = structure(pairs, kind)
        except cattrs.ClassValidationError as error:
            problem, note = error.group_exceptions()[0][0]
            if not isinstance(problem, _Problem):
                problem = _Problem(str(problem))
            raise problem.below(_key(next(e for e in entries.values() if e.name == note.name))) from None
        for key in value:
            try:
                _within(entries[key], getattr(found, entries[key].name))
            except _Problem as problem:
                raise problem.below(key) from None
        return found

    return hook


_CONVERTER = cattrs.Converter(detailed_validation=True)
_CONVERTER.register_structure_hook(str, _text)
_CONVERTER.register_structure_hook(bool, _flag)
_CONVERTER.register_structure_hook(float, _number)
_CONVERTER.register_structure_hook(int, _whole)
_CONVERTER.register_structure_hook_func(_is_tuple, _tuple)
_CONVERTER.register_structure_hook_func(_is_mapping, _mapping)
_CONVERTER.register_structure_hook_factory(dataclasses.is_dataclass, _dataclass_hook)


def read_settings(
    kind: Type[Settings],
    data: Any,
    where: str,
    error: Type[ValueError] = SettingsError,
    elsewhere: Collection[str] = (),
) -> Settings:
    """A `kind`, a dataclass of typed fields, from a mapping such as YAML or ROS parameters give.

    `where` names file and section in messages; keys in `elsewhere` are known, too, and read by somebody else.
    Raises `error` naming source, key and value, and what is accepted.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Lens:
        ...     focal_length: float = setting(600.0, "pixels", minimum=1)
        >>> read_settings(Lens, {"focal_length": 615}, "lens.yaml")
        Lens(focal_length=615.0)
        >>> read_settings(Lens, {"focal_length": "wide"}, "lens.yaml")
        Traceback (most recent call last):
        rt_seg.settings.SettingsError: lens.yaml: focal_length: 'wide' must be a number
    """
    own = [_key(entry) for entry in dataclasses.fields(kind)]  # type: ignore[arg-type]
    try:
        if isinstance(data, Mapping) and elsewhere:
            for key in data:
                if key not in own and key not in elsewhere:
                    raise _unknown(key, sorted({*own, *elsewhere}))
            data = {key: value for key, value in data.items() if key in own}
        return _CONVERTER.structure(data, kind)
    except _Problem as problem:
        path = ""
        for name in problem.path:
            path += name if name.startswith("[") else f": {name}"
        raise error(f"{where}{path}: {problem.text}") from None


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
                raise yaml.MarkedYAMLError(problem=f"*{event.anchor} is inside of what it names", problem_mark=mark)
        else:
            children = () if isinstance(node, yaml.ScalarNode) else node.value
            if isinstance(node, yaml.MappingNode):
                children = [part for pair in children for part in pair]
            self._written += 1
            self._expanded[id(node)] = 1 + sum(self._expanded[id(child)] for child in children)
            if self._expanded[id(node)] > self._written + MOST_REPEATED:
                problem = f"aliases repeat more than {MOST_REPEATED} values"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if (key.tag, key.value) in seen:
                    raise yaml.MarkedYAMLError(problem=f"key {key.value!r} is there twice", problem_mark=key.start_mark)
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
    text: Union[str, bytes], source: str, error: Type[ValueError] = SettingsError, only_text: bool = False
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


def read_yaml(path: Path, error: Type[ValueError] = SettingsError) -> Any:
    """The plain values of a YAML file, as parse_yaml. Raises `error` naming the file."""
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise error(f"{path}: cannot be read: {problem.strerror}") from problem
    try:
        return parse_yaml(content.decode("utf-8-sig"), str(path), error)
    except UnicodeDecodeError as problem:
        raise error(f"{path}: not valid YAML: no UTF-8 text: {problem.reason} at byte {problem.start}") from problem


def dump_yaml(data: Any) -> bytes:
    """YAML of plain values in the order of their keys, lists of plain values in one line."""
    text = yaml.safe_dump(data, sort_keys=False, default_flow_style=None, width=120, allow_unicode=True)
    return text.encode("utf-8")


def table(kind: type, keys: Optional[List[str]] = None) -> List[Tuple[str, Any, str, str]]:
    """Rows of key, default, what is accepted, and help of the fields of a settings dataclass: for documents."""
    rows = []
    for entry in dataclasses.fields(kind):
        limits = entry.metadata
        words = ", ".join(map(str, limits.get("accepted") or ()))
        minimum, maximum = limits.get("minimum"), limits.get("maximum")
        if not words and (minimum is not None or maximum is not None):
            words = _range_words(minimum, maximum)
        default = None if entry.default is dataclasses.MISSING else entry.default
        if keys is None or entry.name in keys:
            rows.append((_key(entry), default, words, limits.get("help", "")))
    return rows
