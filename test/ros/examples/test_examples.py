"""What the example nodes make of messages."""

import math

import numpy as np
import pytest
from geometry_msgs.msg import Point, Pose, Quaternion
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from rt_seg.msg import ClassStatistic, ClassStatistics, LabelClass, LabelInfo, SegmentedObject, SegmentedObjects
from rt_seg.ros.examples.build_octomap import BuildOctomapSettings, Mapper, output_path, places
from rt_seg.ros.examples.follow_object import Follower, FollowObjectSettings
from rt_seg.ros.examples.grasp_candidates import GraspCandidatesSettings, candidates
from rt_seg.ros.examples.model_classes import ModelClasses
from rt_seg.ros.examples.stop_zone import StopZone, StopZoneSettings
from rt_seg.settings import SettingsError


def statistics(**nearest):
    return ClassStatistics(Header(), [ClassStatistic(1, name, 0.1, 1.0, z, z) for name, z in nearest.items()])


def test_the_zone_stops_for_its_classes_goes_on_later_than_it_stops_and_stops_when_nothing_comes():
    zone = StopZone(StopZoneSettings(classes="person", stop_at=0.8, go_at=1.0, timeout=0.5))
    assert zone.stop(0.0)
    answers = []
    for now, message in enumerate((statistics(person=2.0, wall=0.1), statistics(person=0.7), statistics(person=0.9),
                                   statistics(person=1.1), statistics(person=math.nan), statistics())):  # fmt: skip
        zone.update(message, float(now))
        answers.append(zone.stop(now + 0.1))
    assert answers == [False, True, True, False, True, False]
    assert zone.stop(5.6)


def test_the_zone_stops_for_a_class_that_is_there_without_a_depth_reading_unless_it_is_too_small_to_count():
    zone = StopZone(StopZoneSettings(classes="person", min_share=0.2))
    zone.update(statistics(person=math.nan), 0.0)  # a tenth of the pixels
    assert not zone.stop(0.1)
    zone = StopZone(StopZoneSettings(classes="person"))
    zone.update(statistics(person=2.0), 0.0)
    zone.update(statistics(person=math.nan), 0.1)
    assert zone.stop(0.2)


def test_the_zone_stops_while_the_model_lacks_one_of_its_classes():
    zone = StopZone(StopZoneSettings(classes="person,block"))
    zone.update(statistics(block=2.0), 0.0)
    zone.set_missing(["person"])
    assert zone.stop(0.1)
    zone.set_missing([])
    assert not zone.stop(0.1)


def test_a_class_that_the_model_lacks_is_an_error_with_its_classes_and_what_to_do(monkeypatch):
    errors = []
    monkeypatch.setattr("rospy.logerr", errors.append)
    classes = ModelClasses(["person", "block"], "classes", "stop is published")
    info = LabelInfo(
        model="tabletop 1.0.0", class_map=[LabelClass(class_name="background"), LabelClass(class_name="block")]
    )
    assert classes.missing(info) == ["person"]
    assert errors == ["tabletop 1.0.0 has no class person; stop is published. Its classes are background, block: set "
                      "~classes to one of them, or load a model with this class"]  # fmt: skip
    info.class_map.append(LabelClass(class_name="person"))
    assert classes.missing(info) == [] and len(errors) == 1


def test_labels_that_never_come_are_a_warning(monkeypatch):
    warnings = []
    monkeypatch.setattr("rospy.logwarn", warnings.append)
    classes = ModelClasses(["person"], "classes", "stop is published")
    classes.warn_unchecked("/relay/labels")
    assert "no class names on /relay/labels" in warnings[0] and "person" in warnings[0]
    monkeypatch.setattr("rospy.logerr", lambda text: None)
    classes.missing(LabelInfo())
    classes.warn_unchecked("/relay/labels")
    ModelClasses([], "classes", "").warn_unchecked("/relay/labels")
    assert len(warnings) == 1


def test_the_classes_are_those_of_the_node_whose_result_is_read_without_a_second_remapping(monkeypatch):
    subscribed, told = [], []
    monkeypatch.setattr("rospy.resolve_name", {"statistics": "/left/segmentation/statistics"}.get)
    monkeypatch.setattr(
        "rospy.Subscriber", lambda topic, kind, callback, **options: subscribed.append((topic, callback))
    )
    monkeypatch.setattr("rospy.logerr", lambda text: None)
    ModelClasses(["person"], "classes", "stop is published").watch("statistics", told.append)
    ((topic, callback),) = subscribed
    callback(LabelInfo())
    assert (topic, told) == ("/left/segmentation/labels", [["person"]])


def tracked(track, z, name="thing", x=0.0):
    return SegmentedObject(class_name=name, track_id=track, track_position=Point(x, 0.0, z))


