#!/usr/bin/env python3
"""Hands the readers of labels spoilt files: each must read them or refuse them with a message that names the file.

`make fuzz`, or `fuzz_readers.py --seconds 60 coco cvat`. Whole files are made, then values in them are exchanged, left
out and doubled, and bytes are changed, cut out and repeated. A finding is any exception but the readers' own, a file
that takes more than 2 s, or more than 1 GB of memory. The file is kept, and its random seed makes it again.
"""

from __future__ import annotations

import copy
import json
import random
import shutil
import sys
import tempfile
import zipfile
import zlib
from base64 import b64encode
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(REPOSITORY / part) for part in ("src", "training", "test/support")]

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from fuzzing import fuzz, main, spoil_bytes  # noqa: E402
from png_in_base64 import png, png_bytes  # noqa: E402

from rt_seg.labels import LabelError  # noqa: E402
from rt_seg_training.datasets.errors import DatasetError  # noqa: E402
from rt_seg_training.datasets.labelled_frame import encode, write_labels  # noqa: E402
from rt_seg_training.label_exchange.annotations import ExchangeError, labels_of  # noqa: E402
from rt_seg_training.label_exchange.exchange import export_labels, import_labels  # noqa: E402

NASTY: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, 1e300, -1e300, 1e12, 1e13, float("nan"), float("inf"), 0.5, "",
    " ", "x", "1", "nan", "\x00", "\ud800", "a/../b", "\\", "é" * 50, "9" * 5000, [], {}, [[]], [None], [[1, 2]] * 3,
    {"a": 1}, [1e300, -1e300] * 4, [0] * 7, "../../etc/x.png", "a.png", "b.png", [1] * 5000,
)  # fmt: skip
MASK = np.zeros((48, 64), np.uint8)
MASK[10:30, 10:40] = 1
MASK[15:20, 15:20] = 2
MASK[16, 16] = 0
MASK[40:44, 50:] = 255


def make_set(folder: Path) -> None:
    """A data set of two images, a.png and b.png."""
    for name in ("a", "b"):
        for part, image in (("rgb", np.zeros((48, 64, 3), np.uint8)), ("gt", MASK)):
            (folder / part).mkdir(parents=True, exist_ok=True)
            (folder / part / f"{name}.png").write_bytes(encode(".png", image))
    write_labels(folder, labels_of(["x", "y"]))


