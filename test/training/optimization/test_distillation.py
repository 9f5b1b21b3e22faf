"""Losses against a teacher's logits, against NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax, softmax

from rt_seg_training.optimization.distillation import channel_wise, pixel_wise, teacher_at_size_of


@pytest.fixture(scope="module")
def logits():
    random = np.random.default_rng(0)
    return [random.normal(0, 3, (2, 5, 6, 4)).astype(np.float32) for _ in range(2)]


def test_channel_wise_is_the_divergence_over_the_pixels_of_each_class(logits):
    student, teacher = (part.reshape(2, 30, 4).transpose(0, 2, 1) / 4 for part in logits)
    terms = softmax(teacher, -1) * (log_softmax(teacher, -1) - log_softmax(student, -1))
    assert float(channel_wise(*logits)) == pytest.approx(3 * 16 * terms.sum() / (2 * 4), rel=1e-5)


def test_pixel_wise_is_the_divergence_over_the_classes_of_each_pixel(logits):
    student, teacher = (part / 2 for part in logits)
    terms = softmax(teacher, -1) * (log_softmax(teacher, -1) - log_softmax(student, -1))
    assert float(pixel_wise(*logits)) == pytest.approx(4 * terms.sum() / (2 * 30), rel=1e-5)


@pytest.mark.parametrize("loss", [channel_wise, pixel_wise])
def test_a_student_that_says_what_its_teacher_says_has_no_loss_and_no_gradient(loss, logits):
    student = tf.constant(logits[0])
    with tf.GradientTape() as tape:
        tape.watch(student)
        value = loss(student, tf.stop_gradient(student))
    assert float(value) == pytest.approx(0, abs=1e-5)
    np.testing.assert_allclose(tape.gradient(value, student), 0, atol=1e-5)
    assert float(loss(student, logits[1])) > 0.1


def test_the_teachers_finer_logits_are_averaged_down_to_the_students_size():
    fine = np.zeros((1, 8, 8, 1), np.float32)
    fine[0, ::2] = 2.0
    shrunk = teacher_at_size_of(tf.constant(fine), tf.zeros((1, 4, 4, 1))).numpy()
    np.testing.assert_allclose(shrunk[0, 1:3, 1:3], 1.0, atol=1e-6)