def test_it_follows_the_nearest_and_stays_with_it_and_stands_when_it_is_gone():
    follower = Follower(FollowObjectSettings(distance=1.0))
    assert follower.velocities(0.0) == (0.0, 0.0)
    follower.update(SegmentedObjects(objects=[tracked(1, 5.0), tracked(2, 3.0, x=1.0), tracked(3, 0.5, "dog")]), 0.0)
    speed, turn = follower.velocities(0.1)
    assert speed > 0 > turn
    follower.update(SegmentedObjects(objects=[tracked(1, 0.3, x=-1.0), tracked(2, 3.0, x=1.0)]), 0.2)
    assert follower.velocities(0.3)[1] < 0  # still the second, though the first is nearer now
    follower.update(SegmentedObjects(objects=[tracked(1, 0.3, x=-1.0)]), 0.4)
    assert follower.velocities(0.5)[1] < 0
    assert follower.velocities(0.9) == (0.0, 0.0)
    follower.update(SegmentedObjects(objects=[tracked(1, 3.0, x=-1.0)]), 1.0)
    assert follower.velocities(1.1)[1] > 0


def test_candidates_point_at_the_objects_of_the_class_nearest_first():
    flip = Quaternion(1.0, 0.0, 0.0, 0.0)  # half a turn about x: the normal points at the camera
    objects = [
        SegmentedObject(class_name=name, has_pose=posed, pose=Pose(Point(0.1, 0.0, z), flip))
        for name, z, posed in (("hole", 2.0, True), ("hole", 1.0, True), ("peg", 0.5, True), ("hole", 0.2, False))
    ]
    at, before = candidates(
        SegmentedObjects(header=Header(frame_id="optical"), objects=objects), GraspCandidatesSettings()
    )
    assert at.header.frame_id == "optical"
    assert [pose.position.z for pose in at.poses] == [1.0, 2.0]
    assert [pose.position.z for pose in before.poses] == pytest.approx([0.9, 1.9])
    q = at.poses[0].orientation
    z_axis = (2 * (q.x * q.z + q.w * q.y), 2 * (q.y * q.z - q.w * q.x), 1 - 2 * (q.x**2 + q.y**2))
    np.testing.assert_allclose(z_axis, (0, 0, 1), atol=1e-9)


def test_candidates_are_nearest_to_the_camera_first_wherever_the_frame_begins():
    objects = [SegmentedObject(class_name="hole", has_pose=True, pose=Pose(Point(x, 0.0, 0.0), Quaternion(w=1.0)))
               for x in (1.0, 3.0, 8.0)]  # fmt: skip
    message = SegmentedObjects(header=Header(frame_id="map"), camera=Point(5.0, 0.0, 1.0), objects=objects)
    at, _ = candidates(message, GraspCandidatesSettings())
    assert [pose.position.x for pose in at.poses] == [3.0, 8.0, 1.0]


def cloud(points, names="xyz", **changes):
    """Points with a field of something else before them, as a cloud of 16 bytes a point."""
    fields = [PointField(name, 4 * (number + 1), PointField.FLOAT32, 1) for number, name in enumerate(names)]
    data = np.insert(np.asarray(points, "<f4"), 0, 7.0, axis=1).tobytes()
    header = Header(frame_id="optical")
    return PointCloud2(header=header, height=1, width=len(points), fields=fields, point_step=16,
                       row_step=16 * len(points), data=data, **changes)  # fmt: skip


def test_places_are_read_wherever_they_lie_in_a_point_and_what_has_none_is_left_out():
    np.testing.assert_array_equal(places(cloud([(1, 2, 3), (math.nan, 0, 1), (4, 5, 6)])), [(1, 2, 3), (4, 5, 6)])
    for wrong in (cloud([(1, 2, 3)], "xyw"), cloud([(1, 2, 3)], is_bigendian=True)):
        with pytest.raises(ValueError, match="needs little-endian float32 x, y and z"):
            places(wrong)


def test_without_a_frame_the_map_is_of_the_latest_cloud_alone_and_one_is_taken_each_period():
    pytest.importorskip("pyoctomap", reason="OctoMap is not installed: pip install pyoctomap")
    mapper = Mapper(BuildOctomapSettings(resolution=0.1, period=0.5))
    cells = mapper.update(cloud([(0.05, 0.05, 1.05)]), 0.0)
    assert (cells.header.frame_id, cells.width, [field.name for field in cells.fields]) == ("optical", 1, list("xyz"))
    assert mapper.update(cloud([(0.05, 0.05, 2.05)]), 0.4) is None
    np.testing.assert_allclose(places(mapper.update(cloud([(0.05, 0.05, 2.05)]), 0.6)), [(0.05, 0.05, 2.05)], atol=1e-6)


def test_a_map_is_written_in_the_callers_folder_and_one_that_cannot_be_is_refused_at_the_start(tmp_path, monkeypatch):
    monkeypatch.setenv("PWD", str(tmp_path))  # roslaunch starts its nodes elsewhere
    assert output_path("maps/room.bt") == tmp_path / "maps" / "room.bt"
    assert not list((tmp_path / "maps").iterdir())
    (tmp_path / "file").touch()
    for wrong, reason in (("file/room.bt", "cannot be written"), ("maps", "is a folder")):
        with pytest.raises(SettingsError, match=f"output: {tmp_path / wrong} {reason}"):
            output_path(wrong)
