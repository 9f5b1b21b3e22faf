"""Regions of labels, and the crops of them that a network learns from."""

import numpy as np

from rt_seg_training.clicks.regions import cut_out, regions_of


def label():
    mask = np.zeros((120, 160), np.uint8)
    mask[20:40, 20:50] = 1
    mask[60:90, 100:140] = 1
    mask[100:102, 0:3] = 2  # too small
    mask[:, 150:] = 255
    return mask


def test_regions_are_connected_of_one_class_and_neither_tiny_nor_the_background():
    regions = regions_of(label(), 255)
    assert sorted(int(region.mask.sum()) for region in regions) == [600, 1200]
    assert all(region.class_id == 1 and region.ignored.sum() == 1200 for region in regions)


def test_crops_show_their_region_at_the_size_of_the_network_and_keep_image_and_truth_together():
    image = np.zeros((120, 160, 3), np.uint8)
    region = regions_of(label(), 255)[0]
    image[region.mask] = 255
    random = np.random.default_rng(0)
    crops = [cut_out(image, region, (64, 96), random) for _ in range(30)]
    shares = []
    for crop in filter(None, crops):
        assert crop.image.shape == (64, 96, 3) and crop.truth.shape == crop.ignored.shape == (64, 96)
        assert np.mean((crop.image[..., 0] > 127) == crop.truth) > 0.97
        shares.append(crop.truth.mean())
    assert len(shares) > 25 and max(shares) > 3 * min(shares), "from afar and from near"
