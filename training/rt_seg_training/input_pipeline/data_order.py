"""The order in which a run sees its images: a function of the seed and the position alone.

So a run that continues at some position sees what it would have seen without the interruption, and each of several
workers takes its own share of every batch.
"""

from __future__ import annotations

import os

import tensorflow as tf

SHUFFLE_BUFFER = 1024
"""Images among which the next one is drawn where a set is too large to be kept in memory."""
MEMORY_SHARE = 0.4
"""Largest share of the machine's memory for the decoded images."""


def fits_in_memory(data_bytes: int) -> bool:
    """Whether the decoded images may be kept in memory."""
    return data_bytes <= MEMORY_SHARE * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def endless_order(
    examples: tf.data.Dataset, count: int, seed: int, position: int = 0, in_memory: bool = True
) -> tf.data.Dataset:
    """(position, example) from `position` on, endless: epoch after epoch, each in an order of its own.

    `examples` are `count` in a fixed order. In memory an epoch is a random permutation.
    """
    buffer = SHUFFLE_BUFFER
    if in_memory:
        examples = examples.cache()
        buffer = count + 1  # one more than there are: a cache is kept only if its end was reached

    def of_epoch(epoch):
        tf.random.set_seed(seed + 1)  # of this function's graph only; TensorFlow takes no tensor beside the seed 0
        return examples.shuffle(buffer, seed=epoch + 1, reshuffle_each_iteration=False)

    epochs = tf.data.Dataset.range(position // count, tf.int64.max).flat_map(of_epoch)
    return epochs.skip(position % count).enumerate(position)


def mixed_order(
    first: tuple[tf.data.Dataset, int, bool],
    second: tuple[tf.data.Dataset, int, bool],
    share: float,
    seed: int,
    position: int = 0,
) -> tf.data.Dataset:
    """(position, example) from `position` on, endless: evenly spread, `share` of them from `second`.

    Each of the two is (examples, how many, whether to keep them in memory); within it the order is endless_order's.
    """
    of_second = int(position * share)
    orders = [
        endless_order(examples, count, seed, start, in_memory).map(lambda _, example: example)
        for (examples, count, in_memory), start in ((first, position - of_second), (second, of_second))
    ]

    def source(place):
        places = tf.cast(tf.stack([place, place + 1]), tf.float64)
        before, after = tf.unstack(tf.floor(places * tf.constant(share, tf.float64)), num=2)
        return tf.cast(after > before, tf.int64)

    choice = tf.data.Dataset.range(position, tf.int64.max).map(source)
    return tf.data.Dataset.choose_from_datasets(orders, choice, stop_on_empty_dataset=False).enumerate(position)


def share_of_worker(order: tf.data.Dataset, batch_size: int, workers: int, worker: int) -> tf.data.Dataset:
    """The examples of `endless_order` that worker number `worker` of `workers` learns from, in order."""
    if workers == 1:
        return order
    share = batch_size // workers
    return order.filter(lambda position, _: position % batch_size // share == worker)
