"""Products of a segmentation as ROS messages."""
from __future__ import annotations

from typing import List, Sequence

import numpy as np
import rospy
from geometry_msgs.msg import Point, Pose, Quaternion, Transform, TransformStamped, Vector3
from sensor_msgs.msg import PointCloud2, PointField, RegionOfInterest
from std_msgs.msg import ColorRGBA, Header
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import Marker, MarkerArray

from rt_seg import msg
from rt_seg.bundle import Bundle
from rt_seg.labels import LabelSet
from rt_seg.products.objects import SegmentedObject
from rt_seg.products.statistics import ClassStatistic
from rt_seg.ros.node.frame_products import FoundObjects

MARKER_ALPHA = 0.45
TEXT_HEIGHT = 0.022
"""Metres: readable in RViz at the distances of a tabletop."""


def label_info_message(bundle: Bundle, stamp: rospy.Time, threshold: float) -> msg.LabelInfo:
    """The classes of a bundle as a message."""
    message = msg.LabelInfo(
        class_map=[msg.LabelClass(label.id, label.name, *label.color) for label in bundle.labels.labels],
        threshold=threshold,
        fingerprint=bundle.labels.fingerprint,
        model=f"{bundle.name} {bundle.version}",
    )
    message.header.stamp = stamp
    return message


def _field_type(name: str, kind: np.dtype) -> int:
    # `rgb` is declared as a float, whose bits hold 0x00RRGGBB: what PCL and RViz expect.
    return PointField.UINT32 if kind.kind == "u" and name != "rgb" else PointField.FLOAT32


def point_cloud_message(points: np.ndarray, header: Header) -> PointCloud2:
    """An organised cloud, (H, W) of `point_type`, or an unorganised one without NaN, (n,), as PointCloud2 with the
    fields of the type."""
    height, width = points.shape if points.ndim == 2 else (1, len(points))
    places = points.dtype.fields
    return PointCloud2(
        header=header,
        height=height,
        width=width,
        fields=[PointField(name, places[name][1], _field_type(name, places[name][0]), 1) for name in places],
        is_bigendian=False,
        point_step=points.dtype.itemsize,
        row_step=points.dtype.itemsize * width,
        is_dense=points.ndim == 1,
        data=points.tobytes(),
    )


def statistics_message(
    statistics: Sequence[ClassStatistic], labels: LabelSet, header: Header
) -> msg.ClassStatistics:
    """Statistics of the classes of one image."""
    return msg.ClassStatistics(
        header,
        [
            msg.ClassStatistic(
                item.class_id,
                labels.names[item.class_id],
                item.pixel_share,
                item.depth_share,
                item.depth_median,
                item.depth_nearest,
            )
            for item in statistics
        ],
    )


def quaternion(axes: np.ndarray) -> Quaternion:
    """Unit quaternion of a rotation matrix (3, 3) whose columns are the turned axes (Shepperd's method).

    The largest of the four components is found first: dividing by it never loses precision.
    """
    m = axes
    trace = m[0, 0] + m[1, 1] + m[2, 2]
    choice = int(np.argmax([m[0, 0], m[1, 1], m[2, 2], trace]))
    if choice == 3:
        values = [m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], 1.0 + trace]
    else:
        i, j, k = choice, (choice + 1) % 3, (choice + 2) % 3
        values = [0.0, 0.0, 0.0, m[k, j] - m[j, k]]
        values[i] = 1.0 - trace + 2.0 * m[i, i]
        values[j] = m[j, i] + m[i, j]
        values[k] = m[k, i] + m[i, k]
    x, y, z, w = np.array(values) / np.linalg.norm(values)
    return Quaternion(x, y, z, w)


def pose_message(item: SegmentedObject) -> Pose:
    """Where an object is; at the origin, without a turn, where that is not known."""
    if item.pose is None:
        return Pose(Point(), Quaternion(0.0, 0.0, 0.0, 1.0))
    return Pose(Point(*item.pose.centroid), quaternion(item.pose.axes))


def objects_message(found: FoundObjects, labels: LabelSet) -> msg.SegmentedObjects:
    """Objects of one image."""
    message = msg.SegmentedObjects(header=found.header)
    for item, track in zip(found.objects, found.tracks):
        left, top, width, height = item.box
        entry = msg.SegmentedObject(
            class_id=item.class_id,
            class_name=labels.names[item.class_id],
            confidence=item.confidence,
            box=RegionOfInterest(x_offset=left, y_offset=top, width=width, height=height),
            area=item.area,
            depth_share=item.depth_share,
            has_pose=item.pose is not None,
            pose=pose_message(item),
            extent=Vector3() if item.pose is None else Vector3(*item.pose.extent),
        )
        if track is not None:
            entry.track_id, entry.age = track.id, track.age
            entry.track_position, entry.velocity = Point(*track.position), Vector3(*track.velocity)
            entry.covariance = track.covariance.ravel().tolist()
        message.objects.append(entry)
    return message


def object_frames_message(found: FoundObjects) -> TFMessage:
    """A frame `object_<track id>` for each tracked object, at its filtered position, turned as its pose."""
    return TFMessage(
        [
            TransformStamped(
                found.header, f"object_{track.id}", Transform(Vector3(*track.position), quaternion(item.pose.axes))
            )
            for item, track in zip(found.objects, found.tracks)
            if track is not None and item.pose is not None
        ]
    )


def marker_message(found: FoundObjects, labels: LabelSet) -> MarkerArray:
    """Objects with a pose as boxes in the colours of their classes, with names and distances, for RViz."""
    header = found.header
    # The first marker removes those of the image before.
    markers: List[Marker] = [Marker(header=header, action=Marker.DELETEALL)]
    placed = [(item, item.pose, track) for item, track in zip(found.objects, found.tracks) if item.pose is not None]
    for number, (item, place, track) in enumerate(placed):
        label = labels.labels[item.class_id]
        red, green, blue = (value / 255.0 for value in label.color)
        # RViz does not draw a box without thickness, such as that of a plane.
        box = Vector3(*(max(size, 0.002) for size in place.extent))
        color = ColorRGBA(red, green, blue, MARKER_ALPHA)
        pose = pose_message(item)
        markers.append(
            Marker(header=header, ns="boxes", id=number, type=Marker.CUBE, pose=pose, scale=box, color=color)
        )
        sight = np.array(place.centroid) - found.camera
        distance = float(np.linalg.norm(sight))
        in_front = found.camera + sight * (1.0 - 0.03 / distance)  # of the box, not inside it
        markers.append(
            Marker(
                header=header,
                ns="names",
                id=number,
                type=Marker.TEXT_VIEW_FACING,
                pose=Pose(Point(*in_front), Quaternion(0.0, 0.0, 0.0, 1.0)),
                scale=Vector3(0.0, 0.0, TEXT_HEIGHT),
                color=ColorRGBA(1.0, 1.0, 1.0, 1.0),
                text=f"{label.name}{'' if track is None else f' {track.id}'} {distance:.2f} m",
            )
        )
    return MarkerArray(markers)
