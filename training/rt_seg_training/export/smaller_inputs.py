"""The networks of smaller inputs, which a bundle holds beside that of its own size, with the same weights."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from rt_seg.bundle import SmallerNetwork
from rt_seg.labels import LabelSet
from rt_seg.segmenter import Segmenter
from rt_seg_training.datasets.labelled_frame import LabelledFrame
from rt_seg_training.export.accuracy_guard import FormScore, score_segmenter
from rt_seg_training.export.deployment_inputs import feed
from rt_seg_training.export.openvino_network import ExactEngine, deployment_network, quantize
from rt_seg_training.export.shared_weights import save_with_weights_of
from rt_seg_training.runs.network_engine import input_spec
from rt_seg_training.runs.run_folder import RunFolder

SHARES = (0.75, 0.5)
"""Of the height and width of a bundle: about 0.56 and 0.25 of its work."""
MULTIPLE = 32
"""Pixels: the networks halve their input five times."""
SMALLEST = 96
"""Pixels: a smaller side sees too little."""


def usual_sizes(height: int, width: int) -> tuple[tuple[int, int], ...]:
    """Heights and widths of the smaller inputs that a bundle of this size holds unless others are asked for.

    Example:
        >>> usual_sizes(480, 640)
        ((352, 480), (256, 320))
    """
    sizes: list[tuple[int, int]] = []
    for share in SHARES:
        size = (_multiple(share * height), _multiple(share * width))
        if min(size) >= SMALLEST and size not in sizes and size[0] * size[1] < height * width:
            sizes.append(size)
    return tuple(sizes)


def _multiple(side: float) -> int:
    return MULTIPLE * round(side / MULTIPLE)


def check_sizes(sizes: Sequence[tuple[int, int]], height: int, width: int) -> None:
    """Raises ValueError for heights and widths of smaller inputs that are repeated, or not smaller than the full."""
    for number, (smaller_height, smaller_width) in enumerate(sizes):
        name = f"{smaller_width}x{smaller_height}"
        if sizes[number] in sizes[:number]:
            raise ValueError(f"input size {name}: is given twice; name each once")
        if smaller_height > height or smaller_width > width or (smaller_height, smaller_width) == (height, width):
            raise ValueError(
                f"input size {name}: is not smaller than the full one, {width}x{height}; accepted are smaller ones"
            )


def add_smaller_networks(
    staging: Path,
    run: RunFolder,
    precision: str,
    sizes: Sequence[tuple[int, int]],
    images: Sequence[np.ndarray],
    depths: Sequence[np.ndarray],
    validation: Sequence[LabelledFrame],
    labels: LabelSet,
    exact: Collection[str] = (),
) -> tuple[tuple[SmallerNetwork, ...], list[FormScore], list[FormScore]]:
    """Write a network for each size beside `staging`/model.xml, around the same model.bin.

    Returns the networks and, where there are frames to score them, the scores of the files as they are, and for int8
    those of the same networks in f32.

    Args:
        precision: of model.xml: int8, f16 or f32.
        images, depths: calibrate int8, as in `export_bundle`; depths are empty for colour alone.
        validation: the frames that score them; no scores without any.
        exact: names of the operations that stay exact in int8, as in the network of the full size.
    """
    import openvino

    networks, scores, exact_scores = [], [], []
    for height, width in sizes:
        model, _, _ = run.load(height, width)
        spec = input_spec(model)
        with tempfile.TemporaryDirectory() as folder:
            model.export(folder, verbose=False)
            network = deployment_network(model, Path(folder))
            if precision == "int8":
                if validation:
                    segmenter = Segmenter(spec, ExactEngine(network, spec))
                    exact_scores.append(
                        score_segmenter(f"OpenVINO f32 {width}x{height}", segmenter, validation, labels)
                    )
                pairs = itertools.zip_longest(images, depths)
                names = {operation.get_friendly_name() for operation in network.get_ops()}
                kept = [name for name in exact if name in names]
                network = quantize(network, [feed(spec, image, depth) for image, depth in pairs], kept)
        name = f"model_{width}x{height}.xml"
        save_with_weights_of(staging / "model.xml", network, staging / name, precision == "f16")
        networks.append(SmallerNetwork(height, width, name))
        if validation:
            # The file, not the network that it was made of: f16 rounds the weights.
            stored = openvino.Core().read_model(str(staging / name), str(staging / "model.bin"))
            segmenter = Segmenter(spec, ExactEngine(stored, spec))
            scores.append(score_segmenter(f"OpenVINO {precision} {width}x{height}", segmenter, validation, labels))
    return tuple(networks), scores, exact_scores
