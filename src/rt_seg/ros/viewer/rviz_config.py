"""RViz configurations out of the templates in rviz/, for the topics and frames of the cameras at hand."""

from __future__ import annotations

import copy
import struct
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence

TEMPLATE_COLOR = "/camera/color/image_raw"
TEMPLATE_NODE = "/segmentation"
"""Names in the templates that are replaced."""
IMAGE = "rviz/Image"
LEGEND_SHARE = 0.55
"""Width of the window of a legend, in that of an image."""


@dataclass(frozen=True)
class View:
    """One camera and its segmentation node: absolute names, and what its displays are called beside others."""

    color_topic: str
    node: str
    name: str = ""


@dataclass(frozen=True)
class Framing:
    """What the view of the points shows: metres from the camera to its middle, and from the eye to that."""

    depth: float
    distance: float


def configure(
    template: Dict[str, Any], views: Sequence[View], fixed_frame: str, framing: Optional[Framing] = None
) -> Dict[str, Any]:
    """The template's displays for each view, in the frame, with one window for each image.

    Of several views, only overlay and legend of each have a window: more would be too small to see.
    """
    config = copy.deepcopy(template)
    manager = config["Visualization Manager"]
    displays: List[Dict[str, Any]] = []
    for view in views:
        for display in manager["Displays"]:
            topic = display["Image Topic"] if display["Class"] == IMAGE else ""
            if len(views) > 1 and topic and not topic.endswith(("/overlay", "/legend")):
                continue
            displays.append(_display_of(display, view))
    manager["Displays"] = displays
    manager["Global Options"]["Fixed Frame"] = fixed_frame
    current = manager["Views"]["Current"]
    if framing is not None:
        current["Focal Point"] = {"X": 0, "Y": 0, "Z": round(framing.depth, 3)}
        current["Distance"] = round(framing.distance, 3)
    panels = [display["Name"] for display in displays if display["Class"] == IMAGE]
    geometry = config["Window Geometry"]
    for name in [key for key, value in geometry.items() if isinstance(value, dict)]:
        del geometry[name]
    geometry.update({name: {"collapsed": False} for name in panels})
    geometry["QMainWindow State"] = window_state(panels, geometry["Width"], geometry["Height"])
    return config


def _display_of(display: Dict[str, Any], view: View) -> Dict[str, Any]:
    changed = dict(display)
    for key in ("Image Topic", "Topic", "Marker Topic"):
        if key in changed:
            changed[key] = _renamed(changed[key], view)
    if view.name:
        changed["Name"] = f"{display['Name']} {view.name}"
    return changed


def _renamed(topic: str, view: View) -> str:
    if topic == TEMPLATE_COLOR:
        return view.color_topic
    return view.node + topic[len(TEMPLATE_NODE) :] if topic.startswith(TEMPLATE_NODE + "/") else topic


def window_state(panels: Sequence[str], width: int, height: int) -> str:
    """Hexadecimal QMainWindow::saveState with the panels side by side above the 3-D view.

    Qt's format (qmainwindowlayout.cpp, qdockarealayout.cpp): markers 0xfd dock widgets, 0xfc a sequence of them, 0xfb
    one widget; numbers are big-endian, texts UTF-16 after their length in bytes.
    """
    shares = [LEGEND_SHARE if name.startswith("Classes") else 1.0 for name in panels]
    widths = [int(width * share / sum(shares)) for share in shares]
    top = min(int(max(widths, default=0) * 0.75) + 50, int(height * (0.55 if len(panels) > 1 else 0.7)))
    state = struct.pack(">IIB", 0xFF, 0, 0xFD)
    state += struct.pack(">I", 1 if panels else 0)
    if panels:
        state += struct.pack(">III", 2, width, top)  # position 2: above the centre
        state += struct.pack(">BBI", 0xFC, 1, len(panels))  # 1: side by side
        left = 0
        for name, share in zip(panels, widths):
            text = name.encode("utf-16-be")
            state += struct.pack(">BI", 0xFB, len(text)) + text
            state += struct.pack(">BIIII", 1, left, share, 0x3E, 0xFFFFFF)
            left += share
    state += struct.pack(">II", width, height - top)
    state += struct.pack(">IIII", 4, 4, 8, 8)  # which areas have the corners
    tools = "Tools".encode("utf-16-be")
    state += struct.pack(">BIII", 0xFC, 1, 2, 1) + struct.pack(">I", len(tools)) + tools
    state += struct.pack(">BIIII", 0, 0, 0xFFFFFFFF, 0, 0)
    return state.hex()
