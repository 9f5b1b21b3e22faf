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


def test_clocks_that_drift_apart_are_followed_without_a_step():
    # A quartz that runs 100 ppm too slow would be 0.36 s behind after an hour.
    true = np.arange(0.0, 3600.0, 0.1)
    late = np.random.default_rng(0).uniform(0.002, 0.03, len(true))
    result = mapped(7.0 + true * (1 - 1e-4), 1000.0 + true + late)
    assert np.abs(result - (1000.0 + true))[1000:].max() < 0.02
    np.testing.assert_allclose(np.diff(result), 0.1, atol=2e-4)


def test_stamps_that_the_driver_has_synchronised_stay_and_those_of_a_recording_become_of_now():
    clock = ClockMap(synchronised=True)
    assert [clock.to_host(1000.0 + step / 30, 1000.04 + step / 30) for step in range(2)] == [1000.0, 1000.0 + 1 / 30]
    recorded = ClockMap(synchronised=True)
    played = [recorded.to_host(5.0 + step, 1000.0 + step) for step in (0.0, 0.1, 0.2, 0.0, 0.1)]
    np.testing.assert_allclose(played[:3], [1000.0, 1000.1, 1000.2])
    assert (np.diff(played) > 0).all()


def test_a_recording_that_is_played_too_slowly_does_not_fall_behind_the_clock():
    clock = ClockMap(synchronised=True, largest_drift=0.1)
    arrivals = 1000.0 + np.arange(60) / 10  # of 30 Hz
    ages = arrivals - [clock.to_host(5.0 + step / 30, now) for step, now in enumerate(arrivals)]
    assert ages.max() <= 0.1 and ages.min() >= 0.0
