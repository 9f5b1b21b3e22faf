#!/usr/bin/env python3
"""Hands the readers of data sets, bags and image messages spoilt bytes: they read them or refuse them.

`make fuzz`, or `fuzz_sources.py --seconds 60 zip bag message`. A finding is any other exception, or one that takes more
than 2 s of the processor or more than 1 GB of memory. The seed of a finding makes its bytes again.
"""

from __future__ import annotations

import io
import random
import struct
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / part) for part in ("src", "training", "test/support")]

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from fuzzing import fuzz, main, spoil_bytes  # noqa: E402

from rt_seg.recordings.image_messages import ConversionError, color_to_rgb, depth_to_metres  # noqa: E402
from rt_seg_training.datasets.custom.custom_source import read_custom  # noqa: E402
from rt_seg_training.datasets.errors import DatasetError  # noqa: E402
from rt_seg_training.datasets.source import read_pair  # noqa: E402
from rt_seg_training.prediction.bag_prediction import BagError, predict_bag  # noqa: E402

COLOR = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8), (0, 0), 2)
DEPTH = (np.arange(24 * 32).reshape(24, 32) % 5 * 400).astype(np.uint16)
LABELS = "classes: [{id: 0, name: a, color: [0, 0, 0]}, {id: 1, name: b, color: [9, 9, 9]}]\n"


def _zip_bytes() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.yaml", LABELS)
        archive.writestr("splits.yaml", "train: [a1]\nvalidation: [a2]\n")
        for name in ("a1", "a2"):
            archive.writestr(f"rgb/{name}.jpg", cv2.imencode(".jpg", COLOR)[1].tobytes())
            archive.writestr(f"gt/{name}.png", cv2.imencode(".png", (COLOR[..., 0] > 99).astype(np.uint8))[1].tobytes())
            archive.writestr(f"depth/{name}.png", cv2.imencode(".png", DEPTH)[1].tobytes())
    return buffer.getvalue()


def read_zip(data: bytes, folder: Path) -> None:
    """All pairs of a data set in a zip file."""
    (folder / "set.zip").write_bytes(data)
    source = read_custom(folder / "set.zip")
    for pairs in source.splits.values():
        for pair in pairs:
            read_pair(pair, source)


def _bag_bytes() -> bytes:
    from rosbags.rosbag1 import Writer
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS1_NOETIC)
    kind = "sensor_msgs/msg/Image"
    with tempfile.TemporaryDirectory() as folder:
        with Writer(Path(folder) / "a.bag") as writer:
            for topic, pixels, encoding in (("/camera/color/image_raw", COLOR, "rgb8"),
                                            ("/camera/aligned_depth_to_color/image_raw", DEPTH, "16UC1")):  # fmt: skip
                connection = writer.add_connection(topic, kind, typestore=store)
                rows = pixels.reshape(24, -1).view(np.uint8)
                header = store.types["std_msgs/msg/Header"](0, store.types["builtin_interfaces/msg/Time"](1, 0), "c")
                message = store.types[kind](header, 24, 32, encoding, 0, rows.shape[1], rows.reshape(-1))
                writer.write(connection, 10**9, store.serialize_ros1(message, kind))
        return (Path(folder) / "a.bag").read_bytes()


def read_bag(data: bytes, folder: Path) -> None:
    """A bag as predict takes it, with a network that does nothing."""
    (folder / "a.bag").write_bytes(data)

    def predict(rgb: np.ndarray, depth: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(rgb.shape[:2], np.uint8), rgb

    predict_bag(folder / "a.bag", folder / "out.bag", predict, with_depth=True)


def read_message(data: bytes, folder: Path) -> None:
    """The first byte chooses the kind of message, the rest is its content."""
    kind, body = data[0] % 6 if data else 0, data[1:]
    formats = ("16UC1; compressedDepth rvl", "32FC1; compressedDepth rvl", "16UC1; compressedDepth png")
    if kind < 3:
        depth_to_metres(SimpleNamespace(format=formats[kind], data=body))
    elif kind == 3:
        color_to_rgb(SimpleNamespace(format="jpeg", data=body))
    else:
        sizes = struct.unpack("<4I", body[:16].ljust(16, b"\0"))
        encoding = ("rgb8", "yuv422", "16UC1", "32FC1", "bayer_rggb8")[sizes[3] % 5]
        message = SimpleNamespace(encoding=encoding, width=sizes[0] % 2**24, height=sizes[1] % 2**24,
                                  step=sizes[2], is_bigendian=sizes[3] % 2, data=body[16:])  # fmt: skip
        (color_to_rgb if kind == 4 else depth_to_metres)(message)


def _message_bytes(draw: random.Random) -> bytes:
    kind = draw.randrange(6)
    bodies = (
        bytes(12) + struct.pack("<ii", 32, 24) + draw.randbytes(600),
        struct.pack("<iff", 0, 1e4, -100.0) + struct.pack("<ii", 32, 24) + draw.randbytes(600),
        bytes(12) + cv2.imencode(".png", DEPTH)[1].tobytes(),
        cv2.imencode(draw.choice((".jpg", ".png")), COLOR)[1].tobytes(),
        struct.pack("<4I", 32, 24, 96, 0) + COLOR.tobytes(),
        struct.pack("<4I", 32, 24, 64, 2) + DEPTH.tobytes(),
    )
    return bytes([kind]) + bodies[kind]


READERS: dict[str, tuple[Callable[[bytes, Path], None], type[Exception]]] = {
    "zip": (read_zip, DatasetError), "bag": (read_bag, BagError), "message": (read_message, ConversionError)
}  # fmt: skip


def fuzz_reader(name: str, seconds: float, seed: int) -> int:
    """Spoil bytes for a reader for a time; the number of findings."""
    read, refusal = READERS[name]
    whole = {"zip": _zip_bytes, "bag": _bag_bytes}.get(name)
    template = whole() if whole is not None else b""
    with tempfile.TemporaryDirectory(prefix="rt_seg_") as folder:

        def attempt(number: int) -> None:
            chance = random.Random(number)
            read(spoil_bytes(template or _message_bytes(chance), chance), Path(folder))

        return fuzz(name, attempt, (refusal,), seconds, seed)


if __name__ == "__main__":
    sys.exit(main(__doc__, READERS, fuzz_reader))
