"""A model bundle whose network is known by heart and takes no time: each pixel's class is its brightest channel.

Or takes as much time as a test wants: `write_slow_bundle`. With depth, what is nearer than 1 m has the first class and
what is farther the last; only where there is no reading the brightest channel decides.
"""

import hashlib
import tempfile
import time
from pathlib import Path

import numpy as np
import openvino
import yaml

try:
    from openvino import opset13 as operations
except ImportError:
    from openvino.runtime import opset13 as operations

from rt_seg.bundle import load_bundle
from rt_seg.engines import create_engine
from rt_seg.labels import labels_from_dict

HEIGHT, WIDTH = 48, 64
DEPTH_RANGE = (0.2, 10.0)
COLORS = ([255, 0, 0], [0, 255, 0], [0, 0, 255])


def _network(height: int, width: int, products: int = 0, with_depth: bool = False) -> openvino.Model:
    image = operations.parameter([1, height, width, 3], np.uint8, name="image")
    blocks = operations.reshape(
        operations.convert(image, "f32"), np.array([1, height // 8, 8, width // 8, 8, 3]), special_zero=False
    )
    logits = operations.reduce_mean(blocks, np.array([2, 4]), keep_dims=False)
    if products:
        square = operations.constant(np.full((512, 512), 1 / 512, np.float32))
        work = operations.reshape(operations.reduce_mean(logits, np.array([0, 1, 2, 3]), False), [1, 1], False)
        work = operations.multiply(operations.constant(np.ones((512, 512), np.float32)), work)
        for _ in range(products):
            work = operations.matmul(work, square, False, False)
        trace = operations.reduce_mean(work, np.array([0, 1]), keep_dims=False)
        logits = operations.add(logits, operations.multiply(trace, operations.constant(np.float32(1e-12))))
    inputs = [image]
    if with_depth:
        depth = operations.parameter([1, height, width, 1], np.float32, name="depth")
        inputs.append(depth)
        logits = operations.add(logits, _votes_of_depth(depth))
    return openvino.Model([logits], inputs, "color")


def write_color_bundle(
    folder: Path, names=("red", "green", "blue"), name="color", products=0, with_depth=False, smaller=()
) -> Path:
    """Write the bundle `name` with classes of these names.

    uint8 (1, 48, 64, 3) in, and `with_depth` float32 (1, 48, 64, 1) metres; the mean of each 8 x 8 block, as logits
    (1, 6, 8, 3), out. Before it answers the network multiplies `products` matrices of 512 x 512, which change nothing.
    `smaller`: (height, width, products) of further input sizes.
    """
    folder.mkdir(parents=True)
    network = _network(HEIGHT, WIDTH, products, with_depth)
    openvino.save_model(network, str(folder / "model.xml"), compress_to_fp16=False)
    entries = []
    for height, width, work in smaller:
        path = f"model_{width}x{height}.xml"
        openvino.save_model(_network(height, width, work, with_depth), str(folder / path), compress_to_fp16=False)
        entries.append({"height": height, "width": width, "path": path})
    classes = [{"id": i, "name": label, "color": COLORS[i]} for i, label in enumerate(names)]
    labels = labels_from_dict({"classes": classes}, "color")
    files = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}
    manifest = {
        "format": 1,
        "name": name,
        "version": "1.0.0",
        "license": "MIT",
        "input": {
            "height": HEIGHT,
            "width": WIDTH,
            "channels": "rgb",
            "mean": [0.0] * 3,
            "std": [1.0] * 3,
            **({"channels": "rgbd", "depth_range": list(DEPTH_RANGE)} if with_depth else {}),
        },
        "labels": labels.to_dict(),
        "fingerprint": labels.fingerprint,
        "engines": [
            {
                "runtime": "openvino",
                "precision": "f32",
                "path": "model.xml",
                "sha256": files,
                **({"smaller": entries} if entries else {}),
            }
        ],
    }
    (folder / "bundle.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False))
    return folder


def _votes_of_depth(depth):
    """(1, 6, 8, 3): a thousand for the first class where the farthest reading of a block is nearer than 1 m, and for
    the last where it is farther."""
    farthest = operations.max_pool(
        operations.transpose(depth, np.array([0, 3, 1, 2])), [8, 8], [1, 1], [0, 0], [0, 0], [1, 1]
    ).output(0)
    farthest = operations.transpose(farthest, np.array([0, 2, 3, 1]))
    one = operations.constant(np.float32(1.0))
    far = operations.convert(operations.greater_equal(farthest, one), "f32")
    read = operations.convert(operations.greater(farthest, operations.constant(np.float32(0.0))), "f32")
    near = operations.subtract(read, far)
    votes = operations.concat([near, operations.multiply(far, operations.constant(np.float32(0.0))), far], 3)
    return operations.multiply(votes, operations.constant(np.float32(1000.0)))


def write_slow_bundle(folder: Path, seconds: float, smaller=()) -> Path:
    """Write the bundle `slow`, whose inference takes about `seconds` on this machine, with one thread.

    `smaller`: (height, width, seconds) of further input sizes.
    """

    def measure(products):
        with tempfile.TemporaryDirectory() as trial:
            bundle = load_bundle(write_color_bundle(Path(trial) / "trial", products=products))
            engine = create_engine(bundle, threads=1)
            image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
            times = []
            for _ in range(4):
                begin = time.monotonic()
                engine.logits(image)
                times.append(time.monotonic() - begin)
            engine.close()
        return min(times)

    # A busy machine runs the trial slower than the test, or the other way round: the trial is repeated until it fits.
    products = 40
    for _ in range(6):
        taken = measure(products)
        if 0.9 < taken / seconds < 1.2:
            break
        products = max(round(products * seconds / taken), 1)
    sizes = [(height, width, round(products * time / seconds)) for height, width, time in smaller]
    return write_color_bundle(folder, name="slow", products=products, smaller=sizes)
