"""What DDRNet learns from EfficientNet-Lite0: its feature maps at three strides, and its ImageNet classes.

Reference: Romero et al., "FitNets", arXiv:1412.6550: a 1x1 convolution maps features of the student to those of the
teacher. Here each channel of the teacher is standardised, so that all count the same.
"""

from __future__ import annotations

from typing import Iterable

import keras
import numpy as np
import tensorflow as tf

from rt_seg_training.input_pipeline.batches import normalize
from rt_seg_training.nets.efficientnet_lite import CLASSES, classify, encode, load_imagenet_weights
from rt_seg_training.nets.normalization import CENTRED
from rt_seg_training.nets.registry import build_net

STRIDES = (8, 16, 32)
"""Strides of the teacher's feature maps that are learnt. That at 4 is left out: it holds little but edges."""
FUSED = "context_add"
"""The layer of DDRNet that its head reads, at 1/8: it learns all three maps, the coarse ones enlarged."""
LOW_BRANCH = {16: "layer3_low_relu", 32: "layer4_low_relu"}
"""Layers of the low-resolution branch, by stride, that learn the map of that stride, too."""
DEEPEST = "layer5_low_add"
"""The layer at 1/64 from whose mean over the image the classes are predicted."""
CLASS_WEIGHT = 0.2
"""Weight of the loss of the classes, which is in nats; that of the feature maps has weight 1 and starts near 1."""


class Teacher:
    """EfficientNet-Lite0 with its ImageNet weights: maps with a mean of 0 and a variance of 1, and class probabilities.

    Attributes: channels, of the maps by stride. Raises PretrainedWeightsError where the weights are not installed.
    """

    def __init__(self, side: int) -> None:
        image = keras.Input((side, side, 3), name="image")
        features = encode(image)
        taps = [features[stride] for stride in STRIDES]
        self._net = keras.Model(image, [*taps, classify(features)])
        load_imagenet_weights(self._net)
        self._net.trainable = False
        self.channels = {stride: tap.shape[-1] for stride, tap in zip(STRIDES, taps)}
        self._means = [np.zeros(tap.shape[-1], np.float32) for tap in taps]
        self._deviations = [np.ones(tap.shape[-1], np.float32) for tap in taps]

    def measure(self, batches: Iterable[np.ndarray]) -> None:
        """Take mean and deviation of each channel from batches (B, side, side, 3) uint8."""
        totals = [np.zeros((2, len(mean))) for mean in self._means]
        counts = [0] * len(totals)
        for batch in batches:
            for index, values in enumerate(self._maps_and_logits(tf.constant(batch))[:-1]):
                flat = values.numpy().reshape(-1, values.shape[-1]).astype(np.float64)
                totals[index] += flat.sum(0), (flat**2).sum(0)
                counts[index] += len(flat)
        for index, (total, squares) in enumerate(totals):
            mean = total / counts[index]
            self._means[index] = mean.astype(np.float32)
            self._deviations[index] = np.sqrt(squares / counts[index] - mean**2 + 1e-6).astype(np.float32)

    def _maps_and_logits(self, images: tf.Tensor) -> list[tf.Tensor]:
        return self._net(normalize(images, CENTRED), training=False)

    def __call__(self, images: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Standardised maps by STRIDES, float32 (B, side / stride, …, channels), and probabilities (B, 1000)."""
        *maps, logits = self._maps_and_logits(images)
        scaled = [(m - mean) / deviation for m, mean, deviation in zip(maps, self._means, self._deviations)]
        return [tf.stop_gradient(m) for m in scaled], tf.stop_gradient(tf.nn.softmax(logits))


def _prediction_head(x, channels: int, name: str):
    """The same order as in DDRNet's head: batch normalisation, ReLU, 1x1 convolution."""
    x = keras.layers.BatchNormalization(name=f"{name}_bn")(x)
    x = keras.layers.ReLU(name=f"{name}_relu")(x)
    return keras.layers.Conv2D(channels, 1, name=f"{name}_conv")(x)


def trunk(net: str, side: int) -> keras.Model:
    """The network `net`, a DDRNet, up to what its head reads; named after it, so that its weights are found."""
    whole = build_net(net, side, side, 2)
    return keras.Model(whole.input, whole.get_layer(FUSED).output, name=net)


def student(base: keras.Model, channels: dict[int, int]) -> keras.Model:
    """`base`, a trunk, with a prediction head for each feature map; `channels`: of the teacher's maps by stride.

    Outputs are the maps of STRIDES at 1/8, those of LOW_BRANCH at their strides, and logits (B, 1000).
    """
    outputs = [_prediction_head(base.output, channels[stride], f"learn_{stride}") for stride in STRIDES]
    for stride, layer in LOW_BRANCH.items():
        outputs.append(_prediction_head(base.get_layer(layer).output, channels[stride], f"learn_low_{stride}"))
    pooled = keras.layers.GlobalAveragePooling2D(name="learn_pool")(
        keras.layers.ReLU(name="learn_relu")(
            keras.layers.BatchNormalization(name="learn_bn")(base.get_layer(DEEPEST).output)
        )
    )
    outputs.append(keras.layers.Dense(CLASSES, name="learn_classes")(pooled))
    return keras.Model(base.input, outputs, name=base.name)


def losses(outputs: list[tf.Tensor], maps: list[tf.Tensor], probabilities: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean squared error of the feature maps, 1 where the mean is predicted, and KL divergence of the classes."""
    size = tf.shape(outputs[0])[1:3]
    by_stride = dict(zip(STRIDES, maps))
    targets = [tf.image.resize(values, size) for values in maps] + [by_stride[stride] for stride in LOW_BRANCH]
    errors = [tf.reduce_mean(tf.square(output - target)) for output, target in zip(outputs, targets)]
    log_known = tf.math.log(probabilities + 1e-8)
    divergence = tf.reduce_sum(probabilities * (log_known - tf.nn.log_softmax(outputs[-1])), axis=-1)
    return tf.add_n(errors) / len(errors), tf.reduce_mean(divergence)
