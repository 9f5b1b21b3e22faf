"""CVAT: one XML file with the shapes of images, or the tracks of a video, ordered by their z_order."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rt_seg.atomic_file import write_atomically
from rt_seg.labels import LabelSet
from rt_seg_training.label_exchange.annotations import (
    Annotated,
    ExchangeError,
    LabelFile,
    Reading,
    Region,
    outlines,
)
from rt_seg_training.label_exchange.cvat_tracks import FrameNumbers, frames_of_tracks
from rt_seg_training.label_exchange.file_values import MAX_PIXELS, class_name, image_size, parsed, shown, text, whole
from rt_seg_training.label_exchange.run_lengths import checked_runs
from rt_seg_training.label_exchange.shapes import Bitmap, Ellipse, Outline, Shape, turned

FILE = "annotations.xml"
WITH_AREA = ("polygon", "box", "ellipse", "mask")
WITHOUT_AREA = ("polyline", "points", "cuboid", "skeleton", "tag")


class _WithoutDocumentType(ElementTree.TreeBuilder):
    """Refuses what CVAT does not write, and what makes a few lines expand to gigabytes."""

    def doctype(self, name: str, public: str, system: str) -> None:
        """Called by the parser."""
        raise ExchangeError("has a document type (<!DOCTYPE …>), which CVAT does not write")


def _root(file: Path) -> ElementTree.Element:
    try:
        parser = ElementTree.XMLParser(target=_WithoutDocumentType())
        parser.feed(file.read_bytes())
        return parser.close()
    except ExchangeError as error:
        raise ExchangeError(f"{file}: {error}") from error
    except OSError as error:
        raise ExchangeError(f"{file}: cannot be read ({error.strerror})") from error
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # the last two for encodings
        raise ExchangeError(f"{file}: is not a CVAT file: invalid XML ({error})") from error


def _value(shape: ElementTree.Element, key: str, place: str, default: float | None = None) -> float:
    found = shape.attrib.get(key)
    if found is None:
        if default is None:
            raise ExchangeError(f"{place}: has no {key!r}")
        return default
    return parsed(found, f"{place}: {key!r}")


def _points(found: str, place: str) -> np.ndarray:
    points = []
    for position, corner in enumerate(found.split(";")):
        values = corner.split(",")
        if len(values) != 2:
            raise ExchangeError(f"{place}: corner {position} is {shown(corner)}; expected x,y")
        points.append([parsed(value, f"{place}: corner {position}") for value in values])
    return np.array(points, np.float64)


def _mask(shape: ElementTree.Element, place: str) -> Bitmap:
    left, top, width, height = (
        whole(_value(shape, key, place), f"{place}: {key!r}") for key in ("left", "top", "width", "height")
    )
    if width <= 0 or height <= 0 or width * height > MAX_PIXELS:
        raise ExchangeError(f"{place}: a mask of {width}x{height} (width x height)")
    try:
        text_of_runs = shape.attrib.get("rle", "").strip()
        runs = checked_runs([int(run) for run in text_of_runs.split(",") if text_of_runs], height, width)
    except ValueError as error:
        raise ExchangeError(f"{place}: rle: {error}") from error
    # Unlike COCO's, CVAT's run lengths go along the rows.
    return Bitmap(top, left, np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(height, width))


def _shape(shape: ElementTree.Element, place: str) -> Shape | str:
    """The pixels of a shape, or why it has none. Raises ExchangeError."""
    if shape.tag == "polygon":
        found = shape.attrib.get("points", "").strip()
        points = _points(found, place) if found else np.zeros((0, 2))
        return Outline((points,)) if len(points) > 2 else f"a polygon of {len(points)} points"
    if shape.tag == "box":
        left, top, right, bottom = (_value(shape, key, place) for key in ("xtl", "ytl", "xbr", "ybr"))
        box = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
        return Outline((turned(box, box.mean(axis=0), _value(shape, "rotation", place, 0.0)),))
    if shape.tag == "ellipse":
        center, radii = ((_value(shape, f"{key}x", place), _value(shape, f"{key}y", place)) for key in "cr")
        if min(radii) < 0:
            raise ExchangeError(f"{place}: radii {radii[0]:g} and {radii[1]:g}; they must not be negative")
        return Ellipse(center, radii, _value(shape, "rotation", place, 0.0))
    return _mask(shape, place)


def _region(shape: ElementTree.Element, name: str, place: str, reading: Reading) -> Region | None:
    """The region of an element; None where it is left out. Raises ExchangeError."""
    if shape.tag in WITHOUT_AREA:
        reading.left_out(place, f"a {shape.tag} of {name!r}")
        return None
    if shape.tag not in WITH_AREA:
        raise ExchangeError(f"{place}: an element <{shape.tag}>; accepted are {', '.join(WITH_AREA)}")
    found = _shape(shape, place)
    if isinstance(found, str):
        reading.left_out(place, found)
        return None
    return Region(name, (found,), place)


def _z_order(shape: ElementTree.Element, place: str) -> int:
    return whole(_value(shape, "z_order", place, 0.0), f"{place}: 'z_order'")


@dataclass
class _Frame:
    """An image of the file, or (`number` of `count`) a frame of its video; regions with their z_order."""

    name: str
    size: tuple[int, int] | None
    regions: list[tuple[int, Region]] = field(default_factory=list)
    position: tuple[int, int] | None = None
    of_video: bool = False


def read(path: Path, reading: Reading) -> LabelFile:
    """The frames of an XML file, or of annotations.xml in a folder. Raises ExchangeError."""
    file = path
    if path.is_dir():
        file = next(iter([path / FILE] if (path / FILE).is_file() else sorted(path.glob("*.xml"))), path / FILE)
    root = _root(file)
    if root.tag != "annotations":
        raise ExchangeError(f"{file}: is not a file of CVAT: its root is <{root.tag}>, not <annotations>")
    labels = [label for label in root.iterfind("./meta//labels/label") if label.find("parent") is None]
    names = [
        class_name(label.findtext("name"), f"{file}: meta: label {position}", reading.remarks)
        for position, label in enumerate(labels)
    ]
    images = [_image(image, file, position, reading) for position, image in enumerate(root.iterfind("image"))]
    tracks = list(root.iterfind("track"))
    frames = _with_tracks(images, tracks, root, file, reading) if tracks else [frame for _, frame in images]
    if not frames:
        raise ExchangeError(f"{file}: has neither <image> nor <track>: no labels of CVAT for images or for video")
    annotated = []
    for frame in frames:
        if not frame.regions:
            reading.remarks.add("images have no region: all background", f"{file}: {frame.name}")
        # The order of the file within one z_order: sorting keeps it.
        regions = tuple(region for _, region in sorted(frame.regions, key=lambda entry: entry[0]))
        annotated.append(
            Annotated(
                frame.name, frame.size, regions, any_suffix=frame.of_video, position=frame.position, place=str(file)
            )
        )
    return LabelFile(annotated, names)


def _image(image: ElementTree.Element, file: Path, position: int, reading: Reading) -> tuple[int, _Frame]:
    """The id of an image, and what it holds. Raises ExchangeError."""
    place = f"{file}: image {position}"
    name = text(image.attrib.get("name"), f"{place}: 'name'")
    height, width = (
        None if image.attrib.get(key) is None else parsed(image.attrib[key], f"{place}: {key!r}")
        for key in ("height", "width")
    )
    number = whole(parsed(image.attrib.get("id", str(position)), f"{place}: 'id'"), f"{place}: 'id'")
    frame = _Frame(name, image_size(height, width, f"{place} {name!r}"))
    for order, shape in enumerate(image):
        where = f"{file}: {name} has a {shape.tag} ({order})"
        if shape.attrib.get("outside") == "1":
            reading.remarks.add("shapes are outside (outside=1) and not painted", where)
            continue
        if shape.tag == "tag":
            reading.remarks.add("image tags are not regions: skipped", where)
            continue
        label = class_name(shape.attrib.get("label"), f"{where}: 'label'", reading.remarks)
        region = _region(shape, label, where, reading)
        if region is not None:
            frame.regions.append((_z_order(shape, where), region))
    return number, frame


def _with_tracks(
    images: list[tuple[int, _Frame]],
    tracks: list[ElementTree.Element],
    root: ElementTree.Element,
    file: Path,
    reading: Reading,
) -> list[_Frame]:
    """The images with what tracks show in them or, where there are none, the frames of the video that show any."""
    frames: dict[int, _Frame] = {}
    for number, image in images:
        if frames.setdefault(number, image) is not image:
            other = frames[number].name
            raise ExchangeError(f"{file}: {image.name} has the id {number}, the same as {other}")
    size, numbers = _video(root, file)
    count = numbers.count
    # The ids of <image> are the numbers of the frames beside which they stand.
    asked = FrameNumbers(count=max(frames) + 1) if images else numbers
    done: dict[int, tuple[ElementTree.Element, int, Region | None]] = {}
    for visible in frames_of_tracks(tracks, file, asked, reading):
        place = f"{file}: track {visible.track}, frame {visible.frame}"
        if images and visible.frame not in frames:
            if visible.listed:
                raise ExchangeError(f"{place}: there is no <image> with that id")
            continue
        if visible.frame not in frames:
            place_of_frame = numbers.position(visible.frame)
            position = None if count is None or place_of_frame is None else (place_of_frame, count)
            frames[visible.frame] = _Frame(f"frame_{visible.frame:06d}", size, [], position, of_video=True)
        # What stays as it is in many frames is read once; the element is kept, so that its id stays its own.
        if id(visible.shape) not in done:
            name = class_name(visible.label, f"{file}: track {visible.track}: 'label'", reading.remarks)
            order = _z_order(visible.shape, place)
            done[id(visible.shape)] = (visible.shape, order, _region(visible.shape, name, place, reading))
        _, order, region = done[id(visible.shape)]
        if region is not None:
            frames[visible.frame].regions.append((order, region))
    if count is not None and not images and len(frames) < count:
        nothing = f"{file}: {len(frames)} of {count} frames show one"
        reading.remarks.add("video frames without a track are skipped", nothing, count - len(frames))
    return [frames[number] for number in sorted(frames)]


def _video(root: ElementTree.Element, file: Path) -> tuple[tuple[int, int] | None, FrameNumbers]:
    """(height, width) of a video, and the numbers of its frames, where the file tells."""
    size = root.find("./meta//original_size")
    found = None
    if size is not None:
        height, width = (parsed(size.findtext(key, ""), f"{file}: meta: {key}") for key in ("height", "width"))
        found = image_size(height, width, f"{file}: meta: original_size")
    about = next((found for found in map(root.find, ("./meta/task", "./meta/job")) if found is not None), None)
    if about is None:
        return found, FrameNumbers()
    count, first = (
        None if not about.findtext(key) else whole(parsed(about.findtext(key, ""), place), place)
        for key, place in (("size", f"{file}: meta: size"), ("start_frame", f"{file}: meta: start_frame"))
    )
    step = re.search(r"step\s*=\s*([1-9]\d{0,8})", about.findtext("frame_filter") or "")
    if (count is not None and count < 1) or (first or 0) < 0:
        raise ExchangeError(f"{file}: meta: {count} frames from {first or 0} on; expected at least 1, from at least 0")
    return found, FrameNumbers(first or 0, int(step.group(1)) if step else 1, count)


def write(folder: Path, frames: list[tuple[str, np.ndarray]], labels: LabelSet) -> None:
    """Write annotations.xml with the polygons of each (file name, mask). Raises OSError."""
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    for number, (file_name, mask) in enumerate(frames):
        size = {"width": str(mask.shape[1]), "height": str(mask.shape[0])}
        image = ElementTree.SubElement(root, "image", {"id": str(number), "name": file_name, **size})
        for name, polygon in outlines(mask, labels):
            points = ";".join(f"{x:.2f},{y:.2f}" for x, y in polygon)
            attributes = {"label": name, "source": "manual", "occluded": "0", "points": points}
            ElementTree.SubElement(image, "polygon", {**attributes, "z_order": "0"})
    write_atomically(folder / FILE, ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))
