"""The list for Python 3.8 holds what the live half asks for there."""

from pathlib import Path

import pytest

requirements = pytest.importorskip("packaging.requirements")

ROOT = Path(__file__).resolve().parents[2]
NOETIC = {"python_version": "3.8", "python_full_version": "3.8.18", "platform_machine": "x86_64"}


def pins(name: str):
    lines = (line.strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines())
    return [requirements.Requirement(line) for line in lines if line and not line.startswith("#")]


def test_every_pin_of_the_live_half_for_python_3_8_stands_in_the_list_for_it():
    listed = {pin.name.lower(): pin.specifier for pin in pins("requirements-python38.txt")}
    for wanted in pins("requirements-live.txt"):
        if wanted.marker is None or wanted.marker.evaluate(NOETIC):
            version = next(iter(listed[wanted.name.lower()])).version
            assert wanted.specifier.contains(version), f"{wanted}: the list has {version}"
