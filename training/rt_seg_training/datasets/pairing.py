"""Pair each image with its label image and its depth image by name, never by order."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from rt_seg.labelled_folder import DEPTH_SUFFIXES, IMAGE_SUFFIXES, MASK_SUFFIXES
from rt_seg.natural_order import natural_key
from rt_seg_training.datasets.errors import DatasetError

MASK_NAME = re.compile(r"[_-](mask|masks|label|labels|gt|seg|segmentation|annotation)$", re.IGNORECASE)
DEPTH_NAME = re.compile(r"[_-](depth|depth_raw|raw_depth|aligned_depth)$", re.IGNORECASE)
IMAGE_NAME = re.compile(r"[_-](rgb|color|colour|image|img)$", re.IGNORECASE)


@dataclass(frozen=True)
class Pair:
    """An image, its label image and, if there is one, its depth image, under the name that they share.

    Each is a pathlib.Path or zipfile.Path, or what has their `name`, `read_bytes` and, as `signature`, three values
    that change when it does.
    """

    name: str
    image: Any
    mask: Any
    depth: Any = None


def _stem(path: Any) -> str:
    return PurePosixPath(path.name).stem  # zipfile.Path has no stem before Python 3.11


def _image_files(folder: Any, accepted: tuple[str, ...]) -> list[Any]:
    files = []
    for path in sorted(folder.iterdir(), key=lambda entry: natural_key(entry.name)):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            raise DatasetError(f"{path}: folders inside {folder.name}/ are not read; put the files directly there.")
        suffix = PurePosixPath(path.name).suffix.lower()
        if suffix in accepted:
            files.append(path)
        elif suffix in IMAGE_SUFFIXES:
            if accepted is DEPTH_SUFFIXES:
                raise DatasetError(f"{path}: depth images have 16 bits per pixel; accepted are {', '.join(accepted)}.")
            raise DatasetError(
                f"{path}: label images must be lossless; accepted are {', '.join(accepted)}. "
                "Write the class ids as PNG again: compression has altered those in this file."
            )
    return files


def unread_files(folder: Any, accepted: tuple[str, ...]) -> list[str]:
    """Names of the files of a folder that are none of the images that are read there; hidden ones apart."""
    names = sorted((path.name for path in folder.iterdir() if not path.name.startswith(".")), key=natural_key)
    return [name for name in names if PurePosixPath(name).suffix.lower() not in accepted and name != "Thumbs.db"]


def _keys(path: Any, decoration: re.Pattern) -> set[str]:
    stem = _stem(path)
    return {stem, decoration.sub("", stem)} - {""}


def pair_by_name(images: Any, masks: Any) -> list[Pair]:
    """Pairs of the folders `images` and `masks`, sorted by name.

    Names match when the stems are equal, or are equal without a usual ending (`12_rgb.png` and `12_mask.png`).
    Raises DatasetError for empty folders, an image without its mask, a mask without its image, and for ambiguous
    names, naming the files.
    """
    image_files = _image_files(images, IMAGE_SUFFIXES)
    mask_files = _image_files(masks, MASK_SUFFIXES)
    for folder, files, accepted in ((images, image_files, IMAGE_SUFFIXES), (masks, mask_files, MASK_SUFFIXES)):
        if not files:
            raise DatasetError(f"{folder}: holds no image files; accepted are {', '.join(accepted)}.")

    masks_of_key: dict[str, list[Any]] = {}
    for path in mask_files:
        for key in _keys(path, MASK_NAME):
            masks_of_key.setdefault(key, []).append(path)
    pairs: list[Pair] = []
    image_of_mask: dict[str, Any] = {}
    image_of_name: dict[str, Any] = {}
    for path in image_files:
        found = {mask.name: mask for key in _keys(path, IMAGE_NAME) for mask in masks_of_key.get(key, [])}
        if not found:
            raise DatasetError(
                f"{path}: image without its mask: {masks} has no {_stem(path)}.png nor {_stem(path)}_mask.png. "
                "Label the image (an all-background mask counts) or remove it."
            )
        if len(found) > 1:
            raise DatasetError(
                f"{path}: ambiguous, {len(found)} masks in {masks} match it: {', '.join(sorted(found))}. Keep one."
            )
        mask = next(iter(found.values()))
        name = IMAGE_NAME.sub("", _stem(path)) or _stem(path)
        rival = image_of_mask.get(mask.name) or image_of_name.get(name)
        if rival is not None:
            raise DatasetError(
                f"{path}: ambiguous, {rival.name} has the same name '{name}' or the same mask {mask.name}. Keep one."
            )
        image_of_mask[mask.name] = path
        image_of_name[name] = path
        pairs.append(Pair(name, path, mask))
    for path in mask_files:
        if path.name not in image_of_mask:
            raise DatasetError(f"{path}: mask without its image in {images}. Add the image or remove the mask.")
    return sorted(pairs, key=lambda pair: natural_key(pair.name))


def with_depth(pairs: list[Pair], depths: Any) -> list[Pair]:
    """The pairs with their images of the folder `depths`; those that have none there stay without.

    Names match as in pair_by_name (`12_rgb.png` and `12_depth.png`). Raises DatasetError for a depth image without
    its image and for two of one image, naming the files.
    """
    name_of_key = {key: pair.name for pair in pairs for key in _keys(pair.image, IMAGE_NAME) | {pair.name}}
    depth_of_name: dict[str, Any] = {}
    for path in _image_files(depths, DEPTH_SUFFIXES):
        found = {name_of_key[key] for key in _keys(path, DEPTH_NAME) if key in name_of_key}
        if not found:
            raise DatasetError(f"{path}: depth without its image. Add the image or remove the depth image.")
        rival = next((depth_of_name[name] for name in found if name in depth_of_name), None)
        if rival is not None or len(found) > 1:
            other = rival.name if rival is not None else " and ".join(sorted(found))
            raise DatasetError(f"{path}: ambiguous, its name also matches {other}. Keep one.")
        depth_of_name[found.pop()] = path
    return [dataclasses.replace(pair, depth=depth_of_name.get(pair.name)) for pair in pairs]
