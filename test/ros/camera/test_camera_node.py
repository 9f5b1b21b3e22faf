"""The camera node without a master."""

import pytest

from rt_seg.cameras.errors import CameraSettingError
from rt_seg.ros.camera import camera_node
from rt_seg.ros.camera.camera_node import CameraSettings


class Diagnostics:
    """Whether the diagnostics go on."""

    def __init__(self, camera):
        self.running = True
        started.append(self)

    def stop(self):
        self.running = False

    def opened(self, description):
        pass

    def saw(self, frame):
        pass


class Publisher:
    def __init__(self, camera):
        pass

    def place(self, placement):
        pass

    def publish(self, frame, calibrated):
        pass


class Clip:
    """A source that ends after a frame."""

    description, color_placement = "a clip", None

    def __iter__(self):
        yield object()

    def close(self):
        pass


def refuse(settings, reset_first):
    raise CameraSettingError("fps: 0 cannot be meant")


def break_down(settings, reset_first):
    raise RuntimeError("of a kind that nobody expected")


started = []


@pytest.fixture(autouse=True)
def parts(monkeypatch):
    started.clear()
    monkeypatch.setattr(camera_node, "CameraDiagnostics", Diagnostics)
    monkeypatch.setattr(camera_node, "CameraPublisher", Publisher)
    monkeypatch.setattr(camera_node.rospy, "is_shutdown", lambda: False)


def test_when_a_clip_has_ended_the_diagnostics_end_too():
    camera_node.run(CameraSettings(), lambda settings, reset_first: Clip())
    assert [diagnostics.running for diagnostics in started] == [False]


@pytest.mark.parametrize("source, error", [(refuse, CameraSettingError), (break_down, RuntimeError)])
def test_on_an_error_the_diagnostics_end_too(source, error):
    with pytest.raises(error):
        camera_node.run(CameraSettings(), source)
    assert [diagnostics.running for diagnostics in started] == [False]
