"""Types of a recipe's values from which a scene draws."""

from __future__ import annotations

from typing import Tuple

Range = Tuple[float, float]
"""Least and most of an even distribution."""
Count = Tuple[int, int]
"""Fewest and most of something."""
Vector = Tuple[float, float, float]
