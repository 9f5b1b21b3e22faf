"""The input pipeline: what augmentation may and may not do to labels."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from rt_seg.camera_image import resize_image
from rt_seg_training.configuration import TrainingConfiguration
from rt_seg_training.input_pipeline import batches as pipeline
from rt_seg_training.input_pipeline import data_order

CONFIGURATION = TrainingConfiguration(
    dataset="x", train_split="train", validation_split="validation",
    height=64, width=96, crop_height=64, crop_width=64, steps=1, batch_size=2,
)  # fmt: skip
IGNORE = 255


def _picture(height, width):
    """Left half red with class 1, right half blue with class 3."""
    image = np.zeros((height, width, 3), np.uint8)
    label = np.zeros((height, width, 1), np.uint8)
    image[:, : width // 2, 0] = 200
    image[:, width // 2 :, 2] = 200
    label[:, : width // 2] = 1
    label[:, width // 2 :] = 3
    return image, label


@pytest.mark.parametrize("size", [(64, 96), (128, 192), (40, 50)])
@pytest.mark.parametrize("scales", [(0.3, 0.6), (0.9, 2.0)])
def test_random_crop_keeps_labels_in_the_set_and_on_their_pixels(size, scales):
    configuration = dataclasses.replace(CONFIGURATION, scale_min=scales[0], scale_max=scales[1])
    for seed in range(10):
        image, label, _ = pipeline.random_crop(*map(tf.constant, _picture(*size)), configuration, IGNORE, (seed, 0))
        image, label = image.numpy(), label.numpy()[..., 0]
        assert image.shape == (64, 64, 3)
        assert set(np.unique(label)) <= {1, 3, IGNORE}
        interior = (image[..., 0] > 190) & (image[..., 2] < 10)
        assert set(np.unique(label[interior])) <= {1}
        interior = (image[..., 2] > 190) & (image[..., 0] < 10)
        assert set(np.unique(label[interior])) <= {3}


def test_padding_is_ignored_and_of_the_mean_colour():
    configuration = dataclasses.replace(CONFIGURATION, scale_min=0.25, scale_max=0.25)
    image, label, _ = pipeline.random_crop(*map(tf.constant, _picture(64, 96)), configuration, IGNORE, (1, 2))
    assert label.numpy()[0, 0, 0] == IGNORE
    np.testing.assert_allclose(image.numpy()[0, 0], pipeline.PADDING_COLOR, atol=1)


def test_training_batches_mirror_image_and_label_together():
    image, label = _picture(64, 96)
    examples = tf.data.Dataset.from_tensors({"image": image, "label": label})
    configuration = dataclasses.replace(
        CONFIGURATION, color_jitter=0.0, scale_min=1.0, scale_max=1.0, crop_width=96, batch_size=1
    )
    batches = iter(pipeline.training_batches(examples, 1, configuration, IGNORE))
    seen = set()
    for _ in range(20):
        batch_image, batch_label = next(batches)
        red_left = bool(batch_image[0, 32, 5, 0] > batch_image[0, 32, 90, 0])
        seen.add(red_left)
        assert int(batch_label[0, 32, 5, 0]) == (1 if red_left else 3)
    assert seen == {True, False}


def test_normalisation_is_that_of_imagenet():
    value = pipeline.normalize(np.array([[255, 0, 128]], np.uint8)).numpy()
    np.testing.assert_allclose(value, [[(1 - 0.485) / 0.229, -0.456 / 0.224, (128 / 255 - 0.406) / 0.225]], rtol=1e-5)


def _numbered(count, size=(64, 96)):
    """Examples whose images are grey, each of a level of its own."""
    images = np.arange(count, dtype=np.uint8)[:, None, None, None] * 10 * np.ones((1, *size, 3), np.uint8)
    return tf.data.Dataset.from_tensor_slices({"image": images, "label": images[..., :1]})


ALL = dataclasses.replace(CONFIGURATION, batch_size=3, blur=0.5, noise=0.5, jpeg=0.5, color_jitter=0.3, seed=4)


def _take(batches, number):
    return [(image.numpy(), label.numpy()) for image, label in batches.take(number)]


@pytest.mark.slow
def test_batches_from_a_position_on_are_those_of_a_run_that_came_there():
    whole = _take(pipeline.training_batches(_numbered(7), 7, ALL, IGNORE), 8)
    for start in (1, 4, 7):
        later = _take(pipeline.training_batches(_numbered(7), 7, ALL, IGNORE, position=3 * start), 8 - start)
        for (image, label), (expected_image, expected_label) in zip(later, whole[start:], strict=True):
            np.testing.assert_array_equal(image, expected_image)
            np.testing.assert_array_equal(label, expected_label)


def test_another_seed_another_order_and_other_pictures():
    first = _take(pipeline.training_batches(_numbered(7), 7, ALL, IGNORE), 2)
    other = _take(pipeline.training_batches(_numbered(7), 7, dataclasses.replace(ALL, seed=5), IGNORE), 2)
    assert any(not np.array_equal(a[0], b[0]) for a, b in zip(first, other))


@pytest.mark.parametrize("in_memory", [True, False])
def test_each_epoch_has_every_picture_once_in_an_order_of_its_own(in_memory):
    order = data_order.endless_order(_numbered(9), 9, 0, 0, in_memory).take(27)
    seen = [int(example["label"][0, 0, 0]) // 10 for _, example in order]
    epochs = [seen[0:9], seen[9:18], seen[18:27]]
    assert [sorted(epoch) for epoch in epochs] == [list(range(9))] * 3
    assert epochs[0] != epochs[1] != epochs[2]


@pytest.mark.slow
def test_workers_and_replicas_share_each_batch():
    configuration = dataclasses.replace(ALL, batch_size=4)
    whole = _take(pipeline.training_batches(_numbered(7), 7, configuration, IGNORE), 5)
    shares = [
        _take(pipeline.training_batches(_numbered(7), 7, configuration, IGNORE, 0, 2, worker, 2), 5)
        for worker in range(2)
    ]
    for step, (image, _) in enumerate(whole):
        np.testing.assert_array_equal(image, np.concatenate([shares[0][step][0], shares[1][step][0]]))


def test_large_sets_stay_on_the_disk():
    assert data_order.fits_in_memory(10**6)
    assert not data_order.fits_in_memory(10**14)


def test_training_and_the_node_shrink_images_under_two_names_by_a_few_levels_apart():
    assert not hasattr(pipeline, "resize_image"), "one name for two results"
    image = np.repeat(np.arange(0, 250, dtype=np.uint8)[np.newaxis], 60, axis=0)[..., np.newaxis].repeat(3, axis=2)
    image[20:40, 100:130] = 255
    ours, nodes = pipeline.resize_antialiased(image, (24, 100)).numpy(), resize_image(image, 24, 100).astype(np.float32)
    difference = np.abs(ours - nodes)
    assert difference.max() > 2, "the node's way: evaluate alone scores what the node computes"
    assert difference.mean() < 3
