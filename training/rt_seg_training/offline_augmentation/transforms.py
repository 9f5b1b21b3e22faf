"""Changes of one frame. Masks and depth are moved by their nearest pixel, so no class and no distance is invented."""

from __future__ import annotations

import cv2
import numpy as np

from rt_seg_training.datasets.labelled_frame import LabelledFrame
from rt_seg_training.offline_augmentation.light import add_glints, cast_light, change_gamma, change_temperature
from rt_seg_training.offline_augmentation.recipe import Recipe


def affine(size: tuple[int, int], shift: tuple[float, float], degrees: float, scale: float) -> np.ndarray:
    """(2, 3) float64 matrix: turn and scale about the middle of `size` (width, height), then shift by pixels (x, y)."""
    matrix = cv2.getRotationMatrix2D(((size[0] - 1) / 2, (size[1] - 1) / 2), degrees, scale)
    matrix[:, 2] += shift
    return matrix


def scaled_depth(depth: np.ndarray, scale: float) -> np.ndarray:
    """Depth (uint16 mm, 0 = unknown) of what the same camera sees `scale` times as large; beyond 65 m is unknown."""
    millimetres = np.rint(depth.astype(np.float64) / scale)
    return np.where(millimetres <= 65535, millimetres, 0).astype(np.uint16)


def warp(frame: LabelledFrame, matrix: np.ndarray, scale: float, ignore_id: int) -> LabelledFrame:
    """Move a frame by a (2, 3) matrix of the scale `scale`.

    What comes in from outside is mirrored in colour (a black rim would be learnt), ignored in the mask, and of unknown
    depth.
    """
    size = (frame.mask.shape[1], frame.mask.shape[0])
    color = cv2.warpAffine(frame.color, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    mask = cv2.warpAffine(frame.mask, matrix, size, flags=cv2.INTER_NEAREST, borderValue=ignore_id)
    depth = None
    if frame.depth is not None:
        depth = scaled_depth(cv2.warpAffine(frame.depth, matrix, size, flags=cv2.INTER_NEAREST, borderValue=0), scale)
    return LabelledFrame(color, mask, depth)


def move(frame: LabelledFrame, recipe: Recipe, random: np.random.Generator, ignore_id: int) -> LabelledFrame:
    """Shift, rotate, scale and crop a frame at random, in one step, so that it is interpolated once."""
    height, width = frame.mask.shape
    shift = random.uniform(-recipe.shift, recipe.shift, 2) * (width, height)
    degrees = random.uniform(-recipe.rotate, recipe.rotate)
    scale = random.uniform(recipe.scale_min, recipe.scale_max)
    kept = random.uniform(recipe.crop_min, 1.0)
    corner = random.uniform(0.0, 1.0 - kept, 2) * (width, height)
    matrix = affine((width, height), tuple(shift), degrees, scale)
    # The crop: its corner to the origin, its size to the full one.
    matrix[:, 2] -= corner
    matrix /= kept
    if np.allclose(matrix, [[1, 0, 0], [0, 1, 0]]):
        return frame
    return warp(frame, matrix, scale / kept, ignore_id)


def jitter_labelled(
    color: np.ndarray, mask: np.ndarray, amount: float, random: np.random.Generator, ignore_id: int
) -> np.ndarray:
    """Change hue (by up to `amount` of a half turn), saturation and brightness (by up to `amount`) of the objects.

    The background (class 0) and ignored pixels stay as they are, bit for bit.
    """
    turn, saturation, value = random.uniform(-amount, amount, 3)
    hsv = cv2.cvtColor(color, cv2.COLOR_RGB2HSV_FULL).astype(np.float32)
    hsv[..., 0] = (hsv[..., 0] + 128 * turn) % 256
    hsv[..., 1] *= 1 + saturation
    hsv[..., 2] *= 1 + value
    changed = cv2.cvtColor(np.clip(np.rint(hsv), 0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB_FULL)
    labelled = (mask != 0) & (mask != ignore_id)
    return np.where(labelled[..., None], changed, color)


def equalise(color: np.ndarray) -> np.ndarray:
    """Histogram equalisation of the brightness (Y of YCrCb); colours keep their tint."""
    ycrcb = cv2.cvtColor(color, cv2.COLOR_RGB2YCrCb)
    ycrcb[..., 0] = cv2.equalizeHist(ycrcb[..., 0])
    return cv2.cvtColor(ycrcb, cv2.COLOR_YCrCb2RGB)


def light_up(color: np.ndarray, recipe: Recipe, random: np.random.Generator) -> np.ndarray:
    """The scene in another light, as the recipe says: uint8 (H, W, 3) in and out."""
    image = color.astype(np.float32)
    if random.random() < recipe.glint_share:
        image = add_glints(image, random)
    if random.random() < recipe.sunlight_share:
        image = cast_light(image, random)
    if recipe.color_temperature:
        image = change_temperature(image, recipe.color_temperature, random)
    if recipe.gamma:
        image = change_gamma(image, recipe.gamma, random)
    return np.rint(image).astype(np.uint8)


def recolor(frame: LabelledFrame, recipe: Recipe, random: np.random.Generator, ignore_id: int) -> LabelledFrame:
    """Change the colours as the recipe says, in the order in which light, lens, sensor and file do."""
    color = frame.color
    if recipe.label_jitter:
        color = jitter_labelled(color, frame.mask, recipe.label_jitter, random, ignore_id)
    if recipe.glint_share or recipe.sunlight_share or recipe.color_temperature or recipe.gamma:
        color = light_up(color, recipe, random)
    if recipe.brightness:
        color = cv2.convertScaleAbs(color, alpha=1 + random.uniform(-recipe.brightness, recipe.brightness))
    if random.random() < recipe.equalise_share:
        color = equalise(color)
    sigma = random.uniform(0.0, recipe.blur)
    if sigma > 0.1:  # OpenCV takes 0 as "choose one"
        color = cv2.GaussianBlur(color, (0, 0), sigma)
    if recipe.noise:
        grain = random.normal(0.0, random.uniform(0.0, recipe.noise), color.shape)
        color = np.clip(np.rint(color + grain), 0, 255).astype(np.uint8)
    if recipe.jpeg_quality_min < 100:
        quality = int(random.integers(recipe.jpeg_quality_min, 101))
        encoded = cv2.imencode(".jpg", color, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        color = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    return LabelledFrame(color, frame.mask, frame.depth)
