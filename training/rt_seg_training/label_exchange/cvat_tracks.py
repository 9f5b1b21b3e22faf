"""Tracks of CVAT for video: what each shows in every frame, between its keyframes too.

CVAT reads keyframes and works out the frames between: so a track stays until a keyframe says that it is outside, and
boxes and ellipses move in straight lines. Its exports list every frame, so that little is left to work out.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rt_seg_training.label_exchange.annotations import ExchangeError, Reading
from rt_seg_training.label_exchange.file_values import parsed, whole

MOVING = {"box": ("xtl", "ytl", "xbr", "ybr"), "ellipse": ("cx", "cy", "rx", "ry")}
MAX_FRAMES = 100_000


@dataclass(frozen=True)
class FrameNumbers:
    """The numbers of a video's frames that are labelled: `count` of them, None where the file does not tell."""

    first: int = 0
    step: int = 1
    count: int | None = None

    def position(self, frame: int) -> int | None:
        """The place of a frame among them, from 0; None for one that is not."""
        place, rest = divmod(frame - self.first, self.step)
        return place if rest == 0 and place >= 0 and (self.count is None or place < self.count) else None

    def after(self, frame: int) -> int:
        """One above the last number, or above `frame`, a number of them."""
        return (frame if self.count is None else self.first + (self.count - 1) * self.step) + 1


@dataclass(frozen=True)
class Visible:
    """The shape of a track in a frame; `listed` in the file for this frame, or worked out."""

    track: str
    label: str | None
    frame: int
    shape: ElementTree.Element
    listed: bool


def frames_of_tracks(
    tracks: list[ElementTree.Element], file: Path, numbers: FrameNumbers, reading: Reading
) -> Iterator[Visible]:
    """What all tracks show, frame by frame, in the frames of these numbers. Raises ExchangeError."""
    listed = [(_number(track, place), track, _listed(track, place, file)) for place, track in enumerate(tracks)]
    last = max((shapes[-1][0] for _, _, shapes in listed if shapes), default=-1)
    wrong = next((frame for _, _, shapes in listed for frame, _ in shapes if numbers.position(frame) is None), None)
    if wrong is not None:
        step = f" in steps of {numbers.step}" if numbers.step > 1 else ""
        known = f"{numbers.count} frames, {numbers.first}..{numbers.after(0) - 1}{step}" if numbers.count else step
        raise ExchangeError(f"{file}: a track has frame {wrong}, but the frames are {known or 'counted from 0'}")
    if last - numbers.first >= MAX_FRAMES * numbers.step or (numbers.count or 0) > MAX_FRAMES:
        raise ExchangeError(f"{file}: a track has frame {last}; at most {MAX_FRAMES} frames are read")
    for number, track, shapes in listed:
        place = f"{file}: track {number}"
        for position, (frame, shape) in enumerate(shapes):
            if shape.attrib.get("outside") == "1":
                continue
            yield Visible(number, track.attrib.get("label"), frame, shape, True)
            until = shapes[position + 1][0] if position + 1 < len(shapes) else numbers.after(last)
            following = shapes[position + 1][1] if position + 1 < len(shapes) else None
            for between in range(frame + numbers.step, until, numbers.step):
                if following is None or following.attrib.get("outside") == "1":
                    reading.remarks.add("frames show a track unchanged from the previous keyframe", place)
                    found = shape
                else:
                    reading.remarks.add("frames show a track interpolated linearly between two keyframes", place)
                    share = (between - frame) / (until - frame)
                    found = _between(shape, following, share, f"{place}, frames {frame} to {until}")
                yield Visible(number, track.attrib.get("label"), between, found, False)


def _number(track: ElementTree.Element, position: int) -> str:
    return track.attrib.get("id", str(position))


def _listed(track: ElementTree.Element, position: int, file: Path) -> list[tuple[int, ElementTree.Element]]:
    """(frame, shape) of a track in order of frame."""
    found: dict[int, ElementTree.Element] = {}
    for shape in track:
        place = f"{file}: track {_number(track, position)}: {shape.tag}"
        if "frame" not in shape.attrib:
            raise ExchangeError(f"{place}: has no 'frame'")
        frame = whole(parsed(shape.attrib["frame"], f"{place}: 'frame'"), f"{place}: 'frame'")
        if frame < 0 or frame in found:
            raise ExchangeError(f"{place}: the frame {frame} {'is below 0' if frame < 0 else 'appears twice'}")
        found[frame] = shape
    return sorted(found.items())


def _between(first: ElementTree.Element, second: ElementTree.Element, share: float, place: str) -> ElementTree.Element:
    """The shape at a share of the way from one keyframe to the next. Raises ExchangeError where that is not known."""
    same = {key: value for key, value in first.attrib.items() if key not in ("frame", "keyframe")}
    if same == {key: value for key, value in second.attrib.items() if key not in ("frame", "keyframe")}:
        return first
    attributes = dict(first.attrib)
    if first.tag == second.tag and first.tag in MOVING:
        for key in MOVING[first.tag]:
            ends = [parsed(shape.attrib.get(key, ""), f"{place}: {key!r}") for shape in (first, second)]
            attributes[key] = repr(ends[0] + (ends[1] - ends[0]) * share)
        turns = [parsed(shape.attrib.get("rotation", "0"), f"{place}: 'rotation'") for shape in (first, second)]
        way = (turns[1] - turns[0] + 180) % 360 - 180
        attributes["rotation"] = repr(turns[0] + way * share)
        return ElementTree.Element(first.tag, attributes)
    if first.tag == second.tag == "polygon":
        corners = [
            np.array([[parsed(value, place) for value in corner.split(",")] for corner in points.split(";")])
            for points in (shape.attrib.get("points", "") for shape in (first, second))
        ]
        if corners[0].shape == corners[1].shape:
            moved = corners[0] + (corners[1] - corners[0]) * share
            attributes["points"] = ";".join(f"{x!r},{y!r}" for x, y in moved.tolist())
            return ElementTree.Element(first.tag, attributes)
    raise ExchangeError(
        f"{place}: a {first.tag} becomes another {second.tag}, and the frames between are not in the file; "
        "export it again as CVAT for video, which writes every frame"
    )
