"""Puts a trained click network into a folder of the models, in int8 for OpenVINO.

python -m rt_seg_training.clicks.exporting RUN OUTPUT nyu_depth_v2:PATH camvid:PATH custom:PATH
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

from rt_seg_training.clicks.click_network import MANIFEST

CALIBRATION_ROUNDS = 8
"""Batches whose inputs int8 is calibrated with, in all rounds of clicking."""


def export(weights: Path, output: Path, sources: list[tuple[str, str]], precision: str = "int8") -> None:
    """Write the network of `weights` to the new folder `output`, in `precision`: int8, f16 or f32.

    `sources`: labelled sets whose training images int8 is calibrated with. Raises OSError, DatasetError.
    """
    import nncf
    import openvino
    import yaml
    from openvino.preprocess import PrePostProcessor

    from rt_seg_training.clicks.training import HEIGHT, WIDTH, ClickRounds, RegionSource
    from rt_seg_training.nets.click_lite0 import GUIDES, click_network

    model = click_network(HEIGHT, WIDTH)
    model.load_weights(weights)
    output.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=output.parent))
    try:
        with tempfile.TemporaryDirectory() as saved:
            model.export(saved, verbose=False)
            network = openvino.convert_model(saved)
            network.set_rt_info("saved_model", ["conversion_parameters", "input_model"])
        # The converter sorts the inputs by its own mind.
        image_index = next(i for i, value in enumerate(network.inputs) if "guide" not in value.get_any_name())
        network.reshape({0: [1, HEIGHT, WIDTH, 3], 1: [1, HEIGHT, WIDTH, GUIDES]})
        processor = PrePostProcessor(network)
        image = processor.input(image_index)
        image.tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
        image.preprocess().convert_element_type(openvino.Type.f32).mean(127.0).scale(128.0)
        image.model().set_layout(openvino.Layout("NHWC"))
        network = processor.build()
        is_guide = [parameter.get_element_type() != openvino.Type.u8 for parameter in network.get_parameters()]
        parameters = [network.get_parameters()[index] for index in np.argsort(is_guide, kind="stable")]
        network = openvino.Model(network.get_results(), parameters, "click")
        if precision == "int8":
            random = np.random.default_rng(1)
            rounds = ClickRounds(RegionSource(sources, random), random)
            compiled = openvino.Core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
            feeds = []
            for _ in range(CALIBRATION_ROUNDS):
                images, guides, *_ = rounds.arrays()
                answers = []
                for picture, guide in zip(images, guides):
                    feeds.append([picture[None], guide[None]])
                    logits = np.asarray(compiled(feeds[-1])[0][0, :, :, 0], np.float32)
                    answers.append(_enlarged(logits, HEIGHT, WIDTH))
                rounds.advance(np.stack(answers))
            network = nncf.quantize(
                network, nncf.Dataset(feeds), subset_size=len(feeds), preset=nncf.QuantizationPreset.MIXED
            )
        openvino.save_model(network, staging / "model.xml", compress_to_fp16=precision != "f32")
        files = {name: hashlib.sha256((staging / name).read_bytes()).hexdigest() for name in ("model.xml", "model.bin")}
        content = {"height": HEIGHT, "width": WIDTH, "precision": precision, "files": files}
        (staging / MANIFEST).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        staging.chmod(0o755)
        shutil.rmtree(output, ignore_errors=True)
        os.replace(staging, output)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def _enlarged(logits: np.ndarray, height: int, width: int) -> np.ndarray:
    import cv2

    return 1.0 / (1.0 + np.exp(-np.clip(cv2.resize(logits, (width, height)), -30, 30)))


def main() -> int:
    """Export from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("sources", nargs="*", metavar="LAYOUT:PATH")
    parser.add_argument("--precision", choices=("int8", "f16", "f32"), default="int8")
    options = parser.parse_args()
    from rt_seg_training.clicks.training import WEIGHTS

    if options.precision == "int8" and not options.sources:
        parser.error("int8 needs labelled data sets for calibration: name some, or use --precision f16")
    sources = [tuple(text.split(":", 1)) for text in options.sources]
    export(options.run / WEIGHTS, options.output, sources, options.precision)
    return 0


if __name__ == "__main__":
    sys.exit(main())
