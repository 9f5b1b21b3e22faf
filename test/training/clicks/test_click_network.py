"""The click network is run on the whole image, then closer; its files are checked."""

import hashlib

import numpy as np
import openvino
import pytest
import yaml
from openvino import opset13 as ops

from rt_seg_training.clicks.click_model import ClickModelError, connected_to_clicks
from rt_seg_training.clicks.click_network import ClickNetwork, View, view_around
from rt_seg_training.clicks.installed_model import open_click_model
from rt_seg_training.clicks.simulated_clicks import Click

SIZE = (32, 48)


@pytest.fixture()
def bright(tmp_path):
    """A network that takes what is bright for the region, but for discs of clicks that take away; half the size."""
    image = ops.parameter([1, *SIZE, 3], np.uint8, name="image")
    guide = ops.parameter([1, *SIZE, 3], np.float32, name="guide")
    red = ops.slice(ops.convert(image, "f32"), [0], [1], [1], [3])
    away = ops.slice(guide, [1], [2], [1], [3])
    logits = ops.subtract(ops.divide(red, np.float32(10)), np.float32(12))
    logits = ops.subtract(logits, ops.multiply(away, np.float32(90)))
    small = ops.slice(logits, [0, 0], [SIZE[0], SIZE[1]], [2, 2], [1, 2])
    folder = tmp_path / "click"
    folder.mkdir()
    openvino.save_model(openvino.Model([small], [image, guide], "bright"), folder / "model.xml", compress_to_fp16=False)
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("model.xml", "model.bin")}
    (folder / "click.yaml").write_text(yaml.safe_dump({"height": SIZE[0], "width": SIZE[1], "files": files}))
    return folder


def image():
    picture = np.zeros((240, 320, 3), np.uint8)
    picture[50:80, 60:100] = 250
    picture[150:220, 200:300] = 250
    return picture


def test_a_click_gives_the_region_finer_than_the_network_sees_the_whole_image(bright):
    truth = np.zeros((240, 320), bool)
    truth[50:80, 60:100] = True

    def found(looks):
        mask = ClickNetwork(bright, looks).mask(image(), [Click(80, 65)])
        assert not mask[150:220, 200:300].any(), "nobody clicked there"
        return (mask & truth).sum() / (mask | truth).sum()

    assert found(3) > max(0.9, found(1))


def test_a_second_click_adds_a_part_and_one_that_takes_away_is_obeyed(bright):
    network = ClickNetwork(bright)
    clicks = [Click(80, 65), Click(250, 180)]
    both = network.mask(image(), clicks, network.mask(image(), clicks[:1]))
    assert both[65, 80] and both[180, 250]
    less = network.mask(image(), [*clicks, Click(250, 180, False)], both)
    assert less[65, 80] and not less[180, 250]


def test_the_package_s_network_is_found_among_the_models_of_the_user(bright, monkeypatch):
    monkeypatch.setenv("RT_SEG_MODELS", str(bright.parent))
    assert open_click_model().description == "click network click (48x32)"


def test_files_that_were_changed_are_refused(bright):
    with (bright / "model.xml").open("a") as file:
        file.write(" ")
    with pytest.raises(ClickModelError, match=r"model.xml: not the file of click.yaml"):
        ClickNetwork(bright)


def test_views_are_in_the_image_around_the_box_and_no_closer_than_wanted():
    assert view_around((100, 100, 110, 110), (480, 640), 1.4, 0.15) == View(54, 69, 101, 72)
    assert view_around((0, 0, 600, 470), (480, 640), 1.4, 0.15) == View(0, 0, 640, 480)
    corner = view_around((0, 0, 10, 10), (480, 640), 1.4, 0.15)
    assert (corner.left, corner.top) == (0, 0)


def test_only_parts_that_were_clicked_stay():
    mask = np.zeros((20, 20), bool)
    mask[2:6, 2:6] = mask[10:16, 10:16] = True
    assert connected_to_clicks(mask, [Click(3, 3)]).sum() == 16
    assert connected_to_clicks(mask, [Click(18, 3)]).sum() == mask.sum()
