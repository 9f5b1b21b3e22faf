"""What a file or folder of labels looks like, so that a wrong format is answered with the right one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rt_seg.labelled_folder import LabelledFolder
from rt_seg_training.label_exchange.annotations import ExchangeError
from rt_seg_training.label_exchange.file_values import read_json, read_text
from rt_seg_training.label_exchange.image_names import files_below

MAX_BYTES = 50 << 20
"""Of a file that is looked into."""


@dataclass(frozen=True)
class Kind:
    """What a file is called, and the format that reads it; without one, what to do."""

    name: str
    format: str | None = None
    advice: str = ""


def recognized(path: Path) -> Kind | None:
    """What labels a path holds; None where nothing is known. Never raises for what files hold."""
    try:
        return _folder(path) if path.is_dir() else _file(path)
    except (ExchangeError, OSError, RecursionError):
        return None


def _folder(path: Path) -> Kind | None:
    if LabelledFolder(path).color.is_dir() and LabelledFolder(path).ground_truth.is_dir():
        return Kind("a data set of this package", None, "it needs no import: lint_dataset, build_dataset custom")
    if (path / "leftImg8bit").is_dir() or (path / "gtFine").is_dir():
        return Kind("Cityscapes", None, "build_dataset cityscapes reads it")
    if (path / "labelmap.txt").is_file():
        return Kind("VOC colour masks", "voc")
    if next(path.rglob("_annotations.coco.json"), None):
        return Kind("Roboflow's COCO", "coco")
    if next(path.rglob("_classes.csv"), None):
        return Kind("Roboflow's masks", "masks")
    for name in ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml"):
        if (path / name).is_file():
            return _file(path / name)
    if next(path.rglob("*.xml"), None):
        return _file(sorted(path.rglob("*.xml"))[0])
    if (path / "JPEGImages").is_dir() and (path / "SegmentationClass").is_dir():
        return Kind("VOC without labelmap.txt", "voc", "write a labelmap.txt: lines of name:red,green,blue::")
    if (path / "annotations").is_dir() and (path / "annotations" / "trimaps").is_dir():
        return Kind("Oxford-IIIT Pet", None)
    files = [file for file in files_below(path, (".json",)) if file.name != "meta.json"]
    if files:
        return _file(files[0])
    for suffix in (".tfrecord", ".ndjson", ".parquet", ".csv", ".txt"):
        found = files_below(path, (suffix,))
        if found:
            return _file(found[0])
    return None


def _file(path: Path) -> Kind | None:
    suffix = path.suffix.lower()
    if path.stat().st_size > MAX_BYTES and suffix != ".json":
        return None
    if suffix == ".json":
        return _json(read_json(path, "labels"))
    if suffix in (".xml", ".yaml", ".yml"):
        content = read_text(path)
        return _xml(content) if suffix == ".xml" else _yaml(content)
    if suffix == ".txt":
        first = next((line.split() for line in read_text(path).splitlines() if line.strip()), [])
        if len(first) == 5:
            return Kind("YOLO for detection (boxes)", "yolo", "it has boxes and no outlines: --boxes paints them")
        return Kind("YOLO", "yolo") if len(first) > 6 else None
    return {
        ".ndjson": Kind("lines of JSON (Labelbox, Ultralytics)", None, "export as COCO"),
        ".jsonl": Kind("lines of JSON", None, "export as COCO"),
        ".tfrecord": Kind("TFRecord", None, "export as COCO"),
        ".parquet": Kind("Parquet", None, "export as COCO"),
        ".csv": Kind("a table of boxes or classes", None, "export as COCO, with outlines"),
        ".mat": Kind("MATLAB", None, "export as COCO, or write masks of class ids"),
    }.get(suffix)


def _xml(content: str) -> Kind | None:
    start = content[:2000]
    if "<annotations" in start:
        return Kind("CVAT", "cvat")
    if "<annotation" in start:
        return Kind("VOC boxes, or LabelMe's XML", None, "it has boxes and no outlines; export as COCO or VOC masks")
    if "<dataset" in start:
        return Kind("dlib's imglab", None, "it has boxes and no outlines")
    return None


def _yaml(content: str) -> Kind | None:
    keys = {line.partition(":")[0] for line in content.splitlines() if line and not line[0].isspace()}
    if "masks_dir" in keys:
        return Kind("Ultralytics' semantic masks", "masks")
    if "kpt_shape" in keys:
        return Kind("YOLO pose (key points)", None, "key points have no outlines")
    return Kind("YOLO", "yolo") if "names" in keys else None


def _json(data: Any) -> Kind | None:
    if isinstance(data, list):
        entry = data[0] if data and isinstance(data[0], dict) else {}
        if "annotations" in entry and "data" in entry:
            return Kind("Label Studio", "labelstudio")
        if any(key.endswith("labels") for key in entry) or "annotator" in entry:
            return Kind("Label Studio's JSON-MIN", None, "export as JSON")
        if "image_id" in entry and "category_id" in entry:
            return Kind("COCO results (what a detector found)", None, "labels are a file with images and categories")
        if "image" in entry and "annotations" in entry:
            return Kind("CreateML", None, "it has boxes and no outlines; export as COCO")
        if "Label" in entry or "data_row" in entry:
            return Kind("Labelbox", None, "export as COCO")
        return None
    if not isinstance(data, dict):
        return None
    first = next(iter(data.values()), None)
    annotations = data.get("annotations")
    if "images" in data and isinstance(annotations, list):
        entry = annotations[0] if annotations and isinstance(annotations[0], dict) else {}
        if "segments_info" in entry:
            return Kind("panoptic COCO", None, "export instances, or convert its PNG files to masks of class ids")
        if "caption" in entry:
            return Kind("captions of COCO", None, "take instances_….json")
        return Kind("COCO", "coco")
    known = (
        ({"shapes"}, Kind("labelme", "labelme")),
        ({"objects", "size"}, Kind("Supervisely", "supervisely")),
        ({"classes", "projectType"}, Kind("Supervisely's meta.json", "supervisely", "name the folder of the project")),
        ({"objects", "imgHeight"}, Kind("Cityscapes' polygons", None, "build_dataset cityscapes reads the data set")),
        ({"_via_img_metadata"}, Kind("VGG Image Annotator", None, "export as COCO")),
        ({"items", "categories"}, Kind("Datumaro", None, "export as COCO, or as Segmentation mask")),
        ({"asset", "regions"}, Kind("VoTT", None, "export as COCO")),
        ({"data", "annotations"}, Kind("one task of Label Studio", None, "export the project as JSON")),
        ({"features", "type"}, Kind("GeoJSON", None, "export as COCO")),
        ({"openlabel"}, Kind("OpenLABEL", None, "export as COCO")),
    )
    for keys, kind in known:
        if keys <= set(data):
            return kind
    if isinstance(first, dict) and {"filename", "regions"} <= set(first):
        return Kind("VGG Image Annotator", None, "export as COCO")
    return None
