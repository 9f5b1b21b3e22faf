"""The settings that dynamic_reconfigure changes while the node runs.

cfg/Segmentation.cfg is made of this dataclass when the package is built, so this file imports nothing but the standard
library. config/segmentation.yaml and docs/settings.md are, too: `make settings` writes them.
"""

from __future__ import annotations

from dataclasses import dataclass

from rt_seg.setting_field import setting


@dataclass(frozen=True)
class AdjustableSettings:
    """Private parameters that may change between two images; config/segmentation.yaml gives their values."""

    overlay_alpha: float = setting(0.5, "overlay opacity in ~overlay", 0.0, 1.0)
    overlay_contours: bool = setting(False, "draw the borders of the regions in ~overlay in full colour")
    overlay_names: bool = setting(False, "write the names of the classes into ~overlay")
    threshold: float = setting(
        0.0, "probability below which a pixel is 255, unlabelled; 0 keeps all and skips the computation", 0.0, 1.0
    )
    classes: str = setting("", "names of the classes to keep, comma-separated, others become 255; empty keeps all")
    remap: str = setting("", "classes to merge into others, such as hole=peg, mug=background")
    smoothing: int = setting(
        0, "consecutive images that must agree on a pixel's new class; reduces flicker, adds delay", 0, 30
    )
    maximum_rate: float = setting(0.0, "maximum images per second in live mode; 0 for all", 0.0, 1000.0)
    minimum_depth: float = setting(
        0.0, "metres; nearer depth counts as unknown in points, statistics and objects", 0.0, 100.0
    )
    maximum_depth: float = setting(0.0, "metres; farther depth counts as unknown; 0 for no limit", 0.0, 100.0)
    cloud_stride: int = setting(
        2, "~points and ~points_kept use every n-th row and column; 1 uses all: 6 MB per message at 640x480", 1, 64
    )
    float_labels: bool = setting(
        False,
        "label of ~points and ~points_kept as FLOAT32, for consumers that read only floats (elevation_mapping_cupy)",
    )
    keep: str = setting("", "classes to keep in ~depth_kept and ~points_kept, comma-separated; empty keeps all")
    drop: str = setting(
        "",
        "classes to remove from ~depth_kept and ~points_kept, comma-separated (for example person)",
    )
    margin: int = setting(
        2, "pixels around removed regions that are removed, too: depth at an edge mixes both sides", 0, 50
    )
    channels: str = setting("", "classes of ~probabilities, comma-separated, in this order; empty: all")
    min_area: int = setting(150, "minimum area of a region in ~objects, pixels", 1, 10**8)
    openings: str = setting(
        "hole", "classes that are holes, comma-separated; their pose lies in the plane of the surrounding surface"
    )
    object_frames: bool = setting(
        False,
        "send a frame object_<track id> to /tf for each tracked object; in a namespace: <namespace>_object_<track id>",
    )
    save_below_confidence: float = setting(
        0.0, "save the frames whose mean probability is lower, for the next round of labelling; 0: none", 0.0, 1.0
    )
