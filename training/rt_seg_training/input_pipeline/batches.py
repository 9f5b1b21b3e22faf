"""From labelled images of any size to training batches and validation batches, as tf.data."""

from __future__ import annotations

import tensorflow as tf

from rt_seg_training.configuration import TrainingConfiguration
from rt_seg_training.input_pipeline.camera_rotation import sometimes_rotate_camera
from rt_seg_training.input_pipeline.data_order import endless_order, mixed_order, share_of_worker
from rt_seg_training.input_pipeline.depth_augmentation import degrade_depth
from rt_seg_training.input_pipeline.light import add_glints, cast_light, change_gamma, change_temperature
from rt_seg_training.input_pipeline.photometric import add_noise, blur, compress, jitter_color, sometimes
from rt_seg_training.nets.normalization import IMAGENET_STATISTICS, Normalization, normalization_of
from rt_seg_training.nets.registry import DEPTH_NETS

PADDING_COLOR = tuple(round(255 * value) for value in IMAGENET_STATISTICS.mean)


def normalize(image: tf.Tensor, normalization: Normalization = IMAGENET_STATISTICS) -> tf.Tensor:
    """(…, 3) RGB of values 0..255 to float32 (value / 255 - mean) / std; see nets.normalization for a network's own."""
    return (tf.cast(image, tf.float32) / 255.0 - normalization.mean) / normalization.std


def resize_antialiased(image: tf.Tensor, size) -> tf.Tensor:
    """(H, W, 3) to float32 (*size, 3): bilinear, with a wider kernel when shrinking so that nothing aliases.

    Crops of any scale are learnt from with it. The live node shrinks by areas (rt_seg.camera_image.resize_image), whose
    values differ by some levels where an image is shrunk; `evaluate` scores with that, the validation with this.
    """
    return tf.image.resize(image, size, method="bilinear", antialias=True)


def resize_label(label: tf.Tensor, size) -> tf.Tensor:
    """(H, W, 1) class ids to (*size, 1) by nearest neighbour: no id appears that was not there."""
    return tf.image.resize(label, size, method="nearest")


def metres(depth: tf.Tensor) -> tf.Tensor:
    """Depth images of a data set, uint16 millimetres, as float32 metres; 0 stays "no reading"."""
    return tf.cast(depth, tf.float32) / 1000.0


def resize_depth(depth: tf.Tensor, size) -> tf.Tensor:
    """(H, W, 1) to (*size, 1) by nearest neighbour: between near and far, or beside a hole, a mean is nowhere."""
    return tf.image.resize(depth, size, method="nearest")


