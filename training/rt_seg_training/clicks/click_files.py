"""Files of clicks: masks without a window, and the same again whenever they are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rt_seg.labels import LabelSet
from rt_seg.settings import parse_yaml, shown
from rt_seg_training.clicks.click_model import ClickModel, ClickModelError
from rt_seg_training.clicks.simulated_clicks import Click

EXAMPLE = """frame_000012:            # name of the image, without its suffix
- class: hole            # default: the first class after the background
  add: [[320, 240]]      # x, y in pixels: in the region
  remove: [[400, 100]]   # not in it
"""


@dataclass(frozen=True)
class ClickedRegion:
    """The clicks of a region and its class id."""

    class_id: int
    clicks: tuple[Click, ...]


def read_clicks(path: Path, labels: LabelSet) -> dict[str, tuple[ClickedRegion, ...]]:
    """Name of an image → its regions, from a YAML file as EXAMPLE. Raises ClickModelError that names the entry."""
    from rt_seg_training.datasets.source_files import read_text

    try:
        text = read_text(path)
    except (OSError, ValueError) as error:
        raise ClickModelError(f"{path}: cannot be read ({error})") from error
    # Texts only: an image may be called 0010 or 1e3.
    content = parse_yaml(text, str(path), ClickModelError, only_text=True)
    if not isinstance(content, Mapping):
        raise ClickModelError(f"{path}: accepted is\n{EXAMPLE}")
    found = {}
    for name, regions in content.items():
        if not isinstance(regions, list) or not regions:
            raise ClickModelError(f"{path}: {name}: accepted is a list of regions, as in\n{EXAMPLE}")
        found[name] = tuple(_region(f"{path}: {name}", region, labels) for region in regions)
    return found


def _region(where: str, region: object, labels: LabelSet) -> ClickedRegion:
    if not isinstance(region, Mapping) or set(region) - {"class", "add", "remove"}:
        raise ClickModelError(f"{where}: {shown(region)}: accepted are the keys class, add and remove")
    name = region.get("class", labels.names[min(1, len(labels) - 1)])
    if name not in labels.names:
        raise ClickModelError(f"{where}: class {shown(name)}: accepted are {', '.join(labels.names)}")
    clicks = []
    for key in ("add", "remove"):
        places = region.get(key, [])
        if not isinstance(places, list):
            raise ClickModelError(f"{where}: {key} {shown(places)}: accepted is a list of [x, y]")
        for place in places:
            try:
                x, y = (float(value) for value in place)
            except (TypeError, ValueError):
                x = y = np.nan
            if not (isinstance(place, list) and np.isfinite((x, y)).all()):
                raise ClickModelError(f"{where}: {key} {shown(place)}: accepted is [x, y] in pixels")
            clicks.append(Click(x, y, key == "add"))
    if not any(click.adds for click in clicks):
        raise ClickModelError(f"{where}: no add click, so there is no region")
    return ClickedRegion(labels.names.index(name), tuple(clicks))


def mask_of(image: np.ndarray, regions: tuple[ClickedRegion, ...], model: ClickModel, where: str = "") -> np.ndarray:
    """(H, W) uint8 class ids: the regions of `image`, (H, W, 3) uint8 RGB, later ones over earlier ones.

    Clicks are taken one by one, as in the window. Raises ClickModelError for a click outside the image.
    """
    height, width = image.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    for region in regions:
        known = None
        for count, click in enumerate(region.clicks, 1):
            if not (0 <= click.x <= width - 1 and 0 <= click.y <= height - 1):
                raise ClickModelError(f"{where}: click {click.x:g}, {click.y:g}: the image is {width}x{height}")
            known = model.mask(image, region.clicks[:count], known)
        mask[known] = region.class_id
    return mask
