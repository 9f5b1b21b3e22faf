"""Depth in training: it goes where its image goes, and gets the faults of a RealSense."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from rt_seg_training.configuration import TrainingConfiguration
from rt_seg_training.input_pipeline import batches as pipeline
from rt_seg_training.input_pipeline.depth_augmentation import degrade_depth, imitate_realsense

IGNORE = 255
CONFIGURATION = TrainingConfiguration(
    dataset="x", train_split="train", validation_split="validation", net="ddrnet_23_slim_rgbd", color_jitter=0.0,
    height=64, width=96, crop_height=64, crop_width=64, steps=1, batch_size=1, depth_noise=0.0, depth_dropout=0.0,
)  # fmt: skip


def _example():
    """Left red, class 1, 1 m away; right blue, class 3, 2 m away."""
    image = np.zeros((64, 96, 3), np.uint8)
    image[:, :48, 0], image[:, 48:, 2] = 200, 200
    left = (np.arange(96) < 48)[np.newaxis, :, np.newaxis].repeat(64, axis=0)
    return {
        "image": image,
        "label": np.where(left, 1, 3).astype(np.uint8),
        "depth": np.where(left, 1000, 2000).astype(np.uint16),
    }


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.6])
def test_depth_is_cut_and_mirrored_with_its_picture_and_nearer_where_it_is_larger(scale):
    configuration = dataclasses.replace(CONFIGURATION, scale_min=scale, scale_max=scale)
    example = {name: tf.constant(value) for name, value in _example().items()}
    mirrored = set()
    for position in range(12):
        (_, depth), label = pipeline.augment(example, configuration, IGNORE, position)
        depth, label = depth.numpy(), label.numpy()
        expected = np.where(label == 1, 1.0, np.where(label == 3, 2.0, 0.0)) / scale
        np.testing.assert_allclose(depth, expected, rtol=1e-5)
        labelled = np.flatnonzero(label[32, :, 0] != IGNORE)
        mirrored.add(int(label[32, labelled[0], 0]) == 3)
    assert mirrored == {True, False}


def test_validation_gets_depth_in_metres_at_the_networks_size():
    batches = pipeline.validation_batches(tf.data.Dataset.from_tensors(_example()), CONFIGURATION)
    (image, depth), label = next(iter(batches))
    assert image.shape == (1, 64, 96, 3)
    assert label.shape == (1, 64, 96, 1)
    np.testing.assert_array_equal(depth[0, :, :, 0], np.where(np.arange(96) < 48, 1.0, 2.0) * np.ones((64, 1)))


def _scene():
    """A wall 3 m away with a box 1 m away before it, and a corner without a reading."""
    depth = np.full((240, 320, 1), 3.0, np.float32)
    depth[80:160, 120:200] = 1.0
    depth[:20, :20] = 0.0
    return tf.constant(depth)


def test_imitated_depth_keeps_the_scene_and_loses_readings_as_a_realsense_does():
    scene = _scene()
    holes, errors = [], []
    beside, inside = np.zeros(2), np.zeros(2)
    for seed in range(20):
        depth = imitate_realsense(scene, (seed, 7), 320).numpy()[..., 0]
        truth = scene.numpy()[..., 0]
        assert depth.dtype == np.float32
        assert np.isfinite(depth).all()
        assert (depth[:20, :20] == 0).all(), "a place without a reading got one"
        read = (depth > 0) & (truth > 0)
        holes.append(1 - read.sum() / (truth > 0).sum())
        errors.append(np.abs(depth - truth)[read].max())
        # The camera's second imager sees the wall beside the box on one side only.
        beside += [(depth[90:150, 112:119] == 0).mean(), (depth[90:150, 202:209] == 0).mean()]
        inside += [(depth[90:150, 130:190] == 0).mean(), (depth[180:, 30:] == 0).mean()]
    assert max(errors) < 0.2
    assert 0.02 < np.mean(holes) < 0.5
    assert np.std(holes) > 0.02, "the strength does not vary"
    assert beside[0] > 1.5 * beside[1], "no shadow beside the near thing"
    np.testing.assert_array_equal(imitate_realsense(scene, (3, 7), 320), imitate_realsense(scene, (3, 7), 320))


def test_a_shadow_in_a_crop_is_as_wide_as_in_the_whole_image():
    scene = _scene()
    shadows = [
        sum((imitate_realsense(scene, (seed, 7), width).numpy()[90:150, 108:119, 0] == 0).sum() for seed in range(20))
        for width in (320, 640)
    ]
    assert shadows[1] > 1.3 * shadows[0]


def test_depth_is_degraded_as_that_of_a_camera_is_after_the_image_was_mirrored(monkeypatch):
    configuration = dataclasses.replace(
        CONFIGURATION, scale_min=1.0, scale_max=1.0, crop_width=64, depth_noise=0.5, depth_dropout=0.1
    )
    example = {name: tf.constant(value) for name, value in _example().items()}
    asked = []

    def degrade(depth, noise_share, dropout, seed, full_width):
        asked.append((noise_share, dropout, full_width))
        return tf.concat([depth[:, 1:] * 0.0, depth[:, :1]], axis=1)  # all but the right column is hidden

    monkeypatch.setattr(pipeline, "degrade_depth", degrade)
    for position in range(12):
        (_, depth), _ = pipeline.augment(example, configuration, IGNORE, position)
        assert np.flatnonzero(depth.numpy()[32, :, 0]).tolist() == [63]
    assert set(asked) == {(0.5, 0.1, 96)}, "the width is that of the crop"


@pytest.mark.parametrize(("dropout", "expected"), [(0.0, 0), (1.0, 60), (0.3, 18)])
def test_the_share_of_pictures_without_any_depth_is_that_asked_for(dropout, expected):
    scene = tf.ones((8, 8, 1))
    empty = sum(float(tf.reduce_max(degrade_depth(scene, 0.0, dropout, (seed, 1), 8))) == 0 for seed in range(60))
    assert abs(empty - expected) <= (8 if 0 < dropout < 1 else 0)


@pytest.mark.slow
def test_a_network_with_depth_trains_on_its_batches():
    from rt_seg_training.optimization.losses import build_loss
    from rt_seg_training.optimization.training_model import training_model
    from rt_seg_training.optimization.training_step import compile_step

    configuration = dataclasses.replace(
        CONFIGURATION, batch_size=2, depth_noise=1.0, auxiliary_weight=0.0, mixed_precision="float32"
    )
    batches = pipeline.training_batches(tf.data.Dataset.from_tensors(_example()), 1, configuration, IGNORE)
    loss_function = build_loss(configuration, IGNORE, None)
    model = training_model(configuration, 4, loss_function)
    kernel = next(v for v in model.trainable_variables if v.path == "depth_stem1_conv/kernel")
    before = kernel.numpy()
    step = compile_step(model, loss_function, [1.0], tf.distribute.get_strategy())
    for inputs, labels in batches.take(3):
        loss, norm = step(inputs, labels)
        assert np.isfinite([float(loss), float(norm)]).all()
    assert np.abs(kernel.numpy() - before).max() > 1e-4, "the depth branch does not learn"
