"""What augmentation may do to a frame: the settings of one YAML file."""
from __future__ import annotations

import dataclasses
import difflib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rt_seg.package_files import named_file


class RecipeError(ValueError):
    """A recipe is not usable; the text names the file, the key and what is accepted."""


def _setting(default: Any, minimum: float, maximum: float):
    return field(default=default, metadata={"minimum": minimum, "maximum": maximum})


@dataclass(frozen=True)
class Recipe:
    """Amounts are the largest ones drawn, from an even distribution; 0 (or a scale of 1) leaves a step out.

    A `…_share` is the share of the new frames to which the step is done at all.
    """

    seed: int = _setting(0, 0, 2**31)
    copies: int = _setting(4, 1, 10000)
    """New frames made of each frame of the train split."""

    shift: float = _setting(0.0, 0, 1)
    """Share of width and height."""
    rotate: float = _setting(0.0, 0, 180)
    """Degrees, either way."""
    scale_min: float = _setting(1.0, 0.1, 10)
    scale_max: float = _setting(1.0, 0.1, 10)
    """Depth is divided by the scale: what the same camera sees twice as large is at half the distance."""
    crop_min: float = _setting(1.0, 0.05, 1)
    """Smallest share of width and height that a crop, brought back to the full size, keeps."""

    brightness: float = _setting(0.0, 0, 1)
    sunlight_share: float = _setting(0.0, 0, 1)
    """Share of the frames with a hard shadow or a patch of sun."""
    glint_share: float = _setting(0.0, 0, 1)
    """Share of the frames with white spots of lamps."""
    gamma: float = _setting(0.0, 0, 2)
    """Exponent up to e to the power of this, or its inverse."""
    color_temperature: float = _setting(0.0, 0, 1)
    """Red by up to e to the power of this and blue by its inverse, or the other way."""
    equalise_share: float = _setting(0.0, 0, 1)
    blur: float = _setting(0.0, 0, 50)
    """Standard deviation of the Gaussian, in pixels."""
    noise: float = _setting(0.0, 0, 255)
    """Standard deviation, in levels of 255."""
    jpeg_quality_min: int = _setting(100, 1, 100)
    label_jitter: float = _setting(0.0, 0, 1)
    """Change of hue (of a half turn), saturation and brightness of the labelled area alone."""

    backgrounds: str = field(default="", metadata={})
    """Folder of images (searched through) behind the objects; `depth/<name>.png` beside `rgb/` is their depth."""
    background_share: float = _setting(0.0, 0, 1)

    paste_share: float = _setting(0.0, 0, 1)
    """Share of the frames into which objects cut from others are pasted."""
    paste_count: int = _setting(1, 1, 100)
    paste_scale_min: float = _setting(1.0, 0.05, 10)
    paste_scale_max: float = _setting(1.0, 0.05, 10)
    paste_rotate: float = _setting(180.0, 0, 180)


SHIPPED = "config/augmentation"
_FIELDS = {entry.name: entry for entry in dataclasses.fields(Recipe)}
_TYPES = {"int": int, "float": float, "str": str}


def _checked(name: str, value: Any, source: str) -> Any:
    expected = _TYPES[str(_FIELDS[name].type)]
    if expected is float and type(value) is int:
        value = float(value)
    if type(value) is not expected:
        raise RecipeError(f"{source}: {name}: {value!r} must be of type {expected.__name__}")
    limits = _FIELDS[name].metadata
    if limits and not limits["minimum"] <= value <= limits["maximum"]:
        raise RecipeError(f"{source}: {name}: {value!r} is outside {limits['minimum']:g} to {limits['maximum']:g}")
    return value


def recipe_from_dict(data: Any, source: str) -> Recipe:
    """A recipe of its YAML form; `source` names the file in errors. Raises RecipeError."""
    if not isinstance(data, dict):
        raise RecipeError(f"{source}: expected a mapping of settings, got {data!r}")
    for name in data:
        if name not in _FIELDS:
            close = difflib.get_close_matches(str(name), _FIELDS, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise RecipeError(f"{source}: unknown key {name!r}; {hint}accepted are {', '.join(_FIELDS)}")
    recipe = Recipe(**{name: _checked(name, value, source) for name, value in data.items()})
    for low, high in (("scale_min", "scale_max"), ("paste_scale_min", "paste_scale_max")):
        if getattr(recipe, low) > getattr(recipe, high):
            raise RecipeError(f"{source}: {low} {getattr(recipe, low):g} is above {high} {getattr(recipe, high):g}")
    if recipe.background_share and not recipe.backgrounds:
        raise RecipeError(f"{source}: background_share {recipe.background_share:g} needs backgrounds, a folder")
    return recipe


def load_recipe(path: Path) -> Recipe:
    """Read a recipe (YAML), a path or the name of a shipped one.

    A relative `backgrounds` is taken from the recipe's own folder. Raises RecipeError.
    """
    path = named_file(path, SHIPPED)
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: cannot read the recipe: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not valid YAML: {error}") from error
    recipe = recipe_from_dict(data, str(path))
    if recipe.backgrounds:
        recipe = dataclasses.replace(recipe, backgrounds=str((path.parent / recipe.backgrounds).resolve()))
    return recipe
