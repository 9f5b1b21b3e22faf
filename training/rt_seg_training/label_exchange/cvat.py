"""CVAT for images: one XML file with polygons, boxes and masks, ordered by their z_order."""
from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import cv2
import numpy as np

from rt_seg.atomic_file import write_atomically
from rt_seg.labels import LabelSet
from rt_seg_training.label_exchange.annotations import Annotated, ExchangeError, Region, outlines

FILE = "annotations.xml"
KINDS = ("polygon", "box", "ellipse", "mask")
WITHOUT_AREA = ("polyline", "points", "cuboid", "skeleton")


def _region(shape: ElementTree.Element, height: int, width: int) -> Region:
    name = shape.attrib["label"]
    if shape.tag == "polygon":
        corners = [[float(part) for part in corner.split(",")] for corner in shape.attrib["points"].split(";")]
        return Region(name, (np.array(corners).reshape(-1, 2),))
    if shape.tag == "box":
        left, top, right, bottom = (float(shape.attrib[key]) for key in ("xtl", "ytl", "xbr", "ybr"))
        return Region(name, (np.array([(left, top), (right, top), (right, bottom), (left, bottom)]),))
    if shape.tag == "ellipse":
        center, axes = ((float(shape.attrib[key]) for key in keys) for keys in (("cx", "cy"), ("rx", "ry")))
        turned = float(shape.attrib.get("rotation", 0))
        corners = cv2.ellipse2Poly(tuple(map(round, center)), tuple(map(round, axes)), round(turned), 0, 360, 4)
        return Region(name, (corners.astype(np.float64),))
    left, top, box_width, box_height = (int(shape.attrib[key]) for key in ("left", "top", "width", "height"))
    runs = [int(run) for run in shape.attrib["rle"].split(",")]
    mask = np.zeros((height, width), bool)
    part = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(box_height, box_width)
    mask[top : top + box_height, left : left + box_width] = part
    return Region(name, mask=mask)


def read(path: Path) -> list[Annotated]:
    """The frames of an XML file, or of annotations.xml in a folder. Raises ExchangeError."""
    file = path / FILE if path.is_dir() else path
    frames = []
    try:
        for image in ElementTree.parse(file).getroot().iter("image"):
            height, width = int(image.attrib["height"]), int(image.attrib["width"])
            unusable = next((shape for shape in image if shape.tag in WITHOUT_AREA), None)
            if unusable is not None:
                raise ExchangeError(
                    f"{file}: {image.attrib['name']} has a {unusable.tag} of {unusable.attrib.get('label')!r}, which "
                    f"has no area; accepted are {', '.join(KINDS)}"
                )
            shapes = [shape for shape in image if shape.tag in KINDS]
            shapes.sort(key=lambda shape: int(shape.attrib.get("z_order", 0)))
            regions = tuple(_region(shape, height, width) for shape in shapes)
            frames.append(Annotated(image.attrib["name"].rsplit("/", 1)[-1], height, width, regions))
    except ExchangeError:
        raise
    except (OSError, ElementTree.ParseError, KeyError, ValueError) as error:
        raise ExchangeError(f"{file}: is not a file of CVAT for images ({type(error).__name__}: {error})") from error
    return frames


def write(folder: Path, frames: list[tuple[str, np.ndarray]], labels: LabelSet) -> None:
    """Write annotations.xml with the polygons of each (file name, mask). Raises OSError."""
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    for number, (file_name, mask) in enumerate(frames):
        size = {"width": str(mask.shape[1]), "height": str(mask.shape[0])}
        image = ElementTree.SubElement(root, "image", {"id": str(number), "name": file_name, **size})
        for order, region in enumerate(outlines(mask, labels)):
            points = ";".join(f"{x:.2f},{y:.2f}" for x, y in region.polygons[0])
            attributes = {"label": region.name, "source": "manual", "occluded": "0", "points": points}
            ElementTree.SubElement(image, "polygon", {**attributes, "z_order": str(order)})
    write_atomically(folder / FILE, ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))
