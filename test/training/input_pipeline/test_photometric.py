"""What augmentation does to colours: in range, decided by the seed, and what its name says."""

import numpy as np
import pytest
import tensorflow as tf

from rt_seg_training.input_pipeline import photometric

SEED = (3, 4)


def _checks():
    board = np.indices((48, 64)).sum(axis=0) // 4 % 2
    return tf.constant(np.repeat(board[..., np.newaxis] * 255.0, 3, axis=-1), tf.float32)


@pytest.mark.parametrize(
    "change",
    [lambda image, seed: photometric.jitter_color(image, 0.5, seed), photometric.blur, photometric.add_noise,
     photometric.compress],
)  # fmt: skip
def test_each_change_keeps_size_and_range_and_follows_its_seed(change):
    first, again, other = change(_checks(), SEED), change(_checks(), SEED), change(_checks(), (5, 6))
    assert first.shape == (48, 64, 3)
    assert 0 <= tf.reduce_min(first) < tf.reduce_max(first) <= 255.01
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, _checks())


def test_blur_is_a_mean_that_flattens_edges():
    blurred = photometric.blur(_checks(), SEED).numpy()
    assert blurred.std() < _checks().numpy().std()
    np.testing.assert_allclose(photometric.blur(tf.fill((20, 20, 3), 77.0), SEED), 77.0, rtol=1e-5)


def test_noise_has_the_strength_promised():
    deviation = np.std(photometric.add_noise(tf.fill((64, 64, 3), 128.0), SEED))
    assert photometric.NOISE_SIGMA[0] * 0.9 < deviation < photometric.NOISE_SIGMA[1] * 1.1


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (1.0, 200), (0.3, 60)])
def test_the_share_of_the_pictures_is_that_asked_for(share, expected):
    def brighten(image, seed):
        return image + 1.0

    changed = sum(float(photometric.sometimes(share, brighten, tf.zeros(()), (index, 1))) for index in range(200))
    assert abs(changed - expected) <= (20 if 0 < share < 1 else 0)
