"""The numbers of the D435 stand once."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from rt_seg.cameras import d435

REPOSITORY = Path(__file__).resolve().parents[3]
WORDS = ("FOCAL", "BASELINE", "SUBPIXEL_ERROR")


def numbers(path: Path):
    """Names of the module's constants that are a number."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            if isinstance(node.value.value, (int, float)):
                yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def test_no_other_module_has_a_focal_length_a_baseline_or_a_matching_error_of_its_own():
    own = REPOSITORY / "src" / "rt_seg" / "cameras" / "d435.py"
    assert set(numbers(own)) >= {"BASELINE", "COLOR_FOCAL_LENGTH", "SUBPIXEL"}
    others = [
        f"{path.relative_to(REPOSITORY)}: {name}"
        for half in ("src/rt_seg", "training/rt_seg_training")
        for path in sorted((REPOSITORY / half).rglob("*.py"))
        if path != own
        for name in numbers(path)
        if any(word in name for word in WORDS)
    ]
    assert not others


def test_the_noise_that_is_simulated_is_the_most_that_training_imitates():
    infrared = d435.COLOR_FOCAL_LENGTH * d435.REFERENCE_WIDTH * d435.FOCAL_RATIO
    assert d435.FOCAL_BASELINE == pytest.approx(infrared * d435.BASELINE, rel=0.1)
    assert d435.LARGEST_NOISE == pytest.approx(d435.SUBPIXEL / d435.FOCAL_BASELINE, rel=0.1)
