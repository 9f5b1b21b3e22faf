"""Stamps of a camera's clock on the clock of the computer."""
import numpy as np

from rt_seg.cameras.clock_map import ClockMap


def mapped(stamps, arrivals):
    clock = ClockMap()
    return np.array([clock.to_host(stamp, now) for stamp, now in zip(stamps, arrivals)])


def test_intervals_are_the_cameras_own_however_late_images_arrive():
    stamps = 7.0 + np.arange(90) / 30
    late = np.random.default_rng(0).uniform(0.0, 0.02, 90)
    result = mapped(stamps, 1000.0 + np.arange(90) / 30 + late)
    np.testing.assert_allclose(np.diff(result), 1 / 30, atol=1e-9)
    assert abs(result[0] - 1000.0) < 0.02


def test_a_clock_that_wraps_goes_on_without_a_step_back():
    # 32 bits of microseconds last 71 minutes.
    stamps = (4294.9 + np.arange(60) / 30) % 4294.967296
    result = mapped(stamps, 1000.0 + np.arange(60) / 30)
    np.testing.assert_allclose(np.diff(result), 1 / 30, atol=1e-6)


def test_stamps_always_increase():
    random = np.random.default_rng(1)
    result = mapped(random.uniform(0, 10, 200), 1000.0 + np.sort(random.uniform(0, 5, 200)))
    assert (np.diff(result) > 0).all()


def test_a_pause_of_the_camera_is_a_pause_of_the_stamps():
    result = mapped([0.0, 0.1, 20.0, 20.1], [1000.0, 1000.1, 1020.0, 1020.1])
    np.testing.assert_allclose(result, [1000.0, 1000.1, 1020.0, 1020.1], atol=1e-6)
