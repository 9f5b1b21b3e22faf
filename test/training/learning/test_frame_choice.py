"""Frames to label next: unsure ones, and no two alike."""

import numpy as np
import pytest

from rt_seg_training.learning.frame_choice import choose_frames


def groups():
    """Three groups of ten frames that look alike, in directions of their own; the doubt grows within each."""
    random = np.random.default_rng(0)
    features = np.repeat(np.eye(3), 10, axis=0) + random.normal(0, 0.01, (30, 3))
    doubt = np.tile(np.linspace(0.1, 0.5, 10), 3)
    return doubt, features


def test_the_first_is_the_most_unsure_and_the_next_ones_are_unlike_it():
    doubt, features = groups()
    doubt[17] = 0.9
    chosen = choose_frames(doubt, features, 3)
    assert chosen[0] == 17 and {index // 10 for index in chosen} == {0, 1, 2}
    assert all(index % 10 > 5 for index in chosen), "of each group an unsure one"


def test_what_looks_like_labelled_frames_comes_last():
    doubt, features = groups()
    chosen = choose_frames(doubt, features, 2, known=features[:3])
    assert {index // 10 for index in chosen} == {1, 2}


def test_frames_that_the_model_knows_are_not_looked_at_however_different():
    doubt, features = np.full(40, 0.5), np.tile([1.0, 0.0], (40, 1))
    doubt[7], features[7] = 0.001, (0.0, 1.0)
    assert 7 not in choose_frames(doubt, features, 3)


def test_no_frame_comes_twice_and_fewer_are_fewer():
    assert sorted(choose_frames(np.zeros(4), np.ones((4, 2)), 9)) == [0, 1, 2, 3]


def test_arrays_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="inconsistent"):
        choose_frames(np.zeros(3), np.zeros((4, 2)), 1)