def random_crop(image, label, configuration: TrainingConfiguration, ignore_id: int, seed, depth=None):
    """Cut a window of random scale and place, and resize it to the crop size.

    `image` uint8 (H, W, 3), `label` uint8 (H, W, 1), `depth` None or float32 (H, W, 1) metres. At scale 1 an object
    has the size that it has in the network's input. A window that reaches over the image is padded: the colour of
    the mean, the label `ignore_id`, no depth. What appears s times as large is s times as near: its depth is divided.
    `seed`, two integers, decides.
    Returns float32 (crop_height, crop_width, 3) of values 0..255, uint8 (crop_height, crop_width, 1), and depth.
    """
    crop = (configuration.crop_height, configuration.crop_width)
    shape = tf.cast(tf.shape(image)[:2], tf.float32)
    seeds = tf.unstack(tf.random.split(seed, 3), num=3)
    scale = tf.exp(
        tf.random.stateless_uniform(
            (), seeds[0], tf.math.log(configuration.scale_min), tf.math.log(configuration.scale_max)
        )
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
    if depth is not None:
        depth = tf.pad(depth, padding)
    room = tf.shape(image)[:2] - window
    top = tf.random.stateless_uniform((), seeds[1], 0, room[0] + 1, tf.int32)
    left = tf.random.stateless_uniform((), seeds[2], 0, room[1] + 1, tf.int32)
    image = image[top : top + window[0], left : left + window[1]]
    label = label[top : top + window[0], left : left + window[1]]
    if depth is not None:
        depth = depth[top : top + window[0], left : left + window[1]]
        depth = tf.ensure_shape(resize_depth(depth, crop), (*crop, 1)) / scale
    image = tf.ensure_shape(resize_antialiased(tf.cast(image, tf.float32), crop), (*crop, 3))
    return image, tf.ensure_shape(resize_label(label, crop), (*crop, 1)), depth


def light_up(image: tf.Tensor, configuration: TrainingConfiguration, seed) -> tf.Tensor:
    """The scene in another light, as the configuration says, in the order in which it reaches the image."""
    seeds = tf.unstack(tf.random.split(seed, 4), num=4)
    image = sometimes(configuration.glints, add_glints, image, seeds[0])
    image = sometimes(configuration.sunlight, cast_light, image, seeds[1])
    if configuration.color_temperature > 0:
        image = change_temperature(image, configuration.color_temperature, seeds[2])
    if configuration.gamma > 0:
        image = change_gamma(image, configuration.gamma, seeds[3])
    return image


def augment(example, configuration: TrainingConfiguration, ignore_id: int, position):
    """The training image at a position of the run's order; the seed and the position alone decide what happens to it.

    `example` has image uint8 (H, W, 3), label uint8 (H, W, 1) and, where depth is learnt from, depth uint16 (H, W, 1).
    Returns (normalised image, or pair of it and depth, label) as training_batches describes them, without batch.
    """
    with_depth = "depth" in example
    start = tf.random.fold_in(tf.constant([configuration.seed, 0], tf.int64), position)
    seeds = tf.unstack(tf.random.split(start, 7), num=7)
    depth = metres(example["depth"]) if with_depth else None
    image, label, depth = sometimes_rotate_camera(
        configuration.camera_rotation, example["image"], example["label"], depth, ignore_id, PADDING_COLOR,
        tf.random.fold_in(start, len(seeds) + 1),
    )  # fmt: skip
    image, label, depth = random_crop(image, label, configuration, ignore_id, seeds[0], depth)
    image = light_up(image, configuration, tf.random.fold_in(start, len(seeds)))
    if configuration.color_jitter > 0:
        image = jitter_color(image, configuration.color_jitter, seeds[1])
    image = sometimes(configuration.blur, blur, image, seeds[2])
    image = sometimes(configuration.noise, add_noise, image, seeds[3])
    image = sometimes(configuration.jpeg, compress, image, seeds[4])
    if configuration.flip:
        mirrored = tf.random.stateless_uniform((), seeds[6]) < 0.5
        image = tf.cond(mirrored, lambda: image[:, ::-1], lambda: image)
        label = tf.cond(mirrored, lambda: label[:, ::-1], lambda: label)
        if with_depth:
            depth = tf.cond(mirrored, lambda: depth[:, ::-1], lambda: depth)
    if with_depth:
        # Not before: the second imager of a RealSense is on one side, and so are the shadows that it does not see.
        depth = degrade_depth(
            depth, configuration.depth_noise, configuration.depth_dropout, seeds[5], configuration.width
        )
    image = normalize(image, normalization_of(configuration.net))
    return ((image, depth) if with_depth else image), label


def _what_is_learnt_from(examples: tf.data.Dataset) -> tf.data.Dataset:
    """The examples without the parts that not all sources have."""
    names = ("image", "label", "depth")
    return examples.map(lambda example: {name: example[name] for name in names if name in example})


def training_batches(
    examples: tf.data.Dataset,
    count: int,
    configuration: TrainingConfiguration,
    ignore_id: int,
    position: int = 0,
    workers: int = 1,
    worker: int = 0,
    replicas: int = 1,
    in_memory: bool = True,
    unlabeled: tuple[tf.data.Dataset, int] | None = None,
):
    """Endless shuffled batches: float32 (B, crop_height, crop_width, 3) normalised, uint8 (B, …, 1) class ids.

    Where `examples` have depth the first is a pair: the images, and float32 (B, crop_height, crop_width, 1) metres.
    They begin with the image at `position` of the order that the seed gives. Of `workers`, number `worker` gets its
    share of each batch; B is the batch_size divided by `replicas`, of all workers. Without `in_memory` the
    images are read from the files in each epoch. `unlabeled`: further examples, whose labels are all ignored, and their
    number; unlabeled_share of the images come from them.
    """
    if unlabeled is None:
        order = endless_order(examples, count, configuration.seed, position, in_memory)
    else:
        labelled, others = _what_is_learnt_from(examples), _what_is_learnt_from(unlabeled[0])
        orders = ((labelled, count, in_memory), (others, unlabeled[1], True))
        order = mixed_order(*orders, configuration.unlabeled_share, configuration.seed, position)
    return (
        share_of_worker(order, configuration.batch_size, workers, worker)
        .map(
            lambda place, example: augment(example, configuration, ignore_id, place),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        .batch(configuration.batch_size // replicas, drop_remainder=True)
        .prefetch(2)
    )


def validation_batches(examples: tf.data.Dataset, configuration: TrainingConfiguration):
    """Every example once, in order: float32 (1, height, width, 3) normalised, uint8 (1, H, W, 1) at its own size.

    For a network with depth the first is a pair: the image, and float32 (1, height, width, 1) metres.
    """
    size = (configuration.height, configuration.width)

    def prepare(example):
        image = normalize(resize_antialiased(example["image"], size), normalization_of(configuration.net))
        if configuration.net in DEPTH_NETS:
            return (image, resize_depth(metres(example["depth"]), size)), example["label"]
        return image, example["label"]

    return examples.map(prepare, num_parallel_calls=tf.data.AUTOTUNE).batch(1).prefetch(2)
