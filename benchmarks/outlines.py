#!/usr/bin/env python3
"""Accuracy of outlines to masks and masks to outlines: IoU with exact coverage, and the result of COCO's own reader.

Readers are this package's, pycocotools, OpenCV's fillPoly and Pillow's polygon (used by labelme), on small discs; exact
coverage is that of 16 x 16 samples per pixel. Then masks are exported as COCO and read by pycocotools, one object
at a time.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "training")]

EXAMPLE = """example:
  RT_SEG_DATA=../shared/data benchmarks/outlines.py

The first table: mean and minimum IoU of a disc, area as a share of the exact one, and time of a disc as a ratio to
pycocotools. The second: objects, how many of them are single pixels, minimum IoU of one, and objects below 0.98;
without RT_SEG_DATA only of synthetic masks. `coco` exports one object per class, `coco-polygons` one per piece."""
CASE = ROOT / "test" / "training" / "public_cases" / "small_discs_half_pixel" / "c.json"
SAMPLES = 16


def coverage(corners: Any, height: int, width: int) -> Any:
    """(H, W) float: the share of each pixel that lies inside an outline, by the even-odd rule."""
    import numpy as np
    from matplotlib.path import Path as Outline

    left, top = np.floor(corners.min(axis=0)).astype(int) - 1
    right, bottom = np.ceil(corners.max(axis=0)).astype(int) + 1
    y, x = (np.mgrid[: (bottom - top) * SAMPLES, : (right - left) * SAMPLES] + 0.5) / SAMPLES
    places = np.stack([x.ravel() + left, y.ravel() + top], axis=1)
    inside = Outline(corners, closed=False).contains_points(places).reshape(x.shape)
    shares = inside.reshape(bottom - top, SAMPLES, right - left, SAMPLES).mean(axis=(1, 3))
    whole = np.zeros((height, width))
    whole[top:bottom, left:right] = shares
    return whole


def readers() -> dict[str, Callable[[Any, int, int], Any]]:
    """Name → what makes (H, W) bool of (N, 2) corners, height and width."""
    import cv2
    import numpy as np
    from PIL import Image, ImageDraw
    from pycocotools import mask as coco

    from rt_seg_training.label_exchange.outlines import filled

    def of_pycocotools(corners: Any, height: int, width: int) -> Any:
        return coco.decode(coco.frPyObjects([corners.ravel().tolist()], height, width))[..., 0] > 0

    def of_opencv(corners: Any, height: int, width: int) -> Any:
        return cv2.fillPoly(np.zeros((height, width), np.uint8), [np.rint(corners).astype(np.int32)], 1) > 0

    def of_pillow(corners: Any, height: int, width: int) -> Any:
        image = Image.new("1", (width, height))
        ImageDraw.Draw(image).polygon([tuple(corner) for corner in corners.tolist()], outline=1, fill=1)
        return np.asarray(image)

    return {
        "pycocotools": of_pycocotools, "this package": lambda corners, *size: filled([corners], *size),
        "OpenCV fillPoly": of_opencv, "Pillow (labelme)": of_pillow,
    }  # fmt: skip


def iou(one: Any, other: Any) -> float:
    """Intersection over union of two masks."""
    return float((one & other).sum() / max(1, (one | other).sum()))


def discs() -> None:
    """Print the table of the readers."""
    import numpy as np

    data = json.loads(CASE.read_text())
    height, width = data["images"][0]["height"], data["images"][0]["width"]
    outlines = [np.array(entry["segmentation"][0]).reshape(-1, 2) for entry in data["annotations"]]
    shares = [coverage(outline, height, width) for outline in outlines]
    print(f"{len(outlines)} discs of {CASE.parent.name}")
    print(f"{'reader':18}{'mean IoU':>9}{'least':>8}{'area':>8}{'time':>8}")
    baseline = 0.0
    for name, reader in readers().items():
        times, masks = [], []
        for outline in outlines:
            started = time.perf_counter()
            masks.append(reader(outline, height, width))
            times.append(time.perf_counter() - started)
        ratios = [iou(mask, share > 0.5) for mask, share in zip(masks, shares)]
        area = sum(int(mask.sum()) for mask in masks) / sum(share.sum() for share in shares)
        baseline = baseline or statistics.median(times)
        ratio = statistics.median(times) / baseline
        print(f"{name:18}{statistics.mean(ratios):9.3f}{min(ratios):8.3f}{area:8.3f}{ratio:7.2f}x")


def made_up(count: int) -> list[Any]:
    """Masks with pieces in pieces, holes, and single pixels of three classes."""
    import cv2
    import numpy as np

    random = np.random.default_rng(0)
    masks = []
    for _ in range(count):
        mask = np.zeros((240, 320), np.uint8)
        for number in (1, 2, 3, 0, 1, 2, 0, 3):
            x, y, across, down = (int(value) for value in random.integers((0, 0, 3, 3), (320, 240, 90, 60)))
            cv2.ellipse(mask, (x, y), (across, down), float(random.uniform(0, 180)), 0, 360, number, -1)
        specks = random.random(mask.shape) < 0.002
        mask[specks] = random.integers(0, 4, specks.sum())
        masks.append(mask)
    return masks


def camvid(count: int) -> list[Any]:
    """The first masks of CamVid's validation part where RT_SEG_DATA has it; class 0 is no background there."""
    import cv2

    folder = Path(os.environ.get("RT_SEG_DATA", "none")) / "camvid" / "valannot"
    files = sorted(folder.glob("*.png"))[:count]
    return [cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in files]


