"""What depth adds to a network: its channels, a light branch of its own, and how it joins the colour branch.

The fusion follows ESANet (Seichter et al., "Efficient RGB-D Semantic Segmentation for Indoor Scene Analysis",
arXiv:2011.06961, section III-B): squeeze and excitation, then addition into the colour branch. Two things differ, so
that a network keeps working when its camera loses depth: only depth is excited, and its share is weighed by how much of
the place has a reading at all. Without depth the sum is the colour branch, bit for bit.
"""

from __future__ import annotations

import keras

from rt_seg.cameras.d435 import COLOR_FOCAL_LENGTH

DEPTH_RANGE = (0.2, 10.0)
"""Metres; what is nearer or farther is no reading."""
DEPTH_MEAN, DEPTH_STD = 2.7, 1.4
"""Metres: about the mean and standard deviation of depth in rooms (NYU-Depth-V2, training half)."""

EXCITATION_REDUCTION = 4

SLANT_CELL = 4
"""Pixels: the slants are of the mean depth of such cells, for the depth of a camera is too rough for a slope."""
SLANT_REACH = 1 / 20
"""Of the width of the image: the distance over which a slant is measured, about."""


def slants(depth, reading):
    """How fast surfaces recede to the right and downwards: two channels (B, H, W, 2) of -1..1, 0 where unknown.

    `depth`: (B, H, W, 1) float32, more than 0 where `reading` is 1 and not 0. The slope is that of the logarithm of
    depth over the tangent of the angle of sight, so it tells the same of near and far, and of any size of image; the
    slant is slope / sqrt(1 + slope²). Another focal length than a D435's only makes surfaces look steeper. A wall seen
    face on has 0, floors and tables below the camera nearly -1 downwards, ceilings nearly 1. A network would have to
    look at depth widely before it saw as much.
    """
    height, width = depth.shape[1:3]
    logarithm = keras.ops.log(keras.ops.maximum(depth, 1e-3)) * reading
    share = keras.ops.average_pool(reading, SLANT_CELL, SLANT_CELL, padding="same")
    total = keras.ops.average_pool(logarithm, SLANT_CELL, SLANT_CELL, padding="same")
    mean = total / keras.ops.maximum(share, 1e-6)
    known = keras.ops.cast(share > 0, "float32")
    reach = max(1, round(SLANT_REACH * width / (2 * SLANT_CELL)))
    rows, columns = mean.shape[1:3]
    mean, known = (keras.ops.pad(x, [[0, 0], [reach, reach], [reach, reach], [0, 0]]) for x in (mean, known))

    def between(after, before):
        # By the nominal reach, not the rounded one: so that a crop gives the same values as the whole image.
        slope = COLOR_FOCAL_LENGTH / SLANT_REACH * (mean[after] - mean[before]) * known[after] * known[before]
        return slope / keras.ops.sqrt(1.0 + keras.ops.square(slope))

    inner_rows, inner_columns = slice(reach, reach + rows), slice(reach, reach + columns)
    right = between((slice(None), inner_rows, slice(2 * reach, None)), (slice(None), inner_rows, slice(0, columns)))
    down = between((slice(None), slice(2 * reach, None), inner_columns), (slice(None), slice(0, rows), inner_columns))
    both = keras.ops.concatenate([right, down], axis=-1)
    size = (SLANT_CELL * rows, SLANT_CELL * columns)
    return keras.ops.image.resize(both, size, interpolation="bilinear", antialias=False)[:, :height, :width]


@keras.saving.register_keras_serializable(package="rt_seg")
class DepthChannels(keras.layers.Layer):
    """Depth in metres, (B, H, W, 1), to four channels: normalised depth, 1 for a reading, and the two `slants`.

    Zero, values outside `DEPTH_RANGE` and NaN are no reading; all is 0 without any. Computes in float32: the 8 bits of
    bfloat16 would make steps of 2 cm at 3 m.
    """

    def __init__(self, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})

    def call(self, depth):
        near, far = DEPTH_RANGE
        reading = keras.ops.logical_and(depth >= near, depth <= far)
        valid = keras.ops.cast(reading, "float32")
        # Not a product with 0 or 1, which would keep a NaN.
        depth = keras.ops.where(reading, depth, DEPTH_MEAN)
        return keras.ops.concatenate([(depth - DEPTH_MEAN) / DEPTH_STD, valid, slants(depth, valid)], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 4)


def share_of_readings(channels, factor: int, name: str):
    """(B, H/factor, W/factor, 1): share of the pixels of each place with a reading, from DepthChannels."""
    valid = keras.layers.Lambda(_second_channel, output_shape=_one_channel, name=f"{name}_channel")(channels)
    return keras.layers.AveragePooling2D(factor, padding="same", name=name)(valid)


@keras.saving.register_keras_serializable(package="rt_seg")
def _second_channel(channels):
    return channels[..., 1:2]


@keras.saving.register_keras_serializable(package="rt_seg")
def _one_channel(shape):
    return (*shape[:-1], 1)


def add_depth(x, depth, share, name: str):
    """The colour features `x` plus the excited depth features `depth`, where `share` has readings."""
    channels = x.shape[-1]
    squeezed = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(depth)
    squeezed = keras.layers.Conv2D(channels // EXCITATION_REDUCTION, 1, activation="relu", name=f"{name}_reduction")(
        squeezed
    )
    excitation = keras.layers.Conv2D(channels, 1, activation="sigmoid", name=f"{name}_excitation")(squeezed)
    excited = keras.layers.Multiply(name=f"{name}_excited")([depth, excitation])
    present = keras.layers.Multiply(name=f"{name}_present")([excited, share])
    return keras.layers.Add(name=f"{name}_add")([x, present])
