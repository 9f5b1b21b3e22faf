"""Objects out of a mask: connected regions with their place, size and orientation in space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import AbstractSet, List, NamedTuple, Optional, Sequence, Tuple

import cv2
import numpy as np

from rt_seg.labels import LabelSet
from rt_seg.products.point_cloud import Rays

BACKGROUND = "background"
"""A class of this name makes no objects."""

OUTLIER_DEVIATIONS = 4.0
"""Depths farther than this many robust standard deviations from an object's median belong to what is behind it."""
MIN_DEVIATION = 0.005
"""Metres. Keeps what a flat object shows of its own, however little its depths scatter."""
SAMPLES = 2048
"""Points at most of one object. With a depth noise of 5 mm the centroid's is a ninth of a millimetre."""
RING_WIDTH = 5
"""Pixels around an opening that show the surface it is in."""
MIN_POINTS = 12

_RING = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * RING_WIDTH + 1, 2 * RING_WIDTH + 1))


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

    def moved(self, rotation: np.ndarray, translation: np.ndarray) -> SpatialPose:
        """The same pose in another frame, that of x ↦ rotation @ x + translation."""
        x, y, z = (float(value) for value in rotation @ np.array(self.centroid) + translation)
        return SpatialPose((x, y, z), rotation @ self.axes, self.extent)


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
    min_area: int,
    depth: Optional[np.ndarray] = None,
    rays: Optional[Rays] = None,
    confidence: Optional[np.ndarray] = None,
    openings: AbstractSet[str] = frozenset(),
) -> List[SegmentedObject]:
    """Connected regions (8 neighbours) of every class but the background, largest first.

    Args:
        mask: (H, W) uint8 class ids.
        min_area: pixels below which a region is noise.
        depth: (H, W) float32 metres along the optical axis, NaN where unknown.
        rays: of the camera; poses need both depth and rays.
        confidence: (H, W) float32, probability of the class in `mask`.
        openings: names of classes that are holes. What is seen through a hole lies behind it, so its place is found
            in the plane of the surface around it.

    Raises ValueError when the images differ in size.

    Examples:
        >>> labels = LabelSet((Label(0, "background", (0, 0, 0)), Label(1, "cup", (200, 0, 0))))
        >>> mask = np.zeros((60, 80), np.uint8)
        >>> mask[10:20, 30:50] = 1
        >>> [(labels.names[cup.class_id], cup.box, cup.area) for cup in find_objects(mask, labels, min_area=50)]
        [('cup', (30, 10, 20, 10), 200)]
    """
    if rays is not None:
        rays.check(mask=mask, **({} if depth is None else {"depth": depth}))
    # Masks of 0 and 1 throughout: NumPy reads them as bool and OpenCV as uint8, without a copy.
    read = None if depth is None else np.isfinite(depth).view(np.uint8)
    found = []
    for label in labels.labels:
        if label.name == BACKGROUND:
            continue
        region_of_class = cv2.compare(mask, label.id, cv2.CMP_EQ)
        box = cv2.boundingRect(region_of_class)
        if not box[2]:
            continue
        part = _widened(box)
        count, regions, boxes, _ = cv2.connectedComponentsWithStats(region_of_class[part], connectivity=8)
        for index in range(1, count):
            left, top, width, height, area = (int(value) for value in boxes[index])
            if area < min_area:
                continue
            region = (regions[_widened((left, top, width, height))] == index).view(np.uint8)
            left, top = left + part[1].start, top + part[0].start
            window = _widened((left, top, width, height))
            depth_share, pose = 0.0, None
            if depth is not None and read is not None:
                depths, readings = np.ascontiguousarray(depth[window]), read[window]
                depth_share = cv2.countNonZero(cv2.bitwise_and(region, readings)) / area
                if rays is not None:
                    sight = _Sight(rays.x[window], rays.y[window], rays.exist[window])
                    if label.name in openings:
                        points = _opening_points(region, mask[window], depths, readings, sight)
                    else:
                        points = _surface_points(region, depths, readings, sight)
                    pose = None if points is None else _pose_of(points)
            mean = float("nan") if confidence is None else cv2.mean(confidence[window], region)[0]
            found.append(SegmentedObject(label.id, mean, (left, top, width, height), area, depth_share, pose))
    return sorted(found, key=lambda item: -item.area)


