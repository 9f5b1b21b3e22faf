"""From labelled pictures of any size to training batches and validation batches, as tf.data."""
from __future__ import annotations

import tensorflow as tf

from rt_seg_training.configuration import TrainingConfiguration

NORMALIZATION_MEAN = (0.485, 0.456, 0.406)
NORMALIZATION_STD = (0.229, 0.224, 0.225)
"""Of ImageNet, per RGB channel of values 0..1: DDRNet's published weights expect it."""

PADDING_COLOR = tuple(round(255 * value) for value in NORMALIZATION_MEAN)


def normalize(image: tf.Tensor) -> tf.Tensor:
    """(…, 3) RGB of values 0..255 to float32 (value / 255 - mean) / std."""
    return (tf.cast(image, tf.float32) / 255.0 - NORMALIZATION_MEAN) / NORMALIZATION_STD


def resize_image(image: tf.Tensor, size) -> tf.Tensor:
    """(H, W, 3) to float32 (*size, 3): bilinear, with a wider kernel when shrinking so that nothing aliases."""
    return tf.image.resize(image, size, method="bilinear", antialias=True)


def resize_label(label: tf.Tensor, size) -> tf.Tensor:
    """(H, W, 1) class ids to (*size, 1) by nearest neighbour: no id appears that was not there."""
    return tf.image.resize(label, size, method="nearest")


def random_crop(image, label, configuration: TrainingConfiguration, ignore_id: int):
    """Cut a window of random scale and place, and resize it to the crop size.

    `image` uint8 (H, W, 3), `label` uint8 (H, W, 1). At scale 1 an object has the size that it has in the network's
    input. A window that reaches over the picture is padded: the colour of the mean, the label `ignore_id`.
    Returns float32 (crop_height, crop_width, 3) of values 0..255 and uint8 (crop_height, crop_width, 1).
    """
    crop = (configuration.crop_height, configuration.crop_width)
    shape = tf.cast(tf.shape(image)[:2], tf.float32)
    scale = tf.exp(
        tf.random.uniform((), tf.math.log(configuration.scale_min), tf.math.log(configuration.scale_max))
    )
    source_pixels = shape / (scale * tf.constant((configuration.height, configuration.width), tf.float32))
    window = tf.maximum(tf.cast(tf.round(tf.constant(crop, tf.float32) * source_pixels), tf.int32), 1)
    missing = tf.maximum(window - tf.shape(image)[:2], 0)
    before = missing // 2
    padding = tf.stack([before, missing - before], axis=1)
    padding = tf.concat([padding, [[0, 0]]], axis=0)
    mean_color = tf.constant(PADDING_COLOR, tf.int32)
    image = tf.pad(tf.cast(image, tf.int32) - mean_color, padding) + mean_color
    label = tf.pad(label, padding, constant_values=ignore_id)
    room = tf.shape(image)[:2] - window
    top = tf.random.uniform((), 0, room[0] + 1, tf.int32)
    left = tf.random.uniform((), 0, room[1] + 1, tf.int32)
    image = image[top : top + window[0], left : left + window[1]]
    label = label[top : top + window[0], left : left + window[1]]
    image = tf.ensure_shape(resize_image(tf.cast(image, tf.float32), crop), (*crop, 3))
    return image, tf.ensure_shape(resize_label(label, crop), (*crop, 1))


def jitter_color(image: tf.Tensor, strength: float) -> tf.Tensor:
    """Random brightness, contrast, saturation (each within ± `strength`) and a small hue change; values 0..255."""
    image = image / 255.0
    image = tf.image.random_brightness(image, 0.6 * strength)
    image = tf.image.random_contrast(image, 1 - strength, 1 + strength)
    image = tf.clip_by_value(image, 0.0, 1.0)
    image = tf.image.random_saturation(image, 1 - strength, 1 + strength)
    image = tf.image.random_hue(image, 0.1 * strength)
    return 255.0 * tf.clip_by_value(image, 0.0, 1.0)


def training_batches(examples: tf.data.Dataset, count: int, configuration: TrainingConfiguration, ignore_id: int):
    """Endless shuffled batches: float32 (B, crop_height, crop_width, 3) normalised, uint8 (B, …, 1) class ids."""

    def augment(example):
        image, label = random_crop(example["image"], example["label"], configuration, ignore_id)
        if configuration.color_jitter > 0:
            image = jitter_color(image, configuration.color_jitter)
        if configuration.flip:
            mirrored = tf.random.uniform(()) < 0.5
            image = tf.cond(mirrored, lambda: image[:, ::-1], lambda: image)
            label = tf.cond(mirrored, lambda: label[:, ::-1], lambda: label)
        return normalize(image), label

    return (
        examples.cache()
        .shuffle(min(count, 4096), seed=configuration.seed)
        .repeat()
        .map(augment, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(configuration.batch_size, drop_remainder=True)
        .prefetch(2)
    )


def validation_batches(examples: tf.data.Dataset, configuration: TrainingConfiguration):
    """Every example once, in order: float32 (1, height, width, 3) normalised, uint8 (1, H, W, 1) at its own size."""

    def prepare(example):
        return normalize(resize_image(example["image"], (configuration.height, configuration.width))), example["label"]

    return examples.map(prepare, num_parallel_calls=tf.data.AUTOTUNE).batch(1).prefetch(2)
