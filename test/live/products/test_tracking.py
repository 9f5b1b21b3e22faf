"""Tracks of objects whose true paths are known."""

import time

import numpy as np
import pytest

from rt_seg.products.objects import SegmentedObject, SpatialPose
from rt_seg.products.tracking import CONFIRMED_AFTER, Motion, Tracker

SIZE = (480, 640)
RATE = 30.0


def seen(place, class_id=1, extent=(0.1, 0.05, 0.02), box=(100, 100, 50, 50)):
    pose = None if place is None else SpatialPose(tuple(float(value) for value in place), np.eye(3), extent)
    return SegmentedObject(class_id, 0.9, box, 2500, 1.0, pose)


def follow(tracker, frames, start=10.0):
    return [tracker.update(objects, start + number / RATE, SIZE) for number, objects in enumerate(frames)]


def test_an_object_has_no_number_until_it_is_seen_often_enough_and_then_always_the_same():
    tracks = follow(Tracker(), [[seen((0.1, 0, 1))]] * 20)
    assert [track is None for (track,) in tracks] == [True] * (CONFIRMED_AFTER - 1) + [False] * (21 - CONFIRMED_AFTER)
    assert {track.id for (track,) in tracks if track} == {1}
    assert tracks[-1][0].age == pytest.approx(19 / RATE)


def test_noise_of_a_resting_object_is_smoothed_and_its_velocity_is_none():
    generator = np.random.default_rng(0)
    true = np.array([0.2, -0.1, 0.9])
    measured = true + generator.normal(0, 0.003, (300, 3))
    tracks = follow(Tracker(), [[seen(place)] for place in measured])
    filtered = np.array([track.position for (track,) in tracks[60:]])
    assert filtered.std(axis=0).max() < 0.65 * measured[60:].std(axis=0).min()
    assert np.abs(filtered.mean(axis=0) - true).max() < 0.0005
    assert np.abs([track.velocity for (track,) in tracks[60:]]).max() < 0.1


def test_a_thing_that_is_one_region_with_its_neighbour_for_some_images_is_soon_at_its_place_again():
    generator = np.random.default_rng(2)
    true = np.array([0.2, -0.1, 0.9]) + np.outer(0.003 * np.sin(np.arange(300) / 15), [1, 0, 0])  # as the view changes
    measured = true + generator.normal(0, 0.0006, (300, 3))
    measured[150:156, 0] += 0.02
    tracks = follow(Tracker(), [[seen(place)] for place in measured])
    assert {track.id for (track,) in tracks if track} == {1}
    errors = np.abs(np.array([track.position for (track,) in tracks[2:]]) - true[2:])
    # With the noise of outlines in every image, not only in those that need it, 2.2 mm.
    assert errors[168:].max() < 0.0015 and errors[58:148].max() < 0.0015


def test_the_velocity_of_a_moving_object_is_found_and_lies_within_its_covariance():
    generator = np.random.default_rng(1)
    velocity = np.array([0.6, 0.0, -0.3])
    paths = [np.array([-0.5, 0, 2.0]) + velocity * number / RATE for number in range(60)]
    tracks = follow(Tracker(), [[seen(place + generator.normal(0, 0.004, 3))] for place in paths])
    last = tracks[-1][0]
    error = np.concatenate([last.position - paths[-1], last.velocity - velocity])
    assert np.abs(error[:3]).max() < 0.01 and np.abs(error[3:]).max() < 0.1
    assert error @ np.linalg.solve(last.covariance, error) < 22.5  # chi² of 6 degrees of freedom, 99.9 %


def test_two_objects_that_pass_each_other_keep_their_numbers():
    frames = []
    for number in range(90):
        across = -0.5 + number / 90
        frames.append([seen((across, 0.02, 1.0)), seen((-across, -0.02, 1.1))][:: 1 if number % 2 else -1])
    tracks = follow(Tracker(), frames)
    numbers = [[track.id for track in (found if number % 2 else found[::-1])] for number, found in enumerate(tracks)
               if number >= CONFIRMED_AFTER]  # fmt: skip
    assert len({tuple(pair) for pair in numbers}) == 1


@pytest.mark.parametrize(("seconds", "same"), [(0.5, True), (0.95, True), (1.5, False)])
def test_an_object_behind_another_for_up_to_a_second_keeps_its_number(seconds, same):
    velocity = np.array([0.3, 0.0, 0.0])
    gone = range(60, 60 + round(seconds * RATE))
    frames = [[] if number in gone else [seen(np.array([-0.5, 0, 1.5]) + velocity * number / RATE)]
              for number in range(140)]  # fmt: skip
    tracks = follow(Tracker(), frames)
    before, after = tracks[59][0], tracks[-1][0]
    assert (before.id == after.id) == same