def make_labels(form: str, folder: Path, source: Path) -> None:
    """Whole labels of both images in a format, with everything that its reader knows."""
    square = [[10.0, 10.0], [20.0, 10.0], [20.0, 20.0], [10.0, 20.0]]
    if form in ("labelme", "coco", "coco-polygons", "cvat", "voc", "yolo"):
        export_labels(form, source, folder)
    if form == "labelme":
        shapes = json.loads((folder / "a.json").read_text())
        extra = {"group_id": None, "flags": {}, "label": "y"}
        shapes["shapes"] += [
            {"shape_type": "circle", "points": square[:2], **extra},
            {"shape_type": "rectangle", "points": square[::2], **extra},
            {"shape_type": "mask", "points": [[-2, -2], [9, 7]], "mask": png(np.ones((10, 12), bool)), **extra},
        ]
        (folder / "a.json").write_text(json.dumps(shapes))
    if form == "coco":
        data = json.loads((folder / "annotations.json").read_text())
        runs = {"size": [48, 64], "counts": "0PP3"}
        data["annotations"] += [
            {"id": 90, "image_id": 1, "category_id": 1, "segmentation": [], "bbox": [1, 2, 3, 4], "iscrowd": 0},
            {"id": 91, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 9, 1, 9, 9]], "iscrowd": 1},
            {"id": 92, "image_id": 2, "category_id": 2, "segmentation": runs},
        ]
        (folder / "annotations.json").write_text(json.dumps(data))
    if form == "cvat":
        file = folder / "annotations.xml"
        more = (
            '<box label="x" xtl="1" ytl="2" xbr="30" ybr="9" rotation="30" z_order="1"/>'
            '<ellipse label="y" cx="20" cy="20" rx="9" ry="4" rotation="10"/>'
            '<mask label="x" rle="5,10,5" left="-2" top="3" width="5" height="4"/></image>'
        )
        track = (
            '<track id="0" label="x"><box frame="0" outside="0" keyframe="1" xtl="1" ytl="1" xbr="9" ybr="9"/>'
            '<box frame="1" outside="1" keyframe="1" xtl="5" ytl="1" xbr="19" ybr="9"/></track></annotations>'
        )
        text = file.read_text().replace("</image>", more, 1).replace("</annotations>", track)
        if random.random() < 0.5:
            size = "<original_size><width>64</width><height>48</height></original_size>"
            text = f"<annotations><meta><task><size>2</size>{size}</task></meta>{track}"
        file.write_text(text)
    if form == "labelstudio":
        percent = [[100 * x / 64, 100 * y / 48] for x, y in square]
        size = {"original_width": 64, "original_height": 48, "image_rotation": 0, "id": "1"}
        box = {"x": 10, "y": 10, "width": 20, "height": 10, "rotation": 20, "rectanglelabels": ["x"]}
        ellipse = {"x": 10, "y": 10, "radiusX": 20, "radiusY": 10, "rotation": 20, "ellipselabels": ["x"]}
        # 64 x 48 x 4 values in one run of 0 and the rest in others.
        bits = f"{64 * 48 * 4:032b}{7:05b}" + "0011011111001111" + f"1{3:02b}{64 * 48 * 4 - 1:016b}{255:08b}"
        bits += "0" * (-len(bits) % 8)
        rle = [int(bits[start : start + 8], 2) for start in range(0, len(bits), 8)]
        results = [
            {"type": "polygonlabels", "value": {"points": percent, "polygonlabels": ["x"]}, **size},
            {"type": "rectanglelabels", "value": box, **size}, {"type": "ellipselabels", "value": ellipse, **size},
            {"type": "brushlabels", "value": {"format": "rle", "rle": rle, "brushlabels": ["y"]}, **size},
        ]  # fmt: skip
        tasks = [
            {"id": 1, "data": {"image": "/data/upload/1/1a2b3c4d-a.png"}, "annotations": [{"result": results}]},
            {"id": 2, "data": {"image": "b.png"}, "annotations": [{"result": results[:1]}], "predictions": []},
        ]
        folder.mkdir(exist_ok=True)
        (folder / "project.json").write_text(json.dumps(tasks))
    if form == "supervisely":
        packed = b64encode(zlib.compress(png_bytes(np.ones((5, 6), bool), "P"))).decode()
        entries = [
            {"classTitle": "x", "geometryType": "polygon", "points": {"exterior": square, "interior": [square[:3]]}},
            {"classTitle": "y", "geometryType": "bitmap", "bitmap": {"origin": [-2, 3], "data": packed}},
            {"classTitle": "y", "geometryType": "rectangle", "points": {"exterior": square[::2], "interior": []}},
        ]
        (folder / "ds" / "ann").mkdir(parents=True, exist_ok=True)
        for name in ("a", "b"):
            data = {"size": {"height": 48, "width": 64}, "objects": entries}
            (folder / "ds" / "ann" / f"{name}.png.json").write_text(json.dumps(data))
        (folder / "meta.json").write_text(json.dumps({"classes": [{"title": "x"}, {"title": "y"}]}))
    if form == "masks":
        folder.mkdir(exist_ok=True)
        if random.random() < 0.5:
            (folder / "_classes.csv").write_text("Pixel Value, Class\n0, background\n1, x\n2, y\n255, __ignore__\n")
            (folder / "a_mask.png").write_bytes(encode(".png", MASK))
        else:
            (folder / "data.yaml").write_text("names: {0: background, 1: x, 2: y}\nmasks_dir: masks\n")
            (folder / "masks").mkdir(exist_ok=True)
            (folder / "masks" / "a.png").write_bytes(encode(".png", MASK))


