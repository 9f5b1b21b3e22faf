"""The input pipeline: what augmentation may and may not do to labels."""
import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from rt_seg_training import pipeline
from rt_seg_training.configuration import TrainingConfiguration

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
    tf.random.set_seed(3)
    for _ in range(10):
        image, label = pipeline.random_crop(*map(tf.constant, _picture(*size)), configuration, IGNORE)
        image, label = image.numpy(), label.numpy()[..., 0]
        assert image.shape == (64, 64, 3)
        assert set(np.unique(label)) <= {1, 3, IGNORE}
        interior = (image[..., 0] > 190) & (image[..., 2] < 10)
        assert set(np.unique(label[interior])) <= {1}
        interior = (image[..., 2] > 190) & (image[..., 0] < 10)
        assert set(np.unique(label[interior])) <= {3}


def test_padding_is_ignored_and_of_the_mean_colour():
    configuration = dataclasses.replace(CONFIGURATION, scale_min=0.25, scale_max=0.25)
    image, label = pipeline.random_crop(*map(tf.constant, _picture(64, 96)), configuration, IGNORE)
    assert label.numpy()[0, 0, 0] == IGNORE
    np.testing.assert_allclose(image.numpy()[0, 0], pipeline.PADDING_COLOR, atol=1)


def test_color_jitter_stays_in_range():
    image = tf.random.stateless_uniform((32, 32, 3), (1, 2), 0, 255)
    for _ in range(10):
        changed = pipeline.jitter_color(image, 0.5).numpy()
        assert changed.min() >= 0
        assert changed.max() <= 255


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
