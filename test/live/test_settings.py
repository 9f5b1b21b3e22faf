"""The reader of settings: types are strict, limits hold, YAML cannot fill the memory, and messages name the key."""

import time
from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Optional, Tuple

import pytest

from rt_seg.settings import SettingsError, dump_yaml, parse_yaml, read_settings, read_yaml, setting


@dataclass(frozen=True)
class Part:
    number: int
    share: Optional[float] = setting(None, "share", minimum=0, maximum=1)
    span: Tuple[float, float] = setting((1.0, 2.0), "m", minimum=0, interval=True)
    words: Tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    kind: str = setting("round", accepted=("round", "square"))
    color: Tuple[int, ...] = setting((), length=3)
    loop: bool = False


@dataclass(frozen=True)
class Whole:
    parts: Tuple[Part, ...]
    name: str = setting("thing", key="class")


def _read(part: Dict[str, Any]) -> Part:
    return read_settings(Whole, {"parts": [{"number": 1, **part}]}, "file.yaml").parts[0]


def test_values_are_read_with_their_types():
    part = _read({"number": 1e4, "share": 1, "span": 3, "words": ["a", "b"], "extra": {"x": [1]}, "color": [1, 2, 3]})
    assert part == Part(10000, 1.0, (3.0, 3.0), ("a", "b"), {"x": [1]}, "round", (1, 2, 3))
    assert type(part.number) is int
    assert type(part.share) is float
    assert read_settings(Whole, {"parts": [], "class": "mug"}, "file.yaml") == Whole((), "mug")


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"number": True}, "number: True must be a whole number"),
        ({"number": "1"}, "number: '1' must be a whole number"),
        ({"number": 1.5}, "number: 1.5 must be a whole number"),
        ({"number": float("inf")}, "number: inf must be a whole number"),
        ({"share": float("nan")}, "share: nan is not a finite number"),
        ({"share": True}, "share: True must be a number"),
        ({"share": 1.5}, "share: 1.5 must be from 0 to 1"),
        ({"span": [3, 2]}, r"span: \[3.0, 2.0\]: the first number is the minimum"),
        ({"span": [1, 2, 3]}, r"span: \[1, 2, 3\] must be a list of 2 entries"),
        ({"span": -1}, "span: -1.0 must be at least 0"),
        ({"words": "abc"}, "words: 'abc' must be a list"),
        ({"words": ["a", 2]}, r"words\[1\]: 2 must be text; put it in quotes"),
        ({"extra": {1: 2}}, "extra: key 1 must be text"),
        ({"extra": []}, r"extra: \[\] must be a mapping"),
        ({"kind": "oval"}, "kind: 'oval'; accepted are round, square"),
        ({"color": [1, 2]}, "color: .* must be a list of 3 entries"),
        ({"loop": 1}, "loop: 1 must be true or false"),
        ({"nummer": 2}, "unknown key 'nummer'; did you mean 'number'[?] accepted are number, share"),
        ({3: 2, "x": 1}, "unknown key 3; accepted are number, share"),
    ],
)
def test_what_is_not_accepted_is_refused_with_source_and_key(part, message):
    with pytest.raises(SettingsError, match=r"^file.yaml: parts\[0\]: " + message):
        _read(part)


def test_a_missing_key_and_what_is_no_mapping_are_named():
    with pytest.raises(SettingsError, match="^file.yaml: missing key 'parts'"):
        read_settings(Whole, {"class": "mug"}, "file.yaml")
    with pytest.raises(SettingsError, match="^file.yaml: expected a mapping with the keys parts, class; got 3"):
        read_settings(Whole, 3, "file.yaml")


def test_keys_that_somebody_else_reads_are_known():
    assert read_settings(Whole, {"parts": [], "mode": "live"}, "node /n", elsewhere=("mode",)) == Whole(())
    with pytest.raises(SettingsError, match="unknown key 'modus'; did you mean 'mode'"):
        read_settings(Whole, {"parts": [], "modus": "live"}, "node /n", elsewhere=("mode",))


def test_a_message_does_not_hold_the_whole_of_what_is_wrong():
    with pytest.raises(SettingsError) as caught:
        _read({"kind": "x" * 10**6, "words": [[["deep"] * 100] * 100] * 100})
    assert len(str(caught.value)) < 1000


BOMB = "\n".join(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}' if level else 'x'] * 9)}]" for level in range(30))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "line [0-9]+: aliases repeat more than 100000 values"),
        ("[" * 20000, "line 1: more than 40 levels of nesting"),
        ("- " * 20000, "line 1: more than 40 levels of nesting"),
        ("a: &a [*a]", r"line 1: \*a refers to itself"),
        ("a: 1\nb: {c: 1, c: 2}", "line 2: duplicate key 'c'"),
        ("a: {b", "not valid YAML: line 1: "),
        ("a: !!python/name:os.system x", "could not determine a constructor"),
        ("a: \x00", "special characters are not allowed"),
    ],
    ids=["aliases", "nesting in lists", "nesting in blocks", "itself", "doubled", "unclosed", "python", "NUL"],
)
def test_yaml_that_is_wrong_or_would_fill_the_memory_is_an_error_at_once(text, message):
    started = time.process_time()
    with pytest.raises(SettingsError, match=f"^file.yaml: not valid YAML: .*{message}|^file.yaml: {message}"):
        parse_yaml(text, "file.yaml")
    assert time.process_time() - started < 1


def test_numbers_are_what_people_mean_and_aliases_and_merges_work():
    assert parse_yaml("{a: 1e-3, b: 2E5, c: 1.5e-3, d: 0x1f, e: 1e5f}", "t") == {
        "a": 0.001, "b": 200000.0, "c": 0.0015, "d": 31, "e": "1e5f",
    }  # fmt: skip
    assert parse_yaml("a: &a {x: 1}\nb: {<<: *a, x: 2, y: *a}", "t") == {"a": {"x": 1}, "b": {"x": 2, "y": {"x": 1}}}


def test_a_file_is_named_that_is_missing_or_no_text_and_a_byte_order_mark_is_nothing(tmp_path):
    with pytest.raises(SettingsError, match="absent.yaml: cannot be read: No such file"):
        read_yaml(tmp_path / "absent.yaml")
    (tmp_path / "file.yaml").write_bytes(b"a: \xff")
    with pytest.raises(SettingsError, match="file.yaml: not valid YAML: not UTF-8 text: .* at byte 3"):
        read_yaml(tmp_path / "file.yaml")
    (tmp_path / "file.yaml").write_bytes(b"\xef\xbb\xbfa: 1")
    assert read_yaml(tmp_path / "file.yaml") == {"a": 1}


def test_what_is_written_is_read_again():
    data = {"name": "못", "numbers": [1e-9, 1e22, 3], "nested": {"b": [], "a": None}}
    assert parse_yaml(dump_yaml(data), "t") == data
    assert list(parse_yaml(dump_yaml(data), "t")["nested"]) == ["b", "a"]
