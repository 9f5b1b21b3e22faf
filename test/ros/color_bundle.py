"""A model bundle whose network is known by heart and takes no time: each pixel's class is its brightest channel."""
import hashlib
from pathlib import Path

import numpy as np
import openvino
import yaml

try:
    from openvino import opset13 as operations
except ImportError:
    from openvino.runtime import opset13 as operations

from rt_seg.labels import labels_from_dict

HEIGHT, WIDTH = 48, 64
COLORS = ([255, 0, 0], [0, 255, 0], [0, 0, 255])


def write_color_bundle(folder: Path, names=("red", "green", "blue"), name="color") -> Path:
    """Write the bundle `name` with classes of these names.

    uint8 (1, 48, 64, 3) in; the mean of each 8 x 8 block, as logits (1, 6, 8, 3), out.
    """
    image = operations.parameter([1, HEIGHT, WIDTH, 3], np.uint8, name="image")
    blocks = operations.reshape(
        operations.convert(image, "f32"), np.array([1, HEIGHT // 8, 8, WIDTH // 8, 8, 3]), special_zero=False
    )
    logits = operations.reduce_mean(blocks, np.array([2, 4]), keep_dims=False)
    folder.mkdir(parents=True)
    openvino.save_model(openvino.Model([logits], [image], "color"), str(folder / "model.xml"), compress_to_fp16=False)
    classes = [{"id": i, "name": label, "color": COLORS[i]} for i, label in enumerate(names)]
    labels = labels_from_dict({"classes": classes}, "color")
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("model.xml", "model.bin")}
    manifest = {
        "format": 1,
        "name": name,
        "version": "1.0.0",
        "license": "MIT",
        "input": {"height": HEIGHT, "width": WIDTH, "channels": "rgb", "mean": [0.0] * 3, "std": [1.0] * 3},
        "labels": labels.to_dict(),
        "fingerprint": labels.fingerprint,
        "engines": [{"runtime": "openvino", "precision": "f32", "path": "model.xml", "sha256": files}],
    }
    (folder / "bundle.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False))
    return folder
