"""What augmentation may do to a frame: the settings of one YAML file."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rt_seg.package_files import named_file, names_of
from rt_seg.settings import read_settings, read_yaml, setting


class RecipeError(ValueError):
    """A recipe is not usable; the text names the file, the key and what is accepted."""


def _setting(default: Any, minimum: float, maximum: float) -> Any:
    return setting(default, minimum=minimum, maximum=maximum)


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

    backgrounds: str = ""
    """Folder of images (searched through) behind the objects; `depth/<name>.png` beside `rgb/` is their depth."""
    background_share: float = _setting(0.0, 0, 1)

    paste_share: float = _setting(0.0, 0, 1)
    """Share of the frames into which objects cut from others are pasted."""
    paste_count: int = _setting(1, 1, 100)
    paste_scale_min: float = _setting(1.0, 0.05, 10)
    paste_scale_max: float = _setting(1.0, 0.05, 10)
    paste_rotate: float = _setting(180.0, 0, 180)


SHIPPED = "config/augmentation"


def recipe_from_dict(data: Any, source: str) -> Recipe:
    """A recipe of its YAML form; `source` names the file in errors. Raises RecipeError."""
    recipe = read_settings(Recipe, data, source, RecipeError)
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
    data = read_yaml(path, RecipeError, f"shipped are {', '.join(names_of(SHIPPED))}")
    recipe = recipe_from_dict(data, str(path))
    if recipe.backgrounds:
        recipe = dataclasses.replace(recipe, backgrounds=str((path.parent / recipe.backgrounds).resolve()))
    return recipe
