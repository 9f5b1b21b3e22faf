"""One step of training, compiled once for all strategies of distribution."""
from __future__ import annotations

from typing import Callable, Sequence

import keras
import tensorflow as tf


def compile_step(
    model: keras.Model,
    losses: Sequence[keras.losses.Loss],
    loss_weights: Sequence[float],
    strategy: tf.distribute.Strategy,
) -> Callable:
    """A function (images, labels) → (loss, norm of the gradient), float32 scalars, that learns from a global batch.

    `model` has an optimizer; `losses` and `loss_weights` are of its outputs. Images and labels are as a strategy's
    distributed data set yields them. Each replica takes the mean over its share of the batch, and the gradient is the
    mean over the replicas: that of one device if the shares have equally many labelled pixels.
    """
    optimizer = model.optimizer
    replicas = strategy.num_replicas_in_sync
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    clip_norm = inner.global_clipnorm
    if replicas > 1 and clip_norm:
        # Keras clips before it sums over the replicas. Of gradients that are reduced already, each an n-th of the
        # global one, it has to leave an n-th of the norm, for the sum to have the norm asked for.
        inner.global_clipnorm = clip_norm / replicas

    def of_replica(images, labels):
        with tf.GradientTape() as tape:
            outputs = model(images, training=True)
            outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
            loss = sum(weight * of(labels, output) for of, weight, output in zip(losses, loss_weights, outputs))
            scaled = optimizer.scale_loss(loss / replicas)
        variables = [variable.value for variable in model.trainable_variables]
        gradients = tape.gradient(scaled, variables)
        norm = tf.linalg.global_norm(gradients)
        if replicas > 1 and clip_norm:
            context = tf.distribute.get_replica_context()
            gradients = [g / replicas for g in context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)]
        optimizer.apply(gradients, model.trainable_variables)
        return loss, norm

    @tf.function
    def step(images, labels):
        loss, norm = strategy.run(of_replica, (images, labels))
        mean = tf.distribute.ReduceOp.MEAN
        return strategy.reduce(mean, loss, axis=None), strategy.reduce(mean, norm, axis=None)

    return step
