"""A bundle's network for another input size, in all forms that `export` writes, made once and kept."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rt_seg.bundle import MANIFEST, Bundle, engine_files, load_bundle, write_bundle
from rt_seg.camera_image import resize_image
from rt_seg.labels import write_labels

if TYPE_CHECKING:
    import keras

COMPARED = 2
"""Images that each form is compared with Keras on; `export` takes more."""


def sized_network(network: keras.Model, height: int, width: int) -> keras.Model:
    """The Keras network with its weights, for images of height × width."""
    if network.input_shape[1:3] == (height, width):
        return network
    from rt_seg_training.nets.registry import build_net

    sized = build_net(network.name, height, width, network.output_shape[-1])
    sized.set_weights(network.get_weights())
    return sized


def _write_run(folder: Path, bundle: Bundle, network: keras.Model) -> None:
    """A run folder that `export` takes, of a trained network."""
    from rt_seg_training.configuration import TrainingConfiguration
    from rt_seg_training.runs.run_folder import RunFolder

    height, width = network.input_shape[1:3]
    TrainingConfiguration(
        dataset=bundle.name, train_split="train", validation_split="validation", height=height, width=width,
        crop_height=height, crop_width=width, steps=1, auxiliary_weight=0.0, net=network.name,
    ).save(RunFolder(folder).configuration)  # fmt: skip
    write_labels(RunFolder(folder).labels, bundle.labels)
    network.save_weights(RunFolder(folder).weights)


def _write_int8(exact: Bundle, folder: Path, pictures: list[np.ndarray]) -> None:
    """The bundle of the int8 form of an f32 bundle's network, its manifest last."""
    import openvino

    from rt_seg_training.export.openvino_network import quantize

    folder.mkdir(exist_ok=True)
    network = openvino.Core().read_model(str(exact.engine("openvino").path))
    quantized = quantize(network, [[picture[np.newaxis]] for picture in pictures])
    openvino.save_model(quantized, str(folder / "model.xml"), compress_to_fp16=False)
    engine = engine_files("openvino", "int8", "model.xml", folder, ("model.xml", "model.bin"))
    write_bundle(dataclasses.replace(exact, folder=folder, engines=(engine,)))


def _holds(folder: Path, runtimes: list[str]) -> bool:
    """Whether an earlier run has left a bundle there with the forms of all these runtimes."""
    return (folder / MANIFEST).is_file() and all(load_bundle(folder).engine(runtime) for runtime in runtimes)


def sized_bundles(
    bundle: Bundle, network: keras.Model, pictures: list[np.ndarray], runtimes: list[str], cache: Path
) -> tuple[Bundle, Bundle]:
    """Bundles of the network: one with the forms of some runtimes in f32, one with that of OpenVINO in int8.

    `network`: the bundle's, of the wanted size; `images`: uint8 (h, w, 3), for calibration. Kept in `cache`; it takes
    half a minute to make them. Raises ExportError where a form does not compute what Keras computes.
    """
    from rt_seg_training.export.bundle_export import ALSO, export_bundle

    height, width = network.input_shape[1:3]
    weights = next(iter(bundle.engine("openvino").sha256.values()))[:12]
    home = cache / f"{bundle.name}-{weights}-{height}x{width}"
    pictures = [resize_image(picture, height, width) for picture in pictures]
    if not _holds(home / "f32", runtimes):
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as run:
            _write_run(Path(run), bundle, network)
            export_bundle(
                Path(run), home / "f32", bundle.name, bundle.version, bundle.license, pictures[:COMPARED], "f32",
                also=[runtime for runtime in ALSO if runtime in runtimes],
            )  # fmt: skip
    if not _holds(home / "int8", ["openvino"]):
        _write_int8(load_bundle(home / "f32"), home / "int8", pictures)
    return load_bundle(home / "f32"), load_bundle(home / "int8")
