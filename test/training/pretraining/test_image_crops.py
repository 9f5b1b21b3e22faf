"""Crops of folders of images."""

import itertools

import cv2
import numpy as np
import pytest

from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.pretraining.image_crops import crops, find_images, random_crop


@pytest.mark.parametrize(("height", "width"), [(64, 64), (90, 200), (300, 70)])
def test_a_crop_has_its_size_whatever_that_of_the_image(height, width):
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (height, width, 3), np.uint8)
    for _ in range(20):
        crop = random_crop(image, 64, random)
        assert crop.shape == (64, 64, 3) and crop.dtype == np.uint8


def test_every_image_comes_once_a_round_and_the_seed_decides_the_crops(tmp_path):
    for level in (0, 100, 200):
        cv2.imwrite(str(tmp_path / f"{level}.png"), np.full((70, 80, 3), level, np.uint8))
    files = find_images([tmp_path])
    assert [path.name for path in files] == ["0.png", "100.png", "200.png"]
    first, again = (list(itertools.islice(crops(files, 64, 7), 6)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    for turn in (first[:3], first[3:]):
        means = sorted(crop.mean() for crop in turn)
        assert means[0] < 25 and means[1] < means[2] - 10


def test_a_folder_without_images_and_a_damaged_file_are_named(tmp_path):
    with pytest.raises(DatasetError, match="holds no image.*name a folder of images"):
        find_images([tmp_path])
    (tmp_path / "bad.jpg").write_bytes(b"nothing")
    with pytest.raises(DatasetError, match="bad.jpg"):
        next(crops(find_images([tmp_path]), 64, 0))
