"""Products of a segmentation as ROS messages."""

from __future__ import annotations

import math
from typing import List, Sequence

import numpy as np
from geometry_msgs.msg import Point, Pose, Quaternion, Transform, TransformStamped, Vector3
from sensor_msgs.msg import PointCloud2, PointField, RegionOfInterest
from std_msgs.msg import ColorRGBA, Header
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import Marker, MarkerArray

from rt_seg import msg
from rt_seg.labels import LabelSet
from rt_seg.products.label_layout import spread
from rt_seg.products.objects import SegmentedObject
from rt_seg.products.statistics import ClassStatistic
from rt_seg.ros.array_messages import ArrayCloud, bytes_of
from rt_seg.ros.node.frame_products import FoundObjects
from rt_seg.ros.node.rotations import quaternion

MARKER_ALPHA = 0.45
TEXT_HEIGHT = 0.022
"""Metres: readable in RViz at the distances of a tabletop."""
TEXT_ASPECT = 0.55
"""Width of a letter in RViz's font, in its height."""
TEXT_LINE = 1.3
"""Distance of two texts above each other, in their height."""
TEXT_BEFORE = 0.1
"""Metres from the middle of an object to its name, towards the camera: past its surface, and what stands near."""


def _field_type(name: str, kind: np.dtype) -> int:
    # `rgb` is declared as a float, whose bits hold 0x00RRGGBB: what PCL and RViz expect.
    return PointField.UINT32 if kind.kind == "u" and name != "rgb" else PointField.FLOAT32


def point_cloud_message(points: np.ndarray, header: Header) -> PointCloud2:
    """An organised cloud, (H, W) of `point_type`, or an unorganised one without NaN, (n,), as PointCloud2 with the
    fields of the type."""
    height, width = points.shape if points.ndim == 2 else (1, len(points))
    places = points.dtype.fields
    return ArrayCloud(
        header=header,
        height=height,
        width=width,
        fields=[PointField(name, places[name][1], _field_type(name, places[name][0]), 1) for name in places],
        is_bigendian=False,
        point_step=points.dtype.itemsize,
        row_step=points.dtype.itemsize * width,
        is_dense=points.ndim == 1,
        data=bytes_of(points),
    )


def statistics_message(statistics: Sequence[ClassStatistic], labels: LabelSet, header: Header) -> msg.ClassStatistics:
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


def pose_message(item: SegmentedObject) -> Pose:
    """Where an object is; at the origin, without a turn, where that is not known."""
    if item.pose is None:
        return Pose(Point(), Quaternion(0.0, 0.0, 0.0, 1.0))
    return Pose(Point(*item.pose.centroid), quaternion(item.pose.axes))


def objects_message(found: FoundObjects, labels: LabelSet) -> msg.SegmentedObjects:
    """Objects of one image."""
    message = msg.SegmentedObjects(header=found.header, camera=Point(*found.camera))
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


def distance(first: Point, second: Point) -> float:
    """Metres between two points of one frame, such as the camera of SegmentedObjects and an object."""
    return math.sqrt((first.x - second.x) ** 2 + (first.y - second.y) ** 2 + (first.z - second.z) ** 2)


def object_frames_message(found: FoundObjects, prefix: str = "") -> TFMessage:
    """A frame `<prefix>object_<track id>` for each tracked object, at its filtered position, turned as its pose."""
    return TFMessage(
        [
            TransformStamped(
                found.header,
                f"{prefix}object_{track.id}",
                Transform(Vector3(*track.position), quaternion(item.pose.axes)),
            )
            for item, track in zip(found.objects, found.tracks)
            if track is not None and item.pose is not None
        ]
    )


def marker_message(found: FoundObjects, labels: LabelSet) -> MarkerArray:
    """Objects with a pose as boxes in the colours of their classes, with names and distances, for RViz.

    The texts lie before the objects, and as the camera sees them none covers another.
    """
    header = found.header
    # The first marker removes those of the image before.
    markers: List[Marker] = [Marker(header=header, action=Marker.DELETEALL)]
    placed = [(item, item.pose, track) for item, track in zip(found.objects, found.tracks) if item.pose is not None]
    sights = np.array([pose.centroid for _, pose, _ in placed], dtype=float).reshape(-1, 3) - found.camera
    texts = [
        f"{labels.names[item.class_id]}{'' if track is None else f' {track.id}'} {np.linalg.norm(sight):.2f} m"
        for (item, _, track), sight in zip(placed, sights)
    ]
    text_places = found.camera + _text_places(sights, texts, is_optical=not np.any(found.camera))
    for number, ((item, place, _), text, text_place) in enumerate(zip(placed, texts, text_places)):
        red, green, blue = (value / 255.0 for value in labels.labels[item.class_id].color)
        # RViz does not draw a box without thickness, such as that of a plane.
        box = Vector3(*(max(size, 0.002) for size in place.extent))
        color = ColorRGBA(red, green, blue, MARKER_ALPHA)
        pose = pose_message(item)
        markers.append(
            Marker(header=header, ns="boxes", id=number, type=Marker.CUBE, pose=pose, scale=box, color=color)
        )
        markers.append(
            Marker(
                header=header,
                ns="names",
                id=number,
                type=Marker.TEXT_VIEW_FACING,
                pose=Pose(Point(*text_place), Quaternion(0.0, 0.0, 0.0, 1.0)),
                scale=Vector3(0.0, 0.0, TEXT_HEIGHT),
                color=ColorRGBA(1.0, 1.0, 1.0, 1.0),
                text=text,
            )
        )
    return MarkerArray(markers)


def _text_places(sights: np.ndarray, texts: Sequence[str], is_optical: bool) -> np.ndarray:
    """(N, 3) metres from the camera: the middle of each text about objects at `sights` (N, 3) from the camera, in an
    optical frame (y down) or another one (z up, REP 103)."""
    if not len(sights):
        return sights
    forward = sights.mean(axis=0)
    forward /= max(float(np.linalg.norm(forward)), 1e-6)
    down = np.array([0.0, 1.0, 0.0] if is_optical else [0.0, 0.0, -1.0])
    right = np.cross(down, forward)
    if np.linalg.norm(right) < 1e-3:  # straight up or down: any direction will do
        right = np.array([1.0, 0.0, 0.0])
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(forward, right), forward])
    distances = np.linalg.norm(sights, axis=1, keepdims=True)
    x, y, depths = np.hsplit((sights * np.maximum(1.0 - TEXT_BEFORE / np.maximum(distances, 1e-6), 0.3)) @ axes.T, 3)
    depths = np.maximum(depths, 1e-3)
    widths = np.array([len(text) * TEXT_ASPECT for text in texts]).reshape(-1, 1)
    sizes = TEXT_HEIGHT * np.hstack([widths, np.full_like(widths, TEXT_LINE)]) / depths
    seen = spread(np.hstack([x, y]) / depths, sizes)
    return np.hstack([seen * depths, depths]) @ axes
