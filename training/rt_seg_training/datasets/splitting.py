"""Split examples so that near-duplicate neighbours of one recording stay on one side."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from typing import Any

from rt_seg.natural_order import natural_key
from rt_seg.settings import parse_yaml
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.source_files import read_text

BLOCK = 20
"""Consecutive numbers, or seconds of a stamp, that form one group: images within it look alike."""
SMALLER_BLOCKS = (16, 12, 10, 8, 6, 5, 4)
"""For sets of so few frames that blocks of 20 leave no fifth. Below 4, each frame has its like on the other side."""

VALIDATION_SHARE = 0.2
NEAR_ENOUGH = 0.05
"""Share of the frames by which the validation split may miss its own."""

_LAST_NUMBER = re.compile(r"^(.*?)(\d+)(\D*)$", re.DOTALL)
_STAMP = re.compile(r"^(.*?)(\d+)(?:[_.]\d{9}|\.\d{6})(?:_\d+)?$", re.DOTALL)
"""Seconds and their decimals, as the node's save_frame and many recorders name files."""
_SPLIT_NAME = re.compile(r"^[a-z][a-z0-9_]*$")


def group_of(name: str, block: int = BLOCK) -> str:
    """The group of an example: its name with the last number divided by `block`, or the name if it has no number.

    Of a stamp (`1700000000_123456789`) the seconds are that number.
    """
    stamp = _STAMP.match(name)
    if stamp is not None:
        return f"{stamp.group(1)}{int(stamp.group(2)) // block}x{block}s"
    match = _LAST_NUMBER.match(name)
    if match is None:
        return name
    before, number, after = match.groups()
    return f"{before}{int(number) // block}x{block}{after}"


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
    return {split: sorted(members, key=natural_key) for split, members in splits.items() if members}


def _nearest_to_a_fifth(names: list[str], block: int) -> set[str]:
    """Whole groups, taken in the order of their hashes as long as they bring the number of their names nearer to
    VALIDATION_SHARE; of several groups at least one, and never all."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(group_of(name, block), []).append(name)
    wanted, chosen = VALIDATION_SHARE * len(names), []
    count = 0
    for key in sorted(groups, key=_hash_fraction):
        if abs(count + len(groups[key]) - wanted) < abs(count - wanted):
            chosen.append(key)
            count += len(groups[key])
    if len(groups) > 1 and not chosen:
        chosen = [min(groups, key=lambda key: (len(groups[key]), _hash_fraction(key)))]
    if len(chosen) == len(groups):
        chosen = []
    return {name for key in chosen for name in groups[key]}


def split_a_fifth(names: Iterable[str]) -> tuple[dict[str, list[str]], list[str]]:
    """{"train": names, "validation": names}, and what there is to say of that split.

    Validation is a fifth of the names, as near as whole groups allow (see `group_of`). Where blocks of BLOCK numbers do
    not allow it, smaller ones are tried; below four consecutive frames there is a train split alone, for its
    neighbours cannot validate each other. Most examples keep their side when others are added; splits.yaml fixes it.
    """
    names = sorted(names, key=natural_key)
    best: set[str] = set()
    used = BLOCK
    for block in (BLOCK, *(smaller for smaller in SMALLER_BLOCKS if 2 * smaller <= len(names))):
        found = _nearest_to_a_fifth(names, block)
        if found and (not best or _miss(len(found), len(names)) < _miss(len(best), len(names))):
            best, used = found, block
        if best and _miss(len(best), len(names)) <= NEAR_ENOUGH:
            break
    notes = []
    if best and used != BLOCK:
        notes.append(
            f"too few frames for blocks of {BLOCK} consecutive numbers; blocks of {used} are used instead: images "
            "next to a block border look alike, so the validation score is too high. Record more, or list splits in "
            "splits.yaml"
        )
    if best and _miss(len(best), len(names)) > NEAR_ENOUGH:
        notes.append(
            f"validation has {len(best)} of {len(names)} frames ({len(best) / len(names):.0%}): neighbours stay in "
            f"one split, and their groups do not allow {VALIDATION_SHARE:.0%}. List the splits in splits.yaml to choose"
        )
    train = [name for name in names if name not in best]
    splits = {"train": train, "validation": [name for name in names if name in best]}
    return {split: members for split, members in splits.items() if members}, notes


def _miss(count: int, total: int) -> float:
    return abs(count / total - VALIDATION_SHARE)


def read_splits(path: Any, names: Iterable[str]) -> dict[str, list[str]]:
    """The splits that the YAML file `path` lists as {split: [names]}; together they must be exactly `names`.

    Raises DatasetError, naming the file and the example, for malformed files, unknown, repeated or missing names.
    """
    # Every scalar is a text: 0001 is the name of a file here, not the number one.
    data = parse_yaml(read_text(path), str(path), DatasetError, only_text=True)
    if not isinstance(data, dict) or not data:
        raise DatasetError(
            f"{path}: expected a mapping of split to names, such as train, validation, test; got {str(data)[:80]}"
        )
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
                raise DatasetError(f"{path}: split {split!r} lists {member!r}, but there is no such image")
            if member in split_of:
                raise DatasetError(f"{path}: {member!r} is in {split_of[member]!r} and in {split!r}; keep one")
            split_of[member] = split
    missing = sorted(known - set(split_of))
    if missing:
        raise DatasetError(
            f"{path}: {len(missing)} images are in no split, first {missing[0]!r}. Add them to a split or remove them."
        )
    return {split: sorted(members, key=natural_key) for split, members in data.items()}
