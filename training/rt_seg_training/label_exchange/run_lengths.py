"""COCO's run lengths of masks: down the columns, the first one of zeros; plain, or compressed to a text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MAX_CHARACTERS = 13
"""Of one number in compressed text: 5 bits each, 64 in all."""


def runs_from_text(text: str) -> list[int]:
    """Run lengths of COCO's compressed text (maskApi.c, rleFrString). Raises ValueError for other characters.

    Five bits a character, the sixth says that another follows; from the fourth run on it is the difference to the run
    before the last.
    """
    runs: list[int] = []
    value, shift = 0, 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            raise ValueError(f"{character!r} is not a character of compressed run lengths")
        value |= (bits & 0x1F) << (5 * shift)
        shift += 1
        if bits & 0x20:
            if shift > MAX_CHARACTERS:
                raise ValueError("the compressed run lengths hold a number of more than 64 bits")
            continue
        if bits & 0x10:
            value |= -1 << (5 * shift)
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value, shift = 0, 0
    if shift:
        raise ValueError("the compressed run lengths are truncated")
    return runs


def checked_runs(runs: Sequence[object], height: int, width: int) -> np.ndarray:
    """(N,) int64 run lengths that fill an image. Raises ValueError, naming the value, if they do not."""
    lengths = []
    for position, run in enumerate(runs):
        if isinstance(run, float) and run.is_integer() and run <= height * width:
            run = int(run)
        if isinstance(run, bool) or not isinstance(run, int):
            raise ValueError(f"run {position} is {str(run)[:40]!r}, not a whole number of pixels")
        if not 0 <= run <= height * width:
            raise ValueError(f"run {position} is of {run if abs(run) < 1e18 else 'very many'} pixels")
        lengths.append(run)
    if sum(lengths) != height * width:
        raise ValueError(f"run lengths for {sum(lengths)} pixels, but {width}x{height} are {height * width}")
    return np.array(lengths, np.int64)


def mask_from_runs(runs: Sequence[int], height: int, width: int) -> np.ndarray:
    """(H, W) bool of run lengths down the columns, the first one of zeros. Raises ValueError if they do not fit."""
    lengths = checked_runs(runs, height, width)
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(width, height).T


def runs_from_mask(mask: np.ndarray) -> list[int]:
    """Run lengths of a (H, W) bool mask down the columns, the first one of zeros."""
    flat = mask.T.ravel()
    borders = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate([[0], borders, [flat.size]])).tolist()
    return [0, *runs] if flat[0] else runs
