"""The image of camera, mask and overlay."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from rt_seg.labels import load_labels
from rt_seg.products.snapshot import compose_snapshot, write_png

LABELS = load_labels(Path(__file__).parents[3] / "config" / "labels" / "camvid.yaml")


@pytest.mark.parametrize("width", [160, 640])
def test_panels_stand_side_by_side_unchanged_above_caption_and_legend(width):
    panels = [(f"panel {i}", np.full((100, width, 3), 40 * i, np.uint8)) for i in range(3)]
    picture = compose_snapshot(panels, "3 masks – 30 Hz", LABELS)
    assert picture.shape[1] == 3 * width and picture.dtype == np.uint8
    for i in range(3):
        assert (picture[28:128, i * width : (i + 1) * width] == 40 * i).all()
    legend = picture[156:].reshape(-1, 3)
    for label in LABELS.labels:
        assert (legend == label.color).all(axis=1).sum() >= 100, label.name


def test_the_file_appears_whole_with_the_colours_kept(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    path = tmp_path / "new" / "snapshot.png"
    write_png(path, image)
    assert np.array_equal(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB), image)
    assert [entry.name for entry in path.parent.iterdir()] == ["snapshot.png"]
