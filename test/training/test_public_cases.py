"""Inputs that once gave a wrong result or a traceback: a test for each, named after its folder, asserts the right one.

`pytest test/training/test_public_cases.py -v` prints one line for each. What a case needs beside its small input in
public_cases/ (images, recordings) is generated. The first line of a test says what came out before.
"""
from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from rt_seg.labels import load_labels
from rt_seg_training.commands.exchange_labels import main_import

FOLDER = Path(__file__).resolve().parent / "public_cases"


@pytest.fixture
def given(request) -> Path:
    """The folder of the inputs of a case; the case is the test's name."""
    return FOLDER / request.node.name.partition("[")[0].removeprefix("test_")


class Imported:
    """What import_labels made of a file: its exit status, what it printed, and the data set."""

    def __init__(self, status: int, text: str, output: Path) -> None:
        self.status, self.text, self.output = status, text, output

    def mask(self, name: str = "a") -> np.ndarray:
        """(H, W) uint8 of gt/<name>.png."""
        assert self.status == 0, self.text
        return cv2.imread(str(self.output / "gt" / f"{name}.png"), cv2.IMREAD_UNCHANGED)

    def pixels(self, class_name: str, name: str = "a") -> np.ndarray:
        """(H, W) bool: where a mask has a class."""
        return self.mask(name) == load_labels(self.output / "labels.yaml").names.index(class_name)

    def refused(self, *words: str) -> None:
        """Assert that nothing was written, and that the message has all the words."""
        assert self.status == 2, self.text
        assert not (self.output / "gt").exists()
        for word in words:
            assert word in self.text, self.text


@pytest.fixture
def imported(tmp_path, capsys):
    """Calls import_labels on black images of the given names: imported(format, path, images, more arguments)."""

    def call(form, path, names=("a.png",), *more, size=(64, 48), output="set"):
        images = tmp_path / "images"
        for name in names:
            (images / name).parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(images / name), np.zeros((size[1], size[0], 3), np.uint8))
        capsys.readouterr()
        arguments = [form, str(path), "--images", str(images), "--output", str(tmp_path / output), *more]
        status = main_import(arguments)
        printed = capsys.readouterr()
        return Imported(status, printed.out + printed.err, tmp_path / output)

    return call


def box(left: int, top: int, right: int, bottom: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """(H, W) bool: True in columns left … right - 1 and rows top … bottom - 1."""
    mask = np.zeros((size[1], size[0]), bool)
    mask[top:bottom, left:right] = True
    return mask


def test_every_folder_of_public_cases_has_its_test():
    names = {path.name for path in FOLDER.iterdir()}
    assert names <= {name.removeprefix("test_") for name in globals()}


# Labels of other programs


def test_coco_bom(given, imported):
    """Before: not a COCO file."""
    np.testing.assert_array_equal(imported("coco", given / "c.json").pixels("x"), box(10, 10, 20, 20))
