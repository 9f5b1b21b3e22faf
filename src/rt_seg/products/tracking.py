"""Objects from image to image: a stable number, age, velocity and covariance for each.

A Kalman filter of constant velocity for each object; detections are given to tracks by the assignment of the least
cost, of place (Mahalanobis distance), size and class. Bewley et al., "Simple Online and Realtime Tracking", ICIP 2016,
in space instead of in the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, NamedTuple, Optional, Sequence, Tuple

import lap
import numpy as np

from rt_seg.products.objects import SegmentedObject

ACCELERATION = 0.5
"""m/s², standard deviation of what changes a velocity. Less smooths more, and follows later."""
FIRST_SPEED = 1.0
"""m/s, standard deviation of the velocity of what has just been seen first."""
LATERAL = (0.002, 0.002)
"""Standard deviation across the line of sight: metres, and metres per metre of distance."""
ALONG = (0.002, 0.004)
"""Along it: metres, and metres per square metre, as the noise of a stereo camera grows."""
OUTLINE = 0.2
"""Of an object's size, standard deviation of its middle along each of its axes: what a mask adds to it, or leaves out,
as when two things that touch are one region in one image and two in the next. Such a place is accepted, and weighs
less; one that the noise of the sensor explains is taken without it."""
OWN_OUTLINE = 3.0
"""Squared Mahalanobis distance, of the sensor's noise, up to which a place counts as one of the outline before."""
CUT = 5.0
"""Times as much for an object that the image's border cuts: its visible middle is not its own."""
GATE = 16.27
"""Squared Mahalanobis distance within which 99.9 % of the true detections lie (chi², 3 degrees of freedom)."""
SIZE_SCALE, SIZE_BASE, SIZE_CAP = 0.5, 0.01, 4.0
"""Sizes of a half or of twice as much cost about 2 each, at most SIZE_CAP; SIZE_BASE metres are added to each, so that
the thickness of a flat thing, which is noise, does not count."""
OTHER_CLASS = 6.0
"""Cost of another class than before: it may flicker where the place does not."""
CONFIRMED_AFTER = 3
"""Detections that make a track: what is seen once is noise."""
TENTATIVE_SECONDS = 0.2
"""Without a detection, after which a track that is not confirmed ends."""
_FORBIDDEN = 1e6


class Motion(NamedTuple):
    """From the camera's frame to another: x ↦ rotation @ x + translation, (3, 3) and (3,) float64, metres."""

    rotation: np.ndarray
    translation: np.ndarray


STILL = Motion(np.eye(3), np.zeros(3))


@dataclass(frozen=True)
class Track:
    """What is known of an object after an image; vectors in the frame of the motion."""

    id: int
    """From 1; never reused. The same from the first image to the last."""
    age: float
    """Seconds since it was first detected."""
    position: np.ndarray
    """(3,) float64 metres, filtered."""
    velocity: np.ndarray
    """(3,) float64 metres per second."""
    covariance: np.ndarray
    """(6, 6) float64 of position and velocity."""


