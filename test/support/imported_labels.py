"""Calls import_labels as its command line does, and looks at what it wrote."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np

from rt_seg.labels import load_labels
from rt_seg_training.commands.exchange_labels import main_import


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

    def count(self, kind: str) -> int:
        """How often a kind of remark was made, by the beginning of its line in the summary."""
        found = re.search(rf"^  {re.escape(kind)}[^\n]*?: (\d+) \(first: ", self.text, re.MULTILINE)
        return int(found.group(1)) if found else 0

    def refused(self, *words: str) -> None:
        """Assert that nothing was written, and that the message has all the words."""
        assert self.status == 2, self.text
        assert not (self.output / "gt").exists()
        for word in words:
            assert word in self.text, self.text


def caller(tmp_path, capsys):
    """A function that imports onto black images: call(format, path or paths, names of images, more arguments)."""

    def call(form, path, names=("a.png",), *more, size=(64, 48), output="set") -> Imported:
        images = tmp_path / "images"
        for name in names:
            (images / name).parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(images / name), np.zeros((size[1], size[0], 3), np.uint8))
        capsys.readouterr()
        paths = map(str, path if isinstance(path, list) else [path])
        arguments = [form, *paths, "--images", str(images), "--output", str(tmp_path / output), *more]
        status = main_import(arguments)
        printed = capsys.readouterr()
        return Imported(status, printed.out + printed.err, tmp_path / output)

    return call


def box(left: int, top: int, right: int, bottom: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """(H, W) bool: True in columns left … right - 1 and rows top … bottom - 1."""
    mask = np.zeros((size[1], size[0]), bool)
    mask[top:bottom, left:right] = True
    return mask