def test_a_class_that_flickers_does_not_cost_the_number_but_a_place_too_far_away_does():
    tracker = Tracker()
    frames = [[seen((0, 0, 1), class_id=1 + (number % 5 == 0))] for number in range(30)]
    assert {track.id for (track,) in follow(tracker, frames)[5:]} == {1}
    far = [tracker.update([seen((0.5, 0, 1))], 11.0 + number / RATE, SIZE) for number in range(5)]
    assert far[-1][0].id == 2


def test_of_two_near_places_the_one_of_like_size_is_taken():
    tracker = Tracker()
    follow(tracker, [[seen((0, 0, 1), extent=(0.2, 0.1, 0.1))]] * 10)
    small, large = seen((0.006, 0, 1), extent=(0.03, 0.02, 0.02)), seen((-0.006, 0, 1), extent=(0.2, 0.1, 0.1))
    found = tracker.update([small, large], 10.0 + 10 / RATE, SIZE)
    assert found[0] is None and found[1].id == 1


def test_a_thing_that_is_one_region_with_its_neighbour_in_some_images_keeps_its_number():
    apart = [seen((0, 0, 1), extent=(0.06, 0.02, 0.02)), seen((0.07, 0, 1), extent=(0.06, 0.02, 0.02))]
    together = [seen((0.035, 0, 1), extent=(0.13, 0.02, 0.02))]
    frames = [apart] * 15 + [together if number % 3 else apart for number in range(60)] + [apart] * 15
    tracks = follow(Tracker(), frames)
    first = tracks[10]
    assert [track.id for track in tracks[-1]] == [track.id for track in first]
    assert {track.id for found in tracks for track in found if track} == {track.id for track in first}


def test_for_a_camera_that_moves_a_resting_object_rests_in_the_frame_of_the_motion():
    tracker = Tracker()
    for number in range(60):
        angle = 0.02 * number
        rotation = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
        motion = Motion(rotation, np.array([0.01 * number, 0, 0]))
        in_camera = rotation.T @ (np.array([0.3, 0.1, 2.0]) - motion.translation)
        (track,) = tracker.update([seen(in_camera)], number / RATE, SIZE, motion)
    assert np.allclose(track.position, (0.3, 0.1, 2.0), atol=1e-6)
    assert np.abs(track.velocity).max() < 1e-4


def test_what_the_border_cuts_is_trusted_less():
    whole, cut = (follow(Tracker(), [[seen((0, 0, 1), box=box)]] * 10)[-1][0] for box in
                  ((100, 100, 50, 50), (0, 100, 50, 50)))  # fmt: skip
    assert np.trace(cut.covariance[:3, :3]) > 4 * np.trace(whole.covariance[:3, :3])


def test_objects_without_a_pose_are_not_tracked_and_disturb_no_other():
    tracks = follow(Tracker(), [[seen(None), seen((0, 0, 1))]] * 10)
    assert tracks[-1][0] is None and tracks[-1][1].id == 1


def test_a_clock_that_is_set_back_ends_the_tracks_and_no_number_is_given_twice():
    tracker = Tracker()
    follow(tracker, [[seen((0, 0, 1))]] * 10)
    again = follow(tracker, [[seen((0, 0, 1))]] * 10, start=2.0)
    assert again[0] == [None] and again[-1][0].id == 2


def test_nothing_seen_is_no_trouble():
    assert follow(Tracker(), [[], [], [seen((0, 0, 1))], []])[-1] == []


def test_thirty_objects_take_about_a_millisecond_of_the_processor():
    generator = np.random.default_rng(2)
    places = generator.uniform((-1, -1, 1), (1, 1, 3), (30, 3))
    frames = [[seen(place) for place in places + generator.normal(0, 0.003, (30, 3))] for _ in range(60)]
    tracker = Tracker()
    tracker.update(frames[0], 0.0, SIZE)
    times = []
    for number, objects in enumerate(frames[1:], 1):
        began = time.thread_time()
        tracker.update(objects, number / RATE, SIZE)
        times.append(time.thread_time() - began)
    print(f"{np.median(times) * 1e3:.2f} ms for 30 objects")
    assert np.median(times) < 0.003  # 1 ms on a machine that does nothing else
