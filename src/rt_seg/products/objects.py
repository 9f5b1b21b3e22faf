"""Objects out of a mask: connected regions with their place, size and orientation in space."""
from __future__ import annotations

from dataclasses import dataclass
from typing import AbstractSet, List, Optional, Tuple

import cv2
import numpy as np

from rt_seg.labels import LabelSet
from rt_seg.products.point_cloud import Rays

BACKGROUND = "background"
"""A class of this name makes no objects."""

OUTLIER_DEVIATIONS = 4.0
"""Depths farther than this many robust standard deviations from an object's median belong to what is behind it."""
LEAST_DEVIATION = 0.005
"""Metres. Keeps what a flat object shows of its own, however little its depths scatter."""
SAMPLES = 2048
"""Points at most of one object. With a depth noise of 5 mm the centroid's is a ninth of a millimetre."""
RING_WIDTH = 5
"""Pixels around an opening that show the surface it is in."""
LEAST_POINTS = 12


@dataclass(frozen=True)
class SpatialPose:
    """Where an object is, in the optical frame of the camera (x right, y down, z forward, metres)."""

    centroid: Tuple[float, float, float]
    """Mean of the visible pixels' points; of an opening, the middle of its outline in the surface around it."""
    axes: np.ndarray
    """(3, 3) float64, columns, right-handed: the longer and the shorter side of the smallest rectangle around the
    visible surface, and its normal, which points to the camera's side."""
    extent: Tuple[float, float, float]
    """Size along the axes, between the 2nd and the 98th percentile of the points."""


@dataclass(frozen=True)
class SegmentedObject:
    """One connected region of one class."""

    class_id: int
    confidence: float
    """Mean probability of the class over the region; NaN when no confidence was given."""
    box: Tuple[int, int, int, int]
    """Left, top, width, height in pixels."""
    area: int
    """Pixels."""
    depth_share: float
    """Share of the region's pixels with a depth, 0..1."""
    pose: Optional[SpatialPose]
    """None without a camera model or with too few depths."""


def find_objects(
    mask: np.ndarray,
    labels: LabelSet,
    least_area: int,
    depth: Optional[np.ndarray] = None,
    rays: Optional[Rays] = None,
    confidence: Optional[np.ndarray] = None,
    openings: AbstractSet[str] = frozenset(),
) -> List[SegmentedObject]:
    """Connected regions (8 neighbours) of every class but the background, largest first.

    Args:
        mask: (H, W) uint8 class ids.
        least_area: pixels below which a region is noise.
        depth: (H, W) float32 metres along the optical axis, NaN where unknown.
        rays: of the camera; poses need both depth and rays.
        confidence: (H, W) float32, probability of the class in `mask`.
        openings: names of classes that are holes. What is seen through a hole lies behind it, so its place is found
            in the plane of the surface around it.

    Raises ValueError when the images differ in size.
    """
    if rays is not None:
        rays.check(mask=mask, **({} if depth is None else {"depth": depth}))
    found = []
    for label in labels.labels:
        if label.name == BACKGROUND:
            continue
        region_of_class = cv2.compare(mask, label.id, cv2.CMP_EQ)
        if not cv2.countNonZero(region_of_class):
            continue
        count, regions, boxes, _ = cv2.connectedComponentsWithStats(region_of_class, connectivity=8)
        for index in range(1, count):
            left, top, width, height, area = (int(value) for value in boxes[index])
            if area < least_area:
                continue
            # A margin around the box: the ring of an opening lies outside it.
            rows = slice(max(top - RING_WIDTH, 0), top + height + RING_WIDTH)
            columns = slice(max(left - RING_WIDTH, 0), left + width + RING_WIDTH)
            window = (rows, columns)
            region = regions[window] == index
            depth_share, pose = 0.0, None
            if depth is not None:
                depths = depth[window]
                depth_share = float(np.isfinite(depths[region]).sum()) / area
                if rays is not None:
                    x, y = rays.x[window], rays.y[window]
                    if label.name in openings:
                        points = _opening_points(region, mask[window], depths, x, y)
                    else:
                        points = _surface_points(region, depths, x, y)
                    pose = None if points is None else _pose_of(points)
            mean = float("nan") if confidence is None else float(confidence[window][region].mean())
            found.append(SegmentedObject(label.id, mean, (left, top, width, height), area, depth_share, pose))
    return sorted(found, key=lambda item: -item.area)


def _sampled(values: np.ndarray) -> np.ndarray:
    """At most SAMPLES entries, evenly spread. A whole step would take some columns of the region and never others."""
    if len(values) <= SAMPLES:
        return values
    return values[((np.arange(SAMPLES) + 0.5) * (len(values) / SAMPLES)).astype(np.intp)]


