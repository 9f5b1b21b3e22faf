"""Split examples so that near-duplicate neighbours of one recording stay on one side."""
from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from typing import Any

import yaml

from rt_seg_training.datasets.errors import DatasetError

BLOCK = 20
"""Consecutive numbers, or seconds of a stamp, that form one group: pictures within it look alike."""

VALIDATION_SHARE = 0.2

_LAST_NUMBER = re.compile(r"^(.*?)(\d+)(\D*)$", re.DOTALL)
_STAMP = re.compile(r"^(.*?)(\d+)(?:[_.]\d{9}|\.\d{6})(?:_\d+)?$", re.DOTALL)
"""Seconds and their decimals, as the node's save_frame and many recorders name files."""
_SPLIT_NAME = re.compile(r"^[a-z][a-z0-9_]*$")


def group_of(name: str) -> str:
    """The group of an example: its name with the last number divided by BLOCK, or the name if it has no number.

    Of a stamp (`1700000000_123456789`) the seconds are that number.
    """
    stamp = _STAMP.match(name)
    if stamp is not None:
        return f"{stamp.group(1)}{int(stamp.group(2)) // BLOCK}x{BLOCK}s"
    match = _LAST_NUMBER.match(name)
    if match is None:
        return name
    before, number, after = match.groups()
    return f"{before}{int(number) // BLOCK}x{BLOCK}{after}"


def _hash_fraction(text: str) -> float:
    return int(hashlib.sha256(text.encode("utf-8")).hexdigest()[:13], 16) / 16**13


def split_by_group(names: Iterable[str], group: Callable[[str], str] = group_of) -> dict[str, list[str]]:
    """{"train": names, "validation": names}: about VALIDATION_SHARE of the groups, by SHA-256 of the group's name.

    `group` gives the group of a name; by default that is its block of numbers.
    An example keeps its side when others are added. If the hashes leave one side empty, the group nearest to the
    limit changes sides; a single group makes a train split only, for its neighbours cannot validate each other.
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(group(name), []).append(name)
    fractions = {key: _hash_fraction(key) for key in groups}
    validation = {key for key, fraction in fractions.items() if fraction < VALIDATION_SHARE}
    if len(groups) > 1 and not validation:
        validation = {min(fractions, key=fractions.__getitem__)}
    elif len(groups) > 1 and len(validation) == len(groups):
        validation.remove(max(fractions, key=fractions.__getitem__))
    elif len(groups) == 1:
        validation = set()
    splits: dict[str, list[str]] = {"train": [], "validation": []}
    for key, members in groups.items():
        splits["validation" if key in validation else "train"].extend(members)
    return {split: sorted(members) for split, members in splits.items() if members}


def read_splits(path: Any, names: Iterable[str]) -> dict[str, list[str]]:
    """The splits that the YAML file `path` lists as {split: [names]}; together they must be exactly `names`.

    Raises DatasetError, naming the file and the example, for malformed files, unknown, repeated or missing names.
    """
    try:
        # The base loader keeps every scalar a text: 0001 is the name of a file here, not the number one.
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DatasetError(f"{path}: cannot be read as YAML: {error}") from error
    if not isinstance(data, dict) or "train" not in data:
        raise DatasetError(f"{path}: expected a mapping of split to names with the key 'train', got {str(data)[:80]}")
    known = set(names)
    split_of: dict[str, str] = {}
    for split, members in data.items():
        if not _SPLIT_NAME.match(split) or split == "all":
            raise DatasetError(
                f"{path}: split {split!r}: accepted are lower-case words such as train, validation, test"
            )
        if not isinstance(members, list) or not members or not all(isinstance(member, str) for member in members):
            raise DatasetError(f"{path}: split {split!r} must be a list of at least one name (without suffix)")
        for member in members:
            if member not in known:
                raise DatasetError(f"{path}: split {split!r} names {member!r}, but there is no such image")
            if member in split_of:
                raise DatasetError(f"{path}: {member!r} is in {split_of[member]!r} and in {split!r}; keep one")
            split_of[member] = split
    missing = sorted(known - set(split_of))
    if missing:
        raise DatasetError(
            f"{path}: {len(missing)} images are in no split, first {missing[0]!r}. Add them to a split or remove them."
        )
    return {split: sorted(members) for split, members in data.items()}
