"""Files of clicks: masks without a window, and the same again whenever they are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rt_seg.labels import LabelSet
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
    import yaml

    from rt_seg_training.datasets.source_files import read_text

    try:
        content = yaml.safe_load(read_text(path))
    except (yaml.YAMLError, OSError, ValueError) as error:
        raise ClickModelError(f"{path}: cannot be read ({error})") from error
    if not isinstance(content, Mapping):
        raise ClickModelError(f"{path}: accepted is\n{EXAMPLE}")
    found = {}
    for name, regions in content.items():
        if not isinstance(regions, list) or not regions:
            raise ClickModelError(f"{path}: {name}: accepted is a list of regions, as in\n{EXAMPLE}")
        found[str(name)] = tuple(_region(f"{path}: {name}", region, labels) for region in regions)
    return found


def _region(where: str, region: object, labels: LabelSet) -> ClickedRegion:
    if not isinstance(region, Mapping) or set(region) - {"class", "add", "remove"}:
        raise ClickModelError(f"{where}: {region!r}: accepted are the keys class, add and remove")
    name = region.get("class", labels.names[min(1, len(labels) - 1)])
    if name not in labels.names:
        raise ClickModelError(f"{where}: class {name!r}: accepted are {', '.join(labels.names)}")
    clicks = []
    for key in ("add", "remove"):
        places = region.get(key, [])
        if not isinstance(places, list):
            raise ClickModelError(f"{where}: {key} {places!r}: accepted is a list of [x, y]")
        for place in places:
            numbers = (
                isinstance(place, list)
                and len(place) == 2
                and all(
                    isinstance(value, (int, float)) and not isinstance(value, bool) and np.isfinite(value)
                    for value in place
                )
            )
            if not numbers:
                raise ClickModelError(f"{where}: {key} {place!r}: accepted is [x, y] in pixels")
            clicks.append(Click(float(place[0]), float(place[1]), key == "add"))
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