def _widened(box: Sequence[int]) -> Tuple[slice, slice]:
    """Rows and columns of a box with a margin around it: the ring of an opening lies outside the box."""
    left, top, width, height = box
    rows = slice(max(top - RING_WIDTH, 0), top + height + RING_WIDTH)
    return rows, slice(max(left - RING_WIDTH, 0), left + width + RING_WIDTH)


class _Sight(NamedTuple):
    """The rays of a part of the image: x / z and y / z, float32 (H, W), and where there are any, uint8 0 or 1."""

    x: np.ndarray
    y: np.ndarray
    exist: np.ndarray

    def at(self, pixels: np.ndarray) -> np.ndarray:
        """x / z, y / z and 1 of some pixels, by their numbers (n,), row by row: float64 (3, n)."""
        rows, columns = np.divmod(pixels, self.x.shape[1])
        rays = np.ones((3, len(pixels)))
        rays[0], rays[1] = self.x[rows, columns], self.y[rows, columns]
        return rays


def _sampled(chosen: np.ndarray) -> np.ndarray:
    """Numbers, row by row, of at most SAMPLES pixels of a mask of 0 and 1, evenly spread. A whole step would take some
    columns of a region and never others."""
    pixels = np.flatnonzero(chosen.view(bool))
    if len(pixels) <= SAMPLES:
        return pixels
    return pixels[((np.arange(SAMPLES) + 0.5) * (len(pixels) / SAMPLES)).astype(np.intp)]


