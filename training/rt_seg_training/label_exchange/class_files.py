"""Lists of classes beside labels that know them by number: data.yaml, classes.txt."""

from __future__ import annotations

from pathlib import Path

from rt_seg.settings import parse_yaml
from rt_seg_training.label_exchange.annotations import ExchangeError, Reading
from rt_seg_training.label_exchange.file_values import class_name, parsed, read_text, shown, whole
from rt_seg_training.label_exchange.image_names import files_below

CLASS_FILES = ("data.yaml", "dataset.yaml", "data.yml", "dataset.yml", "classes.txt", "obj.names")
MAX_YAML = 100_000
"""Bytes; names of 254 classes are a tenth of it."""


def _class_file(path: Path, given: Path | None, reading: Reading) -> Path:
    if given is not None:
        return given
    for folder in (path, path / "labels", *path.parents[:2]):
        for name in CLASS_FILES:
            if (folder / name).is_file():
                if folder in path.parents:
                    place = f"{folder / name}"
                    reading.remarks.add("classes are taken from a file in a folder above the labels", place)
                return folder / name
    found = files_below(path, (".yaml", ".yml"))
    if len(found) == 1:
        return found[0]
    raise ExchangeError(f"{path}: has no data.yaml (nor classes.txt) with the names of the classes")


def read_class_file(path: Path, given: Path | None, reading: Reading) -> tuple[Path, dict[int, str], dict]:
    """The file of the classes of a folder, number → name, and what else data.yaml says. Raises ExchangeError."""
    file = _class_file(path, given, reading)
    content = read_text(file)
    if file.suffix.lower() not in (".yaml", ".yml"):
        lines = [line.strip() for line in content.rstrip().splitlines()]
        names = {n: class_name(line, f"{file}: line {n + 1}", reading.remarks) for n, line in enumerate(lines)}
        return file, names, {}
    if len(content) > MAX_YAML:
        raise ExchangeError(f"{file}: is too long for a list of classes ({len(content)} characters)")
    # Texts only: a class may be called no, null or 1.
    data = parse_yaml(content, str(file), ExchangeError, only_text=True)
    listed = data.get("names") if isinstance(data, dict) else None
    if isinstance(listed, list):
        entries = list(enumerate(listed))
    elif isinstance(listed, dict):
        entries = [(class_number(key, f"{file}: names"), name) for key, name in listed.items()]
    else:
        raise ExchangeError(f"{file}: 'names' is {shown(listed)}; expected the names of the classes")
    count = data.get("nc")
    if count is not None and str(count).strip() != str(len(entries)):
        raise ExchangeError(f"{file}: 'nc' is {shown(count)}, but there are {len(entries)} names; correct one of them")
    found: dict[int, str] = {}
    for number, name in sorted(entries, key=lambda entry: entry[0]):
        if number in found:
            raise ExchangeError(f"{file}: names: {number} appears twice")
        found[number] = class_name(name, f"{file}: names: {number}", reading.remarks)
        if list(found.values()).count(found[number]) > 1:
            place = f"{file}: names: {number}: {found[number]!r}"
            reading.remarks.add("classes share a name and are merged", place)
    return file, found, data


def class_number(value: object, place: str) -> int:
    """The number of a class, as a text. Raises ExchangeError."""
    if not isinstance(value, str):
        raise ExchangeError(f"{place}: {shown(value)}; expected the number of a class")
    number = whole(parsed(value, f"{place}: class"), f"{place}: class")
    if number < 0:
        raise ExchangeError(f"{place}: class {number} is negative")
    return number
