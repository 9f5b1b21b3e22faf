"""The network that learns, with its loss and its optimizer."""

from __future__ import annotations

import keras
import tensorflow as tf

from rt_seg_training.configuration import RANDOM, TrainingConfiguration
from rt_seg_training.nets import registry
from rt_seg_training.nets.depthwise_gradient import with_fast_depthwise_gradients
from rt_seg_training.nets.fused_normalization import (
    freeze_statistics,
    synchronize_normalization,
    with_fused_normalization,
)
from rt_seg_training.optimization.losses import SegmentationLoss
from rt_seg_training.optimization.optimizers import build_optimizer
from rt_seg_training.optimization.precision import layer_policy


def training_model(
    configuration: TrainingConfiguration, class_count: int, loss: SegmentationLoss, replicas: int = 1
) -> keras.Model:
    """The network of the crops with loss and optimizer, ready for `fit` and compile_step.

    With several replicas, batch normalisation takes its statistics over all of them.
    """
    model = _trained_net(configuration, class_count, replicas)
    two_heads = configuration.auxiliary_weight > 0
    model.compile(
        build_optimizer(configuration, model.trainable_variables),
        loss=[loss, loss] if two_heads else loss,
        loss_weights=[1.0, configuration.auxiliary_weight] if two_heads else None,
        jit_compile=False,
    )
    # A step that creates the optimizer's variables is traced twice, which doubles the time until the first step.
    model.optimizer.build(model.trainable_variables)
    return model


def _trained_net(configuration: TrainingConfiguration, class_count: int, replicas: int) -> keras.Model:
    """The network of the crops, whose layers compute in the precision of the configuration."""
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy(layer_policy(configuration.mixed_precision, replicas))
    try:
        net = registry.build_net(
            configuration.net,
            configuration.crop_height,
            configuration.crop_width,
            class_count,
            configuration.auxiliary_weight > 0,
            configuration.head,
        )
        if not tf.config.list_physical_devices("GPU"):
            net = with_fast_depthwise_gradients(net)
        net = with_fused_normalization(net)
        if replicas > 1:
            synchronize_normalization(net)
        if configuration.freeze_statistics and configuration.start != RANDOM:
            freeze_statistics(net, registry.ENCODER_PREFIX)
        return net
    finally:
        keras.config.set_dtype_policy(usual)
