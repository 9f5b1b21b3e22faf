"""The examples in the docstrings of what a program of one's own imports: they run, and give what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = ("bundle", "cameras.image_folder", "command_line", "labels", "products.objects", "products.overlay",
           "products.statistics", "segmenter", "settings")  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name, monkeypatch):
    module = importlib.import_module(f"rt_seg.{name}")
    names = dict(vars(module))
    for needed in ("labels", "bundle"):  # what a reader of the page has imported, too
        names = {**vars(importlib.import_module(f"rt_seg.{needed}")), **names}
    names["np"] = importlib.import_module("numpy")
    monkeypatch.chdir(ROOT)
    result = doctest.testmod(module, extraglobs=names)
    assert result.attempted and not result.failed
