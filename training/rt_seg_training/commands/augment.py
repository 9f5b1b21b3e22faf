"""The command `augment`."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path

from rt_seg.command_line import BAD_INPUT, command_parser
from rt_seg_training.offline_augmentation.augmenter import SHEET, augment
from rt_seg_training.offline_augmentation.recipe import RecipeError, load_recipe


def main(arguments: list[str] | None = None) -> int:
    """Command line of augment; returns the exit status."""
    parser = command_parser(
        "augment",
        description="Augment a labelled data set: new frames from its train split by a recipe (shift, rotate, scale, "
        "crop, colours, blur, noise, JPEG, other backgrounds, objects cut out and pasted), with mask and depth.",
        example="rosrun rt_seg augment my_images objects --output my_images_grown",
    )
    parser.add_argument("source", type=Path, metavar="PATH", help="folder or zip file with rgb/, gt/, labels.yaml")
    parser.add_argument("recipe", type=Path, metavar="RECIPE", help="YAML file, or the name of a shipped one (objects)")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder of the augmented data set")
    parser.add_argument("--copies", type=int, help="new frames per train frame (default: the recipe's)")
    parser.add_argument("--seed", type=int, help="random seed (default: the recipe's)")
    parser.add_argument("--foreground", type=int, metavar="VALUE", help="two classes: value of class 1")
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--jobs", type=int, default=cores, help="threads (default: one per core, %(default)s)")
    options = parser.parse_args(arguments)
    try:
        recipe = load_recipe(options.recipe)
        changes = {name: getattr(options, name) for name in ("copies", "seed") if getattr(options, name) is not None}
        if any(value < (1 if name == "copies" else 0) for name, value in changes.items()):
            raise RecipeError("--copies must be at least 1, and --seed at least 0")
        recipe = dataclasses.replace(recipe, **changes)
        made, total = augment(options.source, options.output, recipe, options.jobs, options.foreground)
    except (ValueError, OSError) as error:  # DatasetError, RecipeError and AugmentationError are ValueErrors
        print(f"augment: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("augment: stopped; run the same command again to resume", file=sys.stderr)
        return 130
    print(f"{options.output}: {total} new frames ({made} made now); overview: {options.output / SHEET}")
    return 0
