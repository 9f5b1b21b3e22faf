"""Clicks to masks: mean IoU after 1, 3 and 5 simulated clicks on regions that the network has not seen, and its time.

    python benchmarks/clicks.py custom:~/polehole nyu_depth_v2:~/nyuv2_train:13 --regions 100
    python benchmarks/clicks.py d435:~/realsense_d435 --network runs/click_model
    python benchmarks/clicks.py nyu_depth_v2:~/nyuv2_train:40 camvid:~/camvid --looks 1 3

Baseline, in the same run and with the same kind of clicks: GrabCut with a disc of certain pixels around each click and
the whole image as its box. Clicks are simulated for each method from its own errors (simulated_clicks). Regions are
from the split `validation` (any split if there is none), drawn by a random seed. `d435` is the recording of an
aeroplane, whose outlines are in the tests.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / name) for name in ("src", "training")]

from rt_seg_training.clicks.click_model import ClickModelError  # noqa: E402
from rt_seg_training.clicks.click_network import LOOKS, ClickNetwork  # noqa: E402
from rt_seg_training.clicks.installed_model import SHIPPED, open_click_model  # noqa: E402
from rt_seg_training.clicks.regions import regions_of  # noqa: E402
from rt_seg_training.clicks.simulated_clicks import Click, next_click  # noqa: E402
from rt_seg_training.datasets.images import read_image  # noqa: E402
from rt_seg_training.datasets.layouts import read_layout  # noqa: E402
from rt_seg_training.datasets.source import read_pair  # noqa: E402
from rt_seg_training.labelling.drawing.grabcut import BACKGROUND, OBJECT, Cut, grab_cut  # noqa: E402

CLICKS = 5
SHOWN = (1, 3, 5)
CLICK_RADIUS = 5
AEROPLANE = REPOSITORY / "test" / "training" / "commands" / "aeroplane_polygons.json"


class GrabCutClicks:
    """GrabCut as a model for clicks."""

    description = "GrabCut"

    def mask(self, image: np.ndarray, clicks: Sequence[Click], before: np.ndarray | None = None) -> np.ndarray:
        """See ClickModel."""
        height, width = image.shape[:2]
        strokes = np.zeros((height, width), np.uint8)
        for click in clicks:
            value = OBJECT if click.adds else BACKGROUND
            cv2.circle(strokes, (round(click.x), round(click.y)), CLICK_RADIUS, value, cv2.FILLED)
        present = np.zeros((height, width), bool) if before is None else before
        return grab_cut(image, Cut((0, 0, width, height), strokes), present)


def regions(argument: str, most: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Image, truth and ignored pixels, both (H, W) bool, of so many regions of LAYOUT:PATH[:CLASSES]."""
    layout, path, *classes = argument.split(":")
    folder = Path(path).expanduser()
    if layout == "d435":
        for name, corners in json.loads(AEROPLANE.read_text()).items():
            image = read_image(folder / "color" / f"{name}.jpg")
            truth = cv2.fillPoly(np.zeros(image.shape[:2], np.uint8), [np.array(corners, np.int32)], 1) > 0
            yield image, truth, np.zeros_like(truth)
        return
    source = read_layout(layout, folder, *(int(count) for count in classes))
    pairs = source.splits.get("validation") or [pair for members in source.splits.values() for pair in members]
    random = np.random.default_rng(seed)
    given = 0
    while given < most:
        image, label, _ = read_pair(pairs[random.integers(len(pairs))], source)
        found = [region for region in regions_of(label, source.labels.ignore_id) if region.class_id or classes]
        if found:
            region = found[random.integers(len(found))]
            given += 1
            yield image, region.mask, region.ignored


def follow(model, image: np.ndarray, truth: np.ndarray, ignored: np.ndarray) -> tuple[list[float], list[float]]:
    """IoU after each of CLICKS clicks, and the seconds that each took; a perfect mask stays."""
    mask, clicks, scores, seconds = None, [], [], []
    for _ in range(CLICKS):
        known = np.zeros_like(truth) if mask is None else mask & ~ignored
        click = next_click(truth, known)
        if click is not None:
            clicks.append(click)
            started = time.perf_counter()
            mask = model.mask(image, clicks, mask)
            seconds.append(time.perf_counter() - started)
        assert mask is not None
        seen = mask & ~ignored
        scores.append(float((seen & truth).sum() / (seen | truth).sum()))
    return scores, seconds


def main(arguments: list[str] | None = None) -> int:
    """Print a row for each set and way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", metavar="LAYOUT:PATH[:CLASSES]")
    parser.add_argument("--regions", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--network", type=Path, help="folder of a click network (default: the shipped one)")
    parser.add_argument("--looks", type=int, nargs="+", metavar="COUNT", help="how often it looks for one click")
    parser.add_argument("--baseline", action=argparse.BooleanOptionalAction, default=True, help="measure GrabCut")
    parser.add_argument("--segmenter", type=Path, help="folder of a SAM-like model to measure, too")
    options = parser.parse_args(arguments)
    ways: list = [GrabCutClicks()] if options.baseline else []
    try:
        if options.network is None and options.looks is None:
            installed = open_click_model()
            ways += [] if installed is None else [installed]
        for looks in options.looks or ([LOOKS] if options.network is not None else []):
            network = ClickNetwork(options.network or REPOSITORY / "models" / SHIPPED, looks)
            network.description += f", {looks} looks"
            ways.append(network)
        ways += [open_click_model(options.segmenter)] if options.segmenter is not None else []
    except ClickModelError as error:
        print(f"clicks: {error}", file=sys.stderr)
        return 2
    heads = " ".join(f"{f'{count} clicks':>9}" for count in SHOWN)
    print(f"{'set':32} {'method':36} {heads}   ms per click: median, 95 %")
    for argument in options.sets:
        examples = list(regions(argument, options.regions, options.seed))
        for way in ways:
            results = [follow(way, *example) for example in examples]
            means = np.mean([scores for scores, _ in results], axis=0)
            times = 1000 * np.concatenate([seconds for _, seconds in results])
            name = f"{Path(argument.split(':')[1]).name}, {len(examples)} regions"
            row = " ".join(f"{means[count - 1]:9.3f}" for count in SHOWN)
            slow = f"{np.median(times):.0f}, {np.quantile(times, 0.95):.0f}"
            print(f"{name:32} {way.description:36} {row}   {slow}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