def _median(values: np.ndarray) -> float:
    """The median, in a tenth of NumPy's time for few values."""
    middle = ((len(values) - 1) // 2, len(values) // 2)
    ordered = np.partition(values, middle)
    return (float(ordered[middle[0]]) + float(ordered[middle[1]])) / 2.0


def _spread(values: np.ndarray, percent: int) -> Tuple[np.ndarray, np.ndarray]:
    """Percentiles `percent` and 100 - `percent` of each row of (k, n), linear between neighbours, in a tenth of
    NumPy's time; two arrays (k,)."""
    last = values.shape[1] - 1
    place = percent / 100.0 * last
    rank, share = int(place), place - int(place)
    ordered = np.partition(values, (rank, rank + 1, last - rank - 1, last - rank), axis=1)
    low = ordered[:, rank] * (1.0 - share) + ordered[:, rank + 1] * share
    high = ordered[:, last - rank] * (1.0 - share) + ordered[:, last - rank - 1] * share
    return low, high


def _surface_points(region: np.ndarray, depth: np.ndarray, read: np.ndarray, sight: _Sight) -> Optional[np.ndarray]:
    """(3, n) points of a region's own surface, or None; `region` and `read`, where there is a depth, are 0 and 1.

    Depth at an object's edge mixes the object with what is behind it, so the outermost pixels are left out where
    enough remain, and then whatever is far from the median by the median absolute deviation. A pixel without a reading
    takes that of the nearest pixel that has one: a stereo camera misses one side of an object more than the other, and
    the mean of the readings alone would lie to one side.
    """
    for shape in (cv2.erode(region, None), region):
        chosen = cv2.bitwise_and(shape, sight.exist)
        known = cv2.bitwise_and(chosen, read)
        readings = depth.ravel()[_sampled(known)]
        if len(readings) < MIN_POINTS:
            continue
        middle = _median(readings)
        # 1.4826 times the median absolute deviation is the standard deviation of a normal distribution.
        deviation = max(1.4826 * _median(np.abs(readings - middle)), MIN_DEVIATION)
        reach = OUTLIER_DEVIATIONS * deviation
        own = cv2.bitwise_and(known, cv2.inRange(depth, middle - reach, middle + reach))
        if cv2.countNonZero(own) < MIN_POINTS:
            continue
        unread = cv2.bitwise_xor(chosen, known)
        pixels = _sampled(cv2.bitwise_or(own, unread))
        sources = _nearest(own, pixels) if cv2.countNonZero(unread) else pixels
        return sight.at(pixels) * depth.ravel()[sources]
    return None


def _nearest(known: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """For each of some pixels, by number (n,), the number of the nearest pixel where `known`, (H, W) of 0 and 1, is 1:
    about the nearest, by OpenCV's distances of a 3 × 3 mask."""
    _, nearest = cv2.distanceTransformWithLabels(
        cv2.compare(known, 0, cv2.CMP_EQ), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    places = np.flatnonzero(known.view(bool))
    numbers = nearest.ravel()
    table = np.empty(len(places) + 1, np.intp)
    table[numbers[places]] = places
    return table[numbers[pixels]]


def _opening_points(
    region: np.ndarray, mask: np.ndarray, depth: np.ndarray, read: np.ndarray, sight: _Sight
) -> Optional[np.ndarray]:
    """(3, n) points of a region in the plane of the surface around it, or None; arguments as of `_surface_points`.

    The surface is the class that most of the ring around the region has: what sticks in a hole is no part of it.
    Under perspective 1 / z is linear in the ray's x / z and y / z for the points of a plane, so the plane is fitted
    there, by least squares with the outliers of a first fit left out.
    """
    around = cv2.bitwise_and(read, sight.exist)
    ring = cv2.bitwise_and(cv2.subtract(cv2.dilate(region, _RING), cv2.dilate(region, None)), around)
    classes = mask[ring.view(bool)]
    if not len(classes):
        return None
    surface = cv2.compare(mask, int(np.bincount(classes).argmax()), cv2.CMP_EQ)
    pixels = _sampled(cv2.bitwise_and(ring, surface))
    if len(pixels) < MIN_POINTS:
        return None
    inverse = 1.0 / depth.ravel()[pixels].astype(np.float64)
    rays = sight.at(pixels)
    # Nearer is the surface, farther is what is seen through the opening.
    kept = inverse >= _median(inverse) * 0.97
    for _ in range(3):
        if np.count_nonzero(kept) < MIN_POINTS:
            return None
        # The normal equations, a tenth of the work; `lstsq` because it has an answer for rays in one line, too.
        seen = rays[:, kept]
        plane = np.linalg.lstsq(seen @ seen.T, seen @ inverse[kept], rcond=None)[0]
        residual = np.abs(plane @ rays - inverse)
        deviation = max(1.4826 * _median(residual[kept]), 1e-4)
        kept = residual <= 3.0 * deviation
    inside = sight.at(_sampled(cv2.bitwise_and(region, sight.exist)))
    inverse = plane @ inside
    if not np.all(inverse > 0.0):
        return None
    return inside / inverse


def _pose_of(points: np.ndarray) -> SpatialPose:
    """Centroid, axes and extent of (3, n) points.

    The shortest principal axis is the normal of what is seen. The other two principal axes mean little where an object
    is about as long as wide, so around the normal the axes are turned to the smallest rectangle that holds the points.
    """
    centroid = points.sum(axis=1) / points.shape[1]
    offsets = points - centroid[:, np.newaxis]
    _, vectors = np.linalg.eigh(offsets @ offsets.T)
    normal = vectors[:, 0] * (1.0 if vectors[:, 0] @ centroid <= 0 else -1.0)
    plane = np.stack([vectors[:, 2], _cross(normal, vectors[:, 2])])
    flat = plane @ offsets
    low, high = (bounds[:, np.newaxis] for bounds in _spread(flat, 1))
    inner = flat.take(np.flatnonzero(np.all((flat >= low) & (flat <= high), axis=0)), axis=1)
    _, sides, degrees = cv2.minAreaRect(inner.T.astype(np.float32))
    angle = np.radians(degrees + (90.0 if sides[1] > sides[0] else 0.0))
    first = np.array([np.cos(angle), np.sin(angle)]) @ plane
    # An axis could as well point the other way: the first is turned to the right of the image.
    first *= 1.0 if first[0] >= 0 else -1.0
    axes = np.stack([first, _cross(normal, first), normal], axis=1)
    low, high = _spread(axes.T @ offsets, 2)
    x, y, z = (float(value) for value in centroid)
    a, b, c = (float(value) for value in high - low)
    return SpatialPose((x, y, z), axes, (a, b, c))


def _cross(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The cross product of two vectors (3,): that of NumPy takes as long as all else here."""
    (a, b, c), (d, e, f) = first, second
    return np.array([b * f - c * e, c * d - a * f, a * e - b * d])
