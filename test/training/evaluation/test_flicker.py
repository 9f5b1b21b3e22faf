"""Flicker counts what changes where nothing moves."""

import numpy as np
import pytest

from rt_seg_training.evaluation.flicker import measure_flicker


def _image(seed, moved=False):
    noise = np.random.default_rng(seed).integers(-6, 7, (40, 60, 3))
    image = np.full((40, 60, 3), 100) + noise
    if moved:
        image[:, 30:] = 220
    return image.astype(np.uint8)


def _mask(*flipped):
    mask = np.zeros((40, 60), np.uint8)
    for row in flipped:
        mask[row] = 1
    return mask


def test_only_changes_of_pixels_that_stay_as_they_are_count():
    steady = measure_flicker([(_image(0), _mask()), (_image(1), _mask())])
    assert (steady.frames, steady.static_share, steady.share(0)) == (2, 1.0, 0.0)
    restless = measure_flicker([(_image(0), _mask()), (_image(1), _mask(3)), (_image(2), _mask(3))])
    assert restless.share(0) == pytest.approx(1 / 80)
    mask = _mask()
    mask[:, 40:] = 1
    moving = measure_flicker([(_image(0), _mask()), (_image(1, moved=True), mask)])
    assert moving.static_share == pytest.approx(26 / 60, abs=0.01), "half, less what the blur reaches"
    assert moving.share(0) == 0


def test_smoothing_takes_away_what_lasts_one_frame():
    frames = [(_image(i), _mask(i % 7) if i % 2 else _mask()) for i in range(12)]
    flicker = measure_flicker(frames)
    assert flicker.share(0) == pytest.approx(1 / 40)
    assert flicker.share(3) == flicker.share(5) == 0
    assert "smoothing 0:  2.500%" in flicker.table()


def test_one_frame_has_no_flicker():
    assert np.isnan(measure_flicker([(_image(0), _mask())]).share(0))
