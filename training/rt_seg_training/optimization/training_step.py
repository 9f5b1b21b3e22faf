"""One step of training, compiled once for all strategies of distribution."""

from __future__ import annotations

from typing import Callable, Sequence

import keras
import tensorflow as tf


def compile_step(
    model: keras.Model,
    loss: keras.losses.Loss,
    head_weights: Sequence[float],
    strategy: tf.distribute.Strategy,
    teach: Callable | None = None,
) -> Callable:
    """A function (images, labels) → (loss, norm of the gradient), float32 scalars, that learns from a global batch.

    `model` has an optimizer; `head_weights`: of the loss of each of its outputs. Images and labels are as a strategy's
    distributed data set yields them. Each replica takes the mean over its share of the batch, and the gradient is the
    mean over the replicas: that of one device if the shares have equally many labelled pixels. A batch of a pair of
    images and depth gives a network without depth the images alone. `teach`: a further loss (batch, logits of the first
    head) → float32 scalar.
    """
    optimizer = model.optimizer
    replicas = strategy.num_replicas_in_sync
    clip_norm = getattr(optimizer, "inner_optimizer", optimizer).global_clipnorm

    def of_replica(images, labels):
        with tf.GradientTape() as tape:
            seen = images[0] if isinstance(images, tuple) and len(model.inputs) == 1 else images
            outputs = model(seen, training=True)
            outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
            total = sum(weight * loss(labels, output) for weight, output in zip(head_weights, outputs))
            if teach is not None:
                total += teach(images, outputs[0])
            scaled = optimizer.scale_loss(total / replicas)
        variables = [variable.value for variable in model.trainable_variables]
        gradients = tape.gradient(scaled, variables)
        norm = tf.linalg.global_norm(gradients)
        if replicas > 1 and clip_norm:
            # Keras clips before it sums over the replicas. So the summed gradient is clipped here, and each replica
            # gives an n-th of it, whose norm is below the one at which Keras would clip again.
            context = tf.distribute.get_replica_context()
            reduced = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
            clipped, _ = tf.clip_by_global_norm(reduced, clip_norm)
            gradients = [gradient / replicas for gradient in clipped]
        optimizer.apply(gradients, model.trainable_variables)
        return total, norm

    @tf.function
    def step(images, labels):
        total, norm = strategy.run(of_replica, (images, labels))
        mean = tf.distribute.ReduceOp.MEAN
        return strategy.reduce(mean, total, axis=None), strategy.reduce(mean, norm, axis=None)

    return step
