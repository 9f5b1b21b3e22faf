"""Settings of the live view in a browser."""

from __future__ import annotations

from dataclasses import dataclass

from rt_seg.settings import setting


@dataclass(frozen=True)
class WebSettings:
    """Private parameters."""

    node: str = setting("/segmentation", "the segmentation node")
    color_topic: str = setting("/camera/color/image_raw", "its input images")
    depth_topic: str = setting("/camera/aligned_depth_to_color/image_raw", "depth aligned to them")
    host: str = setting("127.0.0.1", "address to listen on; 0.0.0.0 for other computers, which need a token")
    port: int = setting(8080, "port to listen on", 1, 65535)
    token: str = setting("", "token for other computers; empty: generated")
    rate: float = setting(10.0, "images per second of each stream", 0.1, 60.0)