def _surface_points(region: np.ndarray, depth: np.ndarray, x: np.ndarray, y: np.ndarray) -> Optional[np.ndarray]:
    """(n, 3) points of a region's own surface, or None.

    Depth at an object's edge mixes the object with what is behind it, so the outermost pixels are left out where
    enough remain, and then whatever is far from the median by the median absolute deviation. A pixel without a reading
    takes that of the nearest pixel that has one: a stereo camera misses one side of an object more than the other, and
    the mean of the readings alone would lie to one side.
    """
    inner = cv2.erode(region.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    for chosen in (inner & np.isfinite(x + y), region & np.isfinite(x + y)):
        known = chosen & np.isfinite(depth)
        readings = depth[known]
        if readings.size < LEAST_POINTS:
            continue
        middle = np.median(readings)
        # 1.4826 times the median absolute deviation is the standard deviation of a normal distribution.
        deviation = max(1.4826 * float(np.median(np.abs(readings - middle))), LEAST_DEVIATION)
        own = known.copy()
        own[known] = np.abs(readings - middle) <= OUTLIER_DEVIATIONS * deviation
        if np.count_nonzero(own) < LEAST_POINTS:
            continue
        unread = chosen & ~known
        rows, columns = (_sampled(indices) for indices in np.nonzero(own | unread))
        z = (_filled(depth, own) if unread.any() else depth)[rows, columns].astype(np.float64)
        return np.stack([x[rows, columns] * z, y[rows, columns] * z, z], axis=1)
    return None


def _filled(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(H, W) values, each pixel that is not `known` with the value of the nearest one that is."""
    _, nearest = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros(int(nearest.max()) + 1, values.dtype)
    table[nearest[known]] = values[known]
    return table[nearest]


def _opening_points(
    region: np.ndarray, mask: np.ndarray, depth: np.ndarray, x: np.ndarray, y: np.ndarray
) -> Optional[np.ndarray]:
    """(n, 3) points of a region in the plane of the surface around it, or None.

    The surface is the class that most of the ring around the region has: what sticks in a hole is no part of it.
    Under perspective 1 / z is linear in the ray's x / z and y / z for the points of a plane, so the plane is fitted
    there, by least squares with the outliers of a first fit left out.
    """
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * RING_WIDTH + 1, 2 * RING_WIDTH + 1))
    near = cv2.dilate(region.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    ring = cv2.dilate(region.astype(np.uint8), kernel).astype(bool) & ~near & np.isfinite(depth + x + y)
    if not ring.any():
        return None
    ring &= mask == np.bincount(mask[ring]).argmax()
    if np.count_nonzero(ring) < LEAST_POINTS:
        return None
    rows, columns = (_sampled(indices) for indices in np.nonzero(ring))
    inverse = 1.0 / depth[rows, columns].astype(np.float64)
    rays = np.stack([x[rows, columns], y[rows, columns], np.ones(rows.size)], axis=1).astype(np.float64)
    # Nearer is the surface, farther is what is seen through the opening.
    kept = inverse >= np.median(inverse) * 0.97
    for _ in range(3):
        if kept.sum() < LEAST_POINTS:
            return None
        plane = np.linalg.lstsq(rays[kept], inverse[kept], rcond=None)[0]
        residual = np.abs(rays @ plane - inverse)
        deviation = max(1.4826 * float(np.median(residual[kept])), 1e-4)
        kept = residual <= 3.0 * deviation
    rows, columns = (_sampled(indices) for indices in np.nonzero(region & np.isfinite(x + y)))
    inside = np.stack([x[rows, columns], y[rows, columns], np.ones(rows.size)], axis=1).astype(np.float64)
    inverse = inside @ plane
    if not np.all(inverse > 0.0):
        return None
    return inside / inverse[:, np.newaxis]


def _pose_of(points: np.ndarray) -> SpatialPose:
    """Centroid, axes and extent of (n, 3) points.

    The shortest principal axis is the normal of what is seen. The other two principal axes mean little where an object
    is about as long as wide, so around the normal the axes are turned to the smallest rectangle that holds the points.
    """
    centroid = points.mean(axis=0)
    offsets = points - centroid
    _, vectors = np.linalg.eigh(offsets.T @ offsets)
    normal = vectors[:, 0] * (1.0 if vectors[:, 0] @ centroid <= 0 else -1.0)
    plane = np.stack([vectors[:, 2], np.cross(normal, vectors[:, 2])], axis=1)
    flat = offsets @ plane
    low, high = np.percentile(flat, (1, 99), axis=0)
    inner = flat[np.all((flat >= low) & (flat <= high), axis=1)]
    _, sides, degrees = cv2.minAreaRect(inner.astype(np.float32))
    angle = np.radians(degrees + (90.0 if sides[1] > sides[0] else 0.0))
    first = plane @ (np.cos(angle), np.sin(angle))
    # An axis could as well point the other way: the first is turned to the right of the image.
    first *= 1.0 if first[0] >= 0 else -1.0
    axes = np.stack([first, np.cross(normal, first), normal], axis=1)
    low, high = np.percentile(offsets @ axes, (2, 98), axis=0)
    x, y, z = (float(value) for value in centroid)
    a, b, c = (float(value) for value in high - low)
    return SpatialPose((x, y, z), axes, (a, b, c))
