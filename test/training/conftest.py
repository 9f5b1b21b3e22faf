"""Keeps tests that render apart from TensorFlow: Mesa's software OpenGL crashes where TensorFlow is loaded (both bring
an LLVM), so files marked `rendering` are collected by `-m rendering` only, and then no others are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterator, Optional

import pytest

MARKED = re.compile(r"^pytestmark = .*\bmark\.rendering\b", re.MULTILINE)


def _rendering_alone(config: pytest.Config) -> bool:
    expression = config.getoption("markexpr")
    return "rendering" in expression and "not rendering" not in expression


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> Optional[bool]:
    """Leave out the files of the other kind before they are imported; a marker alone acts only after that."""
    if collection_path.suffix != ".py" or not collection_path.name.startswith("test_"):
        return None
    marked = MARKED.search(collection_path.read_text(encoding="utf-8")) is not None
    return True if marked != _rendering_alone(config) else None


def pytest_report_header(config: pytest.Config) -> str:
    """Say which of the two kinds run."""
    return "collected: " + ("only tests that render" if _rendering_alone(config) else "all but those of `-m rendering`")


@pytest.fixture(scope="module")
def small_nets() -> Iterator[None]:
    """The DDRNets of this module are small: test/support/small_nets.py."""
    from small_nets import shrink

    with pytest.MonkeyPatch.context() as patch:
        shrink(patch)
        yield