class Tracker:
    """Gives detections the numbers of the objects that they are of."""

    def __init__(self, lost_after: float = 1.0, acceleration: float = ACCELERATION, outline: float = OUTLINE) -> None:
        """`lost_after`: seconds without a detection, as behind something, after which a track ends. `acceleration`:
        m/s², as of ACCELERATION; `outline`: as OUTLINE."""
        self._lost_after = lost_after
        self._acceleration = acceleration
        self._outline = outline
        self._next_id = 1
        self.reset()

    def reset(self) -> None:
        """Forget all tracks. Numbers go on."""
        self._stamp: Optional[float] = None
        self._mean = np.zeros((0, 6))
        self._covariance = np.zeros((0, 6, 6))
        self._size = np.zeros((0, 3))
        # One row per track: number (0 until it is confirmed), class, detections.
        self._facts = np.zeros((0, 3), np.int64)
        self._born = np.zeros(0)
        self._seen = np.zeros(0)

    def update(
        self,
        objects: Sequence[SegmentedObject],
        stamp: float,
        image_size: Tuple[int, int],
        motion: Motion = STILL,
    ) -> List[Optional[Track]]:
        """Take in the objects of one image.

        Args:
            objects: with poses in the camera's optical frame; those without one are not tracked.
            stamp: seconds. One that steps back, or is far ahead, ends all tracks.
            image_size: height and width in pixels.
            motion: into a frame in which the scene rests, for a camera that moves.

        Returns the track of each object, None for one that has no pose or was not seen CONFIRMED_AFTER times yet.
        """
        if self._stamp is not None and not 0.0 <= stamp - self._stamp <= self._lost_after:
            self.reset()
        if self._stamp is not None:
            self._predict(stamp - self._stamp)
        self._stamp = stamp
        found = [number for number, item in enumerate(objects) if item.pose is not None]
        places, noise, outlines, sizes = _measurements(
            [objects[number] for number in found], image_size, motion, self._outline
        )
        classes = np.array([objects[number].class_id for number in found], np.int64)
        of_detection = self._match(places, noise + outlines, sizes, classes)
        known = np.flatnonzero(of_detection >= 0)
        self._correct(of_detection[known], places[known], noise[known], outlines[known])
        self._note(of_detection[known], sizes[known], classes[known], stamp)
        fresh = np.flatnonzero(of_detection < 0)
        of_detection[fresh] = len(self._mean) + np.arange(len(fresh))
        self._begin(places[fresh], (noise + outlines)[fresh], sizes[fresh], classes[fresh], stamp)
        tracks: List[Optional[Track]] = [None] * len(objects)
        for number, row in zip(found, of_detection):
            tracks[number] = self._track(int(row))
        self._end(stamp)
        return tracks

    def _predict(self, seconds: float) -> None:
        transition = np.eye(6)
        transition[:3, 3:] = seconds * np.eye(3)
        gain = np.concatenate([np.full(3, 0.5 * seconds**2), np.full(3, seconds)])
        noise = self._acceleration**2 * np.outer(gain, gain) * np.tile(np.eye(3), (2, 2))
        self._mean = self._mean @ transition.T
        self._covariance = transition @ self._covariance @ transition.T + noise

    def _match(self, places: np.ndarray, noise: np.ndarray, sizes: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Row of the track of each detection, -1 for a new object."""
        count, detections = len(self._mean), len(places)
        if not count or not detections:
            return np.full(detections, -1)
        offsets = places[np.newaxis] - self._mean[:, np.newaxis, :3]
        spread = np.trace(self._covariance[:, :3, :3], axis1=1, axis2=2)[:, np.newaxis]
        spread = spread + np.trace(noise, axis1=1, axis2=2)[np.newaxis]
        # No direction varies more than all together: most pairs are out without their matrices.
        rows, columns = np.nonzero((offsets**2).sum(-1) < GATE * spread)
        offset = offsets[rows, columns]
        inverse = np.linalg.inv(self._covariance[rows, :3, :3] + noise[columns])
        distance = np.einsum("ki,kij,kj->k", offset, inverse, offset)
        ratio = np.log((sizes[columns] + SIZE_BASE) / (self._size[rows] + SIZE_BASE))
        cost = distance + np.minimum((ratio**2).sum(-1) / SIZE_SCALE**2, SIZE_CAP)
        cost += OTHER_CLASS * (classes[columns] != self._facts[rows, 1])
        costs = np.full((count, detections), _FORBIDDEN)
        costs[rows, columns] = np.where(distance < GATE, cost, _FORBIDDEN)
        # The limit is on a pair, half of it on each side that stays alone.
        return np.asarray(lap.lapjv(costs, extend_cost=True, cost_limit=_FORBIDDEN / 2)[2])

    def _correct(self, rows: np.ndarray, places: np.ndarray, noise: np.ndarray, outlines: np.ndarray) -> None:
        covariance = self._covariance[rows]
        offset = places - self._mean[rows, :3]
        # Most masks are of one outline from image to image. Only a place that the sensor's noise does not explain is
        # one of another outline, and pulls so much less: else every place would be trusted as little.
        spread = covariance[:, :3, :3] + noise
        distance = np.einsum("ki,kij,kj->k", offset, np.linalg.inv(spread), offset)
        spread = spread + np.where(distance > OWN_OUTLINE, 1.0, 0.0)[:, np.newaxis, np.newaxis] * outlines
        gain = covariance[:, :, :3] @ np.linalg.inv(spread)
        self._mean[rows] += np.einsum("kij,kj->ki", gain, offset)
        corrected = covariance - gain @ covariance[:, :3]
        self._covariance[rows] = (corrected + corrected.transpose(0, 2, 1)) / 2

    def _note(self, rows: np.ndarray, sizes: np.ndarray, classes: np.ndarray, stamp: float) -> None:
        self._size[rows] += 0.2 * (sizes - self._size[rows])
        self._seen[rows] = stamp
        self._facts[rows, 1] = classes
        self._facts[rows, 2] += 1
        for row in rows[(self._facts[rows, 2] >= CONFIRMED_AFTER) & (self._facts[rows, 0] == 0)]:
            self._facts[row, 0] = self._next_id
            self._next_id += 1

    def _begin(
        self, places: np.ndarray, noise: np.ndarray, sizes: np.ndarray, classes: np.ndarray, stamp: float
    ) -> None:
        count = len(places)
        covariance = np.zeros((count, 6, 6))
        covariance[:, :3, :3] = noise
        covariance[:, 3:, 3:] = FIRST_SPEED**2 * np.eye(3)
        facts = np.stack([np.zeros(count, np.int64), classes, np.ones(count, np.int64)], axis=1)
        self._mean = np.concatenate([self._mean, np.concatenate([places, np.zeros((count, 3))], axis=1)])
        self._covariance = np.concatenate([self._covariance, covariance])
        self._size = np.concatenate([self._size, sizes])
        self._facts = np.concatenate([self._facts, facts])
        self._born = np.concatenate([self._born, np.full(count, stamp)])
        self._seen = np.concatenate([self._seen, np.full(count, stamp)])

    def _track(self, row: int) -> Optional[Track]:
        number = int(self._facts[row, 0])
        if not number:
            return None
        mean = self._mean[row]
        age = float(self._seen[row] - self._born[row])
        return Track(number, age, mean[:3].copy(), mean[3:].copy(), self._covariance[row].copy())

    def _end(self, stamp: float) -> None:
        patience = np.where(self._facts[:, 0] > 0, self._lost_after, TENTATIVE_SECONDS)
        stays = stamp - self._seen <= patience
        if not stays.all():
            for name in ("_mean", "_covariance", "_size", "_facts", "_born", "_seen"):
                setattr(self, name, getattr(self, name)[stays])


def _measurements(
    objects: Sequence[SegmentedObject], image_size: Tuple[int, int], motion: Motion, outline: float
) -> Tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Places (n, 3), their covariances (n, 3, 3) of the sensor and of the outline, and sizes (n, 3); in metres, in the
    frame of the motion."""
    poses = [item.pose for item in objects if item.pose is not None]
    seen = np.array([pose.centroid for pose in poses], np.float64).reshape(-1, 3)
    sizes = np.array([pose.extent for pose in poses], np.float64).reshape(-1, 3)
    far = np.linalg.norm(seen, axis=1)
    across = LATERAL[0] + LATERAL[1] * far
    along = ALONG[0] + ALONG[1] * far**2
    boxes = np.array([item.box for item in objects], np.int64).reshape(-1, 4)
    ends = boxes[:, :2] + boxes[:, 2:]
    cut = (boxes[:, :2] <= 1).any(axis=1) | (ends >= np.array(image_size)[::-1] - 1).any(axis=1)
    scale = np.where(cut, CUT, 1.0)
    sight = (seen / np.maximum(far, 1e-9)[:, np.newaxis]) @ motion.rotation.T
    outer = sight[:, :, np.newaxis] * sight[:, np.newaxis, :]
    across, along = (across * scale) ** 2, (along * scale) ** 2
    noise = across[:, np.newaxis, np.newaxis] * (np.eye(3) - outer) + along[:, np.newaxis, np.newaxis] * outer
    axes = np.array([pose.axes for pose in poses], np.float64).reshape(-1, 3, 3)
    reach = (motion.rotation @ axes) * (outline * sizes)[:, np.newaxis, :]
    return seen @ motion.rotation.T + motion.translation, noise, reach @ reach.transpose(0, 2, 1), sizes