def places(value: Any, path: tuple = ()) -> list[tuple]:
    """The paths of all values in a JSON file."""
    found = [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        found += places(part, (*path, key))
    return found


def spoil_json(data: Any, chance: random.Random) -> Any:
    """Exchange, leave out, double or move a few values."""
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        every = [path for path in places(data) if path]
        if not every:
            return chance.choice(NASTY)
        path = chance.choice(every)
        parent = data
        for key in path[:-1]:
            parent = parent[key]
        action = chance.random()
        if action < 0.6:
            parent[path[-1]] = copy.deepcopy(chance.choice(NASTY))
        elif action < 0.75:
            del parent[path[-1]]
        elif action < 0.85 and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[path[-1]]))
        else:
            other = chance.choice(every)
            value = data
            for key in other:
                value = value[key] if not isinstance(value, (str, int, float, bool, type(None))) else value
            if len(str(value)[:100_001]) < 100_000:
                parent[path[-1]] = copy.deepcopy(value)
    return data


def spoil_words(text: str, chance: random.Random) -> str:
    """Exchange words of XML, YAML or plain text."""
    for _ in range(chance.choice([1, 1, 2, 5])):
        words = text.split('"') if '"' in text else text.split(" ")
        place = chance.randrange(len(words))
        nasty = str(chance.choice(NASTY)) if chance.random() < 0.8 else chance.choice(words)
        words[place] = nasty.replace("\ud800", "?")
        text = ('"' if '"' in text else " ").join(words)
    return text


def spoil(folder: Path, chance: random.Random) -> None:
    """Spoil one of the files of a folder."""
    file = chance.choice(sorted(path for path in folder.rglob("*") if path.is_file()))
    if file.suffix == ".json" and chance.random() < 0.8:
        text = json.dumps(spoil_json(json.loads(file.read_text()), chance))
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
    elif file.suffix in (".xml", ".yaml", ".txt", ".csv") and chance.random() < 0.7:
        file.write_text(spoil_words(file.read_text(), chance))
    else:
        file.write_bytes(spoil_bytes(file.read_bytes(), chance))


def attempt(form: str, seed: int, root: Path, source: Path) -> None:
    """Read one spoilt file, and look at the masks. Raises the readers' refusals, and whatever is a finding."""
    chance = random.Random(seed)
    random.seed(seed)
    shutil.rmtree(root, ignore_errors=True)
    folder = root / "labels"
    root.mkdir(parents=True)
    make_labels(form, folder, source)
    path = folder
    if chance.random() < 0.1:
        path = root / "labels.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(folder.rglob("*")):
                archive.write(file, file.relative_to(folder))
        path.write_bytes(spoil_bytes(path.read_bytes(), chance))
    else:
        spoil(folder, chance)
    reading = "auto" if chance.random() < 0.1 else form
    boxes, skip = chance.random() < 0.5, chance.random() < 0.5
    import_labels(reading, [path], source / "rgb", root / "out", boxes=boxes, skip=skip)
    for mask in (root / "out" / "gt").glob("*.png"):
        found = cv2.imread(str(mask), cv2.IMREAD_UNCHANGED)
        if found is None or found.shape != MASK.shape:
            raise AssertionError(f"{mask.name} is no mask of the image")


READERS = ("labelme", "coco", "coco-polygons", "cvat", "voc", "yolo", "labelstudio", "supervisely", "masks")


def fuzz_reader(form: str, seconds: float, seed: int) -> int:
    """Spoil files of a format for a time; the number of findings, whose files are kept."""
    with tempfile.TemporaryDirectory(prefix="rt_seg_") as folder:
        work = Path(folder)
        source = work / "set"
        make_set(source)

        def keep() -> str:
            kept = Path(tempfile.mkdtemp(prefix=f"rt_seg_fuzz_{form}_"))
            shutil.copytree(work / "now", kept, dirs_exist_ok=True)
            return f", file in {kept}"

        refusals = (ExchangeError, DatasetError, LabelError)
        return fuzz(form, lambda number: attempt(form, number, work / "now", source), refusals, seconds, seed, keep)


if __name__ == "__main__":
    sys.exit(main(__doc__, READERS, fuzz_reader))
