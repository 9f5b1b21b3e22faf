"""What depth adds to a network: its channels, a light branch of its own, and how it joins the colour branch.

The fusion follows ESANet (Seichter et al., "Efficient RGB-D Semantic Segmentation for Indoor Scene Analysis",
arXiv:2011.06961, section III-B): squeeze and excitation, then addition into the colour branch. Two things differ, so
that a network keeps working when its camera loses depth: only depth is excited, its share starts at zero and is weighed
by how much of the place has a reading at all. Without depth the sum is the colour branch, bit for bit.
"""
from __future__ import annotations

import keras

DEPTH_RANGE = (0.2, 10.0)
"""Metres; what is nearer or farther is no reading."""
DEPTH_MEAN, DEPTH_STD = 2.7, 1.4
"""Metres: about the mean and standard deviation of depth in rooms (NYU-Depth-V2, training half)."""

EXCITATION_REDUCTION = 4


@keras.saving.register_keras_serializable(package="rt_seg")
class DepthChannels(keras.layers.Layer):
    """Depth in metres, (B, H, W, 1), to two channels: normalised depth (0 without a reading), and 1 for a reading.

    Zero, values outside `DEPTH_RANGE` and NaN are no reading. Computes in float32: the 8 bits of bfloat16 would make
    steps of 2 cm at 3 m.
    """

    def __init__(self, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})

    def call(self, depth):
        near, far = DEPTH_RANGE
        reading = keras.ops.logical_and(depth >= near, depth <= far)
        valid = keras.ops.cast(reading, "float32")
        # Not a product with 0 or 1, which would keep a NaN.
        normalized = (keras.ops.where(reading, depth, DEPTH_MEAN) - DEPTH_MEAN) / DEPTH_STD
        return keras.ops.concatenate([normalized, valid], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 2)


@keras.saving.register_keras_serializable(package="rt_seg")
class ChannelScale(keras.layers.Layer):
    """Multiply each channel by a learnt factor that starts at zero."""

    def build(self, input_shape):
        self.scale = self.add_weight(name="scale", shape=(input_shape[-1],), initializer="zeros")

    def call(self, x):
        return x * self.scale


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
    """The colour features `x` plus the excited, scaled depth features `depth`, where `share` has readings."""
    channels = x.shape[-1]
    squeezed = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(depth)
    squeezed = keras.layers.Conv2D(
        channels // EXCITATION_REDUCTION, 1, activation="relu", name=f"{name}_reduction"
    )(squeezed)
    excitation = keras.layers.Conv2D(channels, 1, activation="sigmoid", name=f"{name}_excitation")(squeezed)
    excited = keras.layers.Multiply(name=f"{name}_excited")([depth, excitation])
    scaled = ChannelScale(name=f"{name}_scale")(excited)
    present = keras.layers.Multiply(name=f"{name}_present")([scaled, share])
    return keras.layers.Add(name=f"{name}_add")([x, present])
