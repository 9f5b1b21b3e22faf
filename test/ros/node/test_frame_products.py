"""The products of one image."""

from types import SimpleNamespace

import numpy as np
import pytest
import rospy
from std_msgs.msg import Header

from rt_seg.camera_image import CameraDepth, CameraImage
from rt_seg.cameras.frame import Intrinsics
from rt_seg.labels import Label, LabelSet
from rt_seg.products.class_filter import ClassFilter
from rt_seg.products.kept_geometry import ClassSelection
from rt_seg.products.overlay import Palette
from rt_seg.ros.node.adjustable_settings import AdjustableSettings
from rt_seg.ros.node.frame_products import FrameProducts, Inputs, Memory, Plan

LABELS = LabelSet((Label(0, "background", (0, 0, 0)), Label(1, "peg", (9, 9, 9))))
CAMERA = Intrinsics(64, 48, 60.0, 60.0, 31.5, 23.5)


def products(memory, stamp, **settings):
    """Of a flat peg, a metre away."""
    plan = Plan(SimpleNamespace(labels=LABELS), AdjustableSettings(**settings), Palette(LABELS), ClassFilter(LABELS),
                ClassSelection(LABELS, drop="peg"), frozenset(), (0, 1))  # fmt: skip
    mask = np.zeros((48, 64), np.uint8)
    mask[10:30, 10:40] = 1
    inputs = Inputs(Header(stamp=stamp, frame_id="optical"), CameraImage(np.zeros((48, 64, 3), np.uint8)),
                    intrinsics=CAMERA, depth_image=CameraDepth(np.full((48, 64), 1000, np.uint16)))  # fmt: skip
    return FrameProducts(plan, inputs, mask, None, None, memory)


@pytest.mark.parametrize("first", [0, 100])
def test_objects_are_tracked_unless_their_images_have_no_stamp(monkeypatch, first):
    warnings = []
    monkeypatch.setattr(rospy, "logwarn_once", warnings.append)
    memory = Memory()
    for number in range(5):
        found = products(memory, rospy.Time.from_sec(first + number / 30) if first else rospy.Time()).objects
    assert len(found.objects) == 1
    assert [track and track.id for track in found.tracks] == [1 if first else None]
    assert set(warnings) == (set() if first else {"images are stamped 0: objects are not tracked"})


@pytest.mark.parametrize("stride", [1, 5, 47, 64])
def test_kept_points_are_those_of_the_stride_that_is_set(stride):
    kept = products(Memory(), rospy.Time(1), cloud_stride=stride, margin=0).points_kept
    expected = np.ones((48, 64), bool)
    expected[10:30, 10:40] = False
    assert len(kept) == np.count_nonzero(expected[::stride, ::stride])
