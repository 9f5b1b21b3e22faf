#!/usr/bin/env python3
"""CPU time of one image from message to messages, by its size: everything that the node does with it except sockets.

Colour and depth are read from the bytes that rospy receives, and segmented; mask and overlay are written into the
buffers that it sends. Sizes alternate in one process. The comparison converts the whole image first, and lets genpy's
classes copy. CPU time, of all threads, is valid on a machine under other load, too; node_latency.py measures latency.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks")]

import rt_seg.ros.node.threads  # noqa: F401, E402  before NumPy

# isort: split
from inference import cpu  # noqa: E402

EXAMPLE = """example:
  source .workspace/devel/setup.bash
  benchmarks/image_path.py models/tabletop --encoding bgr8 --repeats 40"""


class MessageToMessages:
    """The way of the node."""

    name = "now"

    def __init__(self, segmenter, palette) -> None:
        self._segmenter, self._palette = segmenter, palette
        self._buffers = [io.BytesIO(), io.BytesIO()]

    def run(self, color: bytes, depth: bytes) -> None:
        """One image."""
        from rt_seg.recordings.image_messages import color_image, depth_image
        from rt_seg.ros.array_messages import ArrayImage
        from rt_seg.ros.conversions import image_message

        message = ArrayImage().deserialize(color)
        image = color_image(message)
        readings = depth_image(ArrayImage().deserialize(depth)).readings
        mask = self._segmenter.segment(image, False, readings).mask
        for buffer, pixels in zip(self._buffers, (mask, None), strict=True):
            pixels = self._palette.blend(image.rgb, mask, 0.5) if pixels is None else pixels
            buffer.seek(0)
            image_message(pixels, message.header).serialize(buffer)


class WholeImageFirst(MessageToMessages):
    """RGB and metres at full size for every image, and genpy's own messages."""

    name = "whole image first"

    def run(self, color: bytes, depth: bytes) -> None:
        """One image."""
        from sensor_msgs.msg import Image

        from rt_seg.recordings.image_messages import color_to_rgb, depth_to_metres

        message = Image().deserialize(color)
        rgb = color_to_rgb(message)
        metres = depth_to_metres(Image().deserialize(depth))
        mask = self._segmenter.segment(rgb, False, metres).mask
        overlay = self._palette.blend(rgb, mask, 0.5)
        for buffer, pixels, encoding in zip(self._buffers, (mask, overlay), ("mono8", "rgb8"), strict=True):
            height, width = pixels.shape[:2]
            buffer.seek(0)
            Image(message.header, height, width, encoding, 0, pixels.nbytes // height, pixels.tobytes()).serialize(
                buffer
            )


def messages(width: int, height: int, encoding: str) -> tuple[bytes, bytes]:
    """A simulated scene of this size as the bytes of a colour and of a depth message."""
    import cv2
    from std_msgs.msg import Header

    from rt_seg.ros.conversions import image_message
    from rt_seg.simulation import simulate_scene

    frame = simulate_scene(3)
    color = cv2.resize(frame.color, (width, height))
    message = image_message(color[..., ::-1] if encoding == "bgr8" else color, Header())
    message.encoding = encoding
    depth = image_message(cv2.resize(frame.depth, (width, height), interpolation=cv2.INTER_NEAREST), Header())
    buffers = []
    for each in (message, depth):
        buffer = io.BytesIO()
        each.serialize(buffer)
        buffers.append(buffer.getvalue())
    return buffers[0], buffers[1]


def main(arguments: list[str] | None = None) -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", type=Path, nargs="?", default=ROOT / "models" / "tabletop", help="model bundle")
    parser.add_argument("--sizes", nargs="+", default=["640x480", "1280x720", "1920x1080"], metavar="WIDTHxHEIGHT")
    parser.add_argument("--encoding", choices=("rgb8", "bgr8"), default="rgb8", help="(default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=30, help="images per size and method (default: %(default)s)")
    options = parser.parse_args(arguments)
    import numpy as np

    from rt_seg.bundle import load_bundle
    from rt_seg.products.overlay import Palette
    from rt_seg.segmenter import load_segmenter

    bundle = load_bundle(options.bundle)
    segmenter = load_segmenter(bundle, threads=1)
    ways = [kind(segmenter, Palette(bundle.labels)) for kind in (MessageToMessages, WholeImageFirst)]
    given = {size: messages(*(int(side) for side in size.split("x")), options.encoding) for size in options.sizes}
    times: dict[tuple[str, str], list[float]] = {(size, way.name): [] for size in given for way in ways}
    for repeat in range(options.repeats + 2):
        for size, pair in given.items():
            for way in ways:
                started = time.process_time()
                way.run(*pair)
                if repeat >= 2:  # the first ones compile and allocate
                    times[size, way.name].append(time.process_time() - started)
    print(f"{cpu()}\n{bundle.name} {bundle.version}, {bundle.input.width}x{bundle.input.height}, {options.encoding}, "
          "one thread; processor time, median of "
          f"{options.repeats}\n\n{'image':>10}" + "".join(f"{way.name:>32}" for way in ways))  # fmt: skip
    first = {way.name: float(np.median(times[options.sizes[0], way.name])) for way in ways}
    for size in given:
        cells = ""
        for way in ways:
            middle = float(np.median(times[size, way.name]))
            cells += f"{middle * 1e3:>18.1f} ms ({middle / first[way.name]:>5.2f}x)"
        print(f"{size:>10}{cells}")
    segmenter.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
