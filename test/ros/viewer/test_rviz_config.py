"""RViz looks at the cameras at hand: topics, frame, windows."""

import json
from pathlib import Path

import pytest
import yaml

from rt_seg.ros.viewer.rviz_config import Framing, View, configure

TEMPLATES = Path(__file__).parents[3] / "rviz"
TEMPLATE = yaml.safe_load((TEMPLATES / "live.rviz").read_text())


def topics(config):
    keys = ("Image Topic", "Topic", "Marker Topic")
    return [display[key] for display in config["Visualization Manager"]["Displays"] for key in keys if key in display]


@pytest.mark.parametrize("name", ["live.rviz", "minimal.rviz"])
def test_with_the_names_of_the_template_nothing_but_the_windows_changes(name):
    template = yaml.safe_load((TEMPLATES / name).read_text())
    view = View("/camera/color/image_raw", "/segmentation")
    config = configure(template, [view], "camera_color_optical_frame")
    assert config["Visualization Manager"] == template["Visualization Manager"]


def test_every_topic_follows_camera_and_node():
    config = configure(TEMPLATE, [View("/mycam/rgb", "/robot1/segmentation")], "mycam_optical", Framing(2.0, 3.0))
    names = topics(config)
    assert "/mycam/rgb" in names
    assert all(name.startswith(("/mycam/", "/robot1/segmentation/")) for name in names)
    manager = config["Visualization Manager"]
    assert manager["Global Options"]["Fixed Frame"] == "mycam_optical"
    assert manager["Views"]["Current"]["Focal Point"]["Z"] == 2.0 and manager["Views"]["Current"]["Distance"] == 3.0
    assert "/camera/" not in json.dumps(config)


def test_each_of_several_cameras_has_its_overlay_legend_points_and_objects():
    views = [View(f"/{name}/color/image_raw", f"/{name}/segmentation", name) for name in ("left", "right")]
    config = configure(TEMPLATE, views, "base_link")
    names = topics(config)
    for name in ("left", "right"):
        ends = sorted({topic.rpartition("/")[2] for topic in names if topic.startswith(f"/{name}/")})
        assert ends == ["legend", "object_markers", "overlay", "points"]
    shown = [display["Name"] for display in config["Visualization Manager"]["Displays"]]
    assert len(set(shown)) == len(shown)


def test_each_image_has_a_window_of_its_own_side_by_side():
    config = configure(TEMPLATE, [View("/a/b", "/c")], "f")
    state = bytes.fromhex(config["Window Geometry"]["QMainWindow State"])
    places = [state.index(name.encode("utf-16-be")) for name in ("Camera", "Mask", "Overlay", "Classes")]
    assert places == sorted(places)
    assert set(config["Window Geometry"]) >= {"Camera", "Mask", "Overlay", "Classes"}
