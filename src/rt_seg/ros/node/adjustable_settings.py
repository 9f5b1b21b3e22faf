"""The settings that dynamic_reconfigure changes while the node runs.

cfg/Segmentation.cfg is made of this dataclass when the package is built, so this file imports nothing but the standard
library.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


def _setting(default: Any, low: Any, high: Any, text: str) -> Any:
    return field(default=default, metadata={"range": (low, high), "help": text})


def _choice(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class AdjustableSettings:
    """Private parameters that may change between two images; config/segmentation.yaml gives their values."""

    overlay_alpha: float = _setting(0.5, 0.0, 1.0, "overlay opacity in ~overlay")
    overlay_contours: bool = _choice(False, "draw the borders of the regions in ~overlay in full colour")
    overlay_names: bool = _choice(False, "write the names of the classes into ~overlay")
    threshold: float = _setting(0.0, 0.0, 1.0, "probability below which a pixel is 255, unlabelled; 0 keeps all")
    classes: str = _choice("", "names of the classes to keep, comma-separated, others become 255; empty keeps all")
    remap: str = _choice("", "classes to count as others, as in: hole=peg, mug=background")
    smoothing: int = _setting(0, 0, 30, "images in a row that must agree on a pixel's new class; 0 takes each at once")
    maximum_rate: float = _setting(0.0, 0.0, 1000.0, "images per second to work on at most, in live mode; 0 for all")
    minimum_depth: float = _setting(0.0, 0.0, 100.0, "metres; nearer depth counts as unknown")
    maximum_depth: float = _setting(0.0, 0.0, 100.0, "metres; farther depth counts as unknown; 0 for no limit")
    cloud_stride: int = _setting(2, 1, 64, "~points and ~points_kept take every n-th row and column; 1: all pixels")
    float_labels: bool = _choice(False, "label of ~points and ~points_kept as FLOAT32, for who reads floats only")
    keep: str = _choice("", "classes that stay in ~depth_kept and ~points_kept, comma-separated; empty keeps all")
    drop: str = _choice("", "classes that do not stay in ~depth_kept and ~points_kept, comma-separated")
    margin: int = _setting(2, 0, 50, "pixels around what does not stay that do not stay either")
    channels: str = _choice("", "classes of ~probabilities, comma-separated; empty takes all")
    min_area: int = _setting(150, 1, 10**8, "pixels of the smallest region that ~objects names")
    openings: str = _choice("hole", "names of classes that are holes in a surface, comma-separated")
    object_frames: bool = _choice(False, "send a frame object_<track id> to /tf for each tracked object")
    save_below_confidence: float = _setting(
        0.0, 0.0, 1.0, "save the frames whose mean probability is lower, for the next round of labelling; 0: none"
    )