def round_trip(name: str, masks: list[Any], polygons: bool) -> None:
    """Print what pycocotools gives back of masks that were exported."""
    import contextlib
    import io

    import cv2
    import numpy as np
    from pycocotools.coco import COCO

    from rt_seg_training.label_exchange import coco
    from rt_seg_training.label_exchange.annotations import labels_of

    labels = labels_of([f"class {number}" for number in range(1, 1 + max(int(mask.max()) for mask in masks))])
    ratios, single = [], 0
    with tempfile.TemporaryDirectory() as folder:
        coco.write(Path(folder), [(f"{n}.png", mask) for n, mask in enumerate(masks)], labels, polygons=polygons)
        with contextlib.redirect_stdout(io.StringIO()):
            reader = COCO(str(Path(folder) / coco.FILE))
        for image, mask in enumerate(masks, start=1):
            pieces = {}
            for entry in reader.loadAnns(reader.getAnnIds([image])):
                found = reader.annToMask(entry) > 0
                number = entry["category_id"]
                if number not in pieces:
                    pieces[number] = cv2.connectedComponents((mask == number).astype(np.uint8), connectivity=4)[1]
                if polygons:  # the piece in which its outline begins
                    corner = np.array(entry["segmentation"][0][:2], int)
                    truth = pieces[number] == pieces[number][corner[1], corner[0]]
                else:
                    truth = mask == number
                single += int(truth.sum()) == 1
                ratios.append(iou(found, truth))
    form = "coco-polygons" if polygons else "coco"
    below = sum(ratio < 0.98 for ratio in ratios)
    print(f"{name:18}{form:15}{len(ratios):8}{single:15}{min(ratios):11.4f}{below:12}")


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; returns 0, or 2 without pycocotools."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--masks", type=int, default=20, help="masks per kind (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        import pycocotools  # noqa: F401
    except ImportError:
        print("outlines: pycocotools is not installed: pip install -r requirements-test.txt", file=sys.stderr)
        return 2
    discs()
    print(f"\n{'masks':18}{'format':15}{'objects':>8}{'single pixels':>15}{'min. IoU':>11}{'below 0.98':>12}")
    sets = {"made up": made_up(options.masks), "camvid/val": camvid(options.masks)}
    for name, masks in sets.items():
        for polygons in (False, True) if masks else ():
            round_trip(name, masks, polygons)
    return 0


if __name__ == "__main__":
    sys.exit(main())
