"""The settings of the node that hold from start to end; adjustable_settings.py has those that change while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Mapping, Tuple

from rt_seg.engines import PRECISIONS
from rt_seg.engines.remote import ENCODINGS
from rt_seg.ros.node.adjustable_settings import AdjustableSettings
from rt_seg.ros.synchronizer import LIVE, MODES
from rt_seg.settings import keys_of, read_settings, setting
from rt_seg.sized_segmenter import AUTO

RAW = "raw"
OLD_NAMES = {"least_area": "min_area"}
"""Parameters that had another name in the release before."""
GIVEN_BY_LAUNCH = ("bundle", "mode")
"""What launch/segmentation.launch sets, and config/segmentation.yaml therefore does not hold."""


@dataclass(frozen=True)
class SegmentationSettings:
    """Private parameters; config/segmentation.yaml and docs/settings.md are made of them: `make settings`."""

    bundle: str = setting(help_text="folder or name of the model bundle")
    runtime: str = setting(
        "auto",
        "engine of the bundle: auto selects the fastest that this machine can run; or openvino, onnxruntime, litert, "
        "saved_model, keras; or remote, a server",
    )
    server: str = setting("", "HOST:PORT of an inference server's gRPC (docs/fleet.md), for runtime remote")
    server_encoding: str = setting(
        RAW, "image encoding for the server: raw gives the masks of the local engine; jpeg takes a tenth of the bytes",
        accepted=ENCODINGS,
    )  # fmt: skip
    server_deadline: float = setting(
        0.25, "timeout of the server, s; after that the local engine is used until the server answers again", 0.01, 1.0
    )
    precision: str = setting(
        "auto", "numeric precision of layers that are not quantised: auto selects the faster one", accepted=PRECISIONS
    )
    threads: int = setting(0, "CPU threads of the engine; 0 uses all cores", 0, 1024)
    input_size: str = setting(
        AUTO, "auto: the largest of the bundle's sizes that keeps the camera's rate (mode live); full; or WIDTHxHEIGHT"
    )
    mode: str = setting(
        LIVE, "live: always the newest image; every_frame: each image in order, none dropped", accepted=MODES
    )
    color_transport: str = setting(
        RAW, "raw, or compressed: JPEG or PNG on color/image_raw/compressed", accepted=(RAW, "compressed")
    )
    depth_transport: str = setting(
        RAW,
        "raw, or compressedDepth: PNG on aligned_depth_to_color/image_raw/compressedDepth",
        accepted=(RAW, "compressedDepth"),
    )
    use_depth: bool = setting(True, "pair colour with aligned depth; false: RGB only, without waiting for depth")
    slop: float = setting(
        0.01, "maximum stamp difference between colour and depth, s (RealSense: stamps are equal)", 0.0, 1.0
    )
    depth_timeout: float = setting(1.0, "fall back to RGB only after this many seconds without depth", 0.05, 60.0)
    target_frame: str = setting(
        "", "frame of ~objects, by tf2: map or odom for a moving robot; empty: that of the camera"
    )
    save_folder: str = setting("~/rt_seg_frames", "where ~save_frame saves frames, in the layout of a custom data set")
    save_limit: int = setting(2000, "maximum MB in save_folder", 1, 10**7)
    save_interval: float = setting(
        5.0, "minimum time between automatically saved frames, s (save_below_confidence)", 0.0, 86400.0
    )
    diagnostic_period: float = setting(1.0, "period of /diagnostics, s", 0.1, 60.0)


def read_all_settings(
    parameters: Mapping[str, Any], where: str, warn: Callable[[str], object] = lambda text: None
) -> Tuple[SegmentationSettings, AdjustableSettings]:
    """Both kinds of settings from the node's parameters; `warn` hears of old names. Raises SettingsError."""
    values = dict(parameters)
    for old, new in OLD_NAMES.items():
        if old in values:
            warn(f"{where}: parameter {old!r} is now called {new!r}; the old name will be removed in the next release")
            values[new] = values.pop(old)
    return (
        read_settings(SegmentationSettings, values, where, elsewhere=keys_of(AdjustableSettings)),
        read_settings(AdjustableSettings, values, where, elsewhere=keys_of(SegmentationSettings)),
    )
