"""Frames put together from others: objects cut out, turned, scaled and pasted; where depth is known, nearer wins."""

from __future__ import annotations

import cv2
import numpy as np

from rt_seg_training.datasets.labelled_frame import LabelledFrame
from rt_seg_training.offline_augmentation.recipe import Recipe
from rt_seg_training.offline_augmentation.transforms import affine, scaled_depth

MIN_AREA = 30
"""Pixels below which a region is not worth pasting."""


def compose(scene: LabelledFrame, layer: LabelledFrame, shown: np.ndarray) -> LabelledFrame:
    """Lay the pixels `shown`, (H, W) bool, of `layer` over `scene`, all of one size.

    The nearer pixel wins; without depth in one of the frames, the layer does. For this comparison a pixel of unknown
    depth counts as being as far as the nearest known pixel beside it in the scene (else a hidden object would show
    through the gaps), and at the median of what is shown in the layer. The result has depth if the scene has; a pixel
    taken from a layer that has no depth at all is of unknown depth.
    """
    if scene.depth is not None and layer.depth is not None:
        known = layer.depth[shown & (layer.depth > 0)]
        assumed = np.median(known) if known.size else 0
        distance = np.where(layer.depth > 0, layer.depth, assumed)
        surroundings = _without_gaps(scene.depth)
        shown = shown & ((surroundings == 0) | (distance == 0) | (distance <= surroundings))
    color = np.where(shown[..., None], layer.color, scene.color)
    mask = np.where(shown, layer.mask, scene.mask)
    depth = scene.depth
    if depth is not None:
        depth = np.where(shown, layer.depth if layer.depth is not None else np.uint16(0), depth)
    return LabelledFrame(color, mask, depth)


def _without_gaps(depth: np.ndarray) -> np.ndarray:
    """Depth in which unknown pixels have the value of the nearest known one; all unknown stays so."""
    known = depth > 0
    if known.all() or not known.any():
        return depth
    numbers = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )[1]
    values = np.zeros(numbers.max() + 1, depth.dtype)
    values[numbers[known]] = depth[known]
    return values[numbers]


def _objects(frame: LabelledFrame, ignore_id: int) -> list[np.ndarray]:
    """Connected labelled regions, whatever their classes (a hole belongs to its part), as (H, W) bool."""
    labelled = ((frame.mask != 0) & (frame.mask != ignore_id)).astype(np.uint8)
    count, numbers, boxes, _ = cv2.connectedComponentsWithStats(labelled, connectivity=8)
    return [numbers == number for number in range(1, count) if boxes[number, cv2.CC_STAT_AREA] >= MIN_AREA]


def paste_object(
    scene: LabelledFrame, donor: LabelledFrame, recipe: Recipe, random: np.random.Generator, ignore_id: int
) -> LabelledFrame:
    """Cut one object of `donor` and paste it into `scene`: turned and scaled by the recipe, its middle anywhere.

    A frame without objects leaves the scene as it is. The object's depth follows its scale.
    """
    objects = _objects(donor, ignore_id)
    if not objects:
        return scene
    region = objects[random.integers(len(objects))]
    rows, columns = np.nonzero(region)
    height, width = scene.mask.shape
    scale = random.uniform(recipe.paste_scale_min, recipe.paste_scale_max)
    degrees = random.uniform(-recipe.paste_rotate, recipe.paste_rotate)
    target = random.uniform(0.0, 1.0, 2) * (width - 1, height - 1)
    matrix = affine((1, 1), (0.0, 0.0), degrees, scale)
    middle = np.array([(columns.min() + columns.max()) / 2, (rows.min() + rows.max()) / 2])
    matrix[:, 2] = target - matrix[:, :2] @ middle
    size = (width, height)
    shown = cv2.warpAffine(region.astype(np.uint8), matrix, size, flags=cv2.INTER_NEAREST) > 0
    depth = None
    if donor.depth is not None:
        depth = scaled_depth(cv2.warpAffine(donor.depth, matrix, size, flags=cv2.INTER_NEAREST), scale)
    layer = LabelledFrame(
        cv2.warpAffine(donor.color, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
        cv2.warpAffine(donor.mask, matrix, size, flags=cv2.INTER_NEAREST),
        depth,
    )
    return compose(scene, layer, shown)


def replace_background(frame: LabelledFrame, background: LabelledFrame, random: np.random.Generator) -> LabelledFrame:
    """Show the labelled (and ignored) pixels of `frame` in front of a part of `background`.

    The part is the largest one with the frame's proportions, at a random place, brought to the frame's size. Without
    depth of its own the background is of unknown depth; with it, what is nearer than an object hides it.
    """
    height, width = frame.mask.shape
    there = background.mask.shape
    factor = min(there[0] / height, there[1] / width)
    part = (max(1, round(height * factor)), max(1, round(width * factor)))
    top, left = (int(random.integers(0, whole - kept + 1)) for whole, kept in zip(there, part))
    window = (slice(top, top + part[0]), slice(left, left + part[1]))
    color = cv2.resize(background.color[window], (width, height), interpolation=cv2.INTER_AREA)
    depth = None
    if frame.depth is not None:
        depth = np.zeros((height, width), np.uint16)
        if background.depth is not None:
            depth = cv2.resize(background.depth[window], (width, height), interpolation=cv2.INTER_NEAREST)
    return compose(LabelledFrame(color, np.zeros((height, width), np.uint8), depth), frame, frame.mask != 0)
