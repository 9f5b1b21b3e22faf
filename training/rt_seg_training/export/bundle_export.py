"""From a training run to a model bundle: OpenVINO and other forms, compared with Keras before anything is kept."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, Collection, Iterable, Sequence

import numpy as np

from rt_seg.bundle import (
    Bundle,
    InputSpec,
    Score,
    TrainingData,
    engine_files,
    load_bundle,
    write_bundle,
)
from rt_seg.engines import Engine, create_engine
from rt_seg.labels import LabelSet
from rt_seg.model_home import MANIFEST
from rt_seg.segmenter import Segmenter, load_segmenter
from rt_seg_training.datasets.labelled_frame import LabelledFrame
from rt_seg_training.export.accuracy_guard import FormScore, is_accepted, loss_words, score_segmenter
from rt_seg_training.export.deployment_formats import write_keras, write_litert, write_onnx
from rt_seg_training.export.deployment_inputs import feed
from rt_seg_training.export.openvino_network import ExactEngine, by_sensitivity, deployment_network, quantize
from rt_seg_training.export.smaller_inputs import add_smaller_networks, check_sizes
from rt_seg_training.runs.network_engine import NetworkEngine, input_spec
from rt_seg_training.runs.run_folder import RunFolder, RunFolderError
from rt_seg_training.runs.training_weights import TrainingWeightsError, write_training_weights

PARITY_MISMATCH_LIMIT = 1e-3
"""Share of pixels in which the f32 network may differ from Keras: ties and rounding at class borders."""
SEGMENTS = 8
"""Parts of equal length into which a network is cut to find where int8 loses most."""
MAX_EXACT_SEGMENTS = 3
"""Most parts that may stay f32; with more of them int8 would not be worth its loss."""
RANKING_PICTURES = 12
"""Calibration images with which the parts are ranked."""
LOGIT_TOLERANCE = 5e-3
"""Largest accepted difference of an f32 logit, relative to the largest logit."""
COMMAND = "rosrun rt_seg export"

WRITERS = {"onnxruntime": write_onnx, "litert": write_litert, "keras": write_keras}
ALSO = (*WRITERS, "saved_model")
"""Runtimes whose form a bundle may hold beside that of OpenVINO."""


class ExportError(ValueError):
    """The run cannot be exported, or an export format does not compute what Keras computes."""


@dataclass(frozen=True)
class Parity:
    """How an export format compares with Keras over the calibration images."""

    form: str
    logit_difference: float
    pixel_agreement: float


def _logits(engine: Engine, feeds: list[list[np.ndarray]]) -> np.ndarray:
    """What a network makes of images of its size, (n, h, w, C)."""
    try:
        pictures = [[array[0] for array in feed] for feed in feeds]
        return np.stack([engine.logits(rgb, *(depth[..., 0] for depth in more)).copy() for rgb, *more in pictures])
    finally:
        engine.close()


def _compare(form: str, reference: np.ndarray, logits: np.ndarray) -> Parity:
    difference = float(np.abs(reference - logits).max() / np.abs(reference).max())
    agreement = float((reference.argmax(-1) == logits.argmax(-1)).mean())
    return Parity(form, difference, agreement)


@dataclass(frozen=True)
class Export:
    """What was exported: the precision of the OpenVINO form, comparisons with Keras, and mean IoU of the forms."""

    precision: str
    parities: list[Parity]
    scores: list[FormScore]
    note: str = ""
    """Why `auto` did not take int8; empty otherwise."""
    warnings: tuple[str, ...] = ()
    """Smaller inputs whose int8 loses more than that of the full size may, each in words."""


def export_bundle(
    run: Path,
    output: Path,
    name: str,
    version: str,
    license_text: str,
    images: Iterable[np.ndarray],
    precision: str = "auto",
    height: int = 0,
    width: int = 0,
    also: Collection[str] = (),
    card: Callable[[Export], str] | None = None,
    validation: Sequence[LabelledFrame] = (),
    validation_data: str = "",
    training: TrainingData | None = None,
    depths: Iterable[np.ndarray] = (),
    training_weights: bool = True,
    smaller: Sequence[tuple[int, int]] = (),
) -> Export:
    """Write the bundle of a finished run into the folder `output`, atomically.

    Args:
        images: uint8 (h, w, 3) RGB images of the training data, for calibration and comparison.
        precision: `f32`; `f16`, the same with the weights rounded to 16 bits; `int8` by post-training quantisation, for
            which `validation` decides whether it is good enough; or `auto`, int8 if that is so and f16 if not.
        height, width: input size in pixels; 0 takes that of the run.
        also: forms of `ALSO` that the bundle shall hold, too, in f32.
        card: makes the text of the bundle's README.md.
        validation: labelled frames, none of which are among `images`.
        validation_data: what these are, in words, for the scores in the manifest.
        training: what the weights were trained on, for the manifest.
        training_weights: whether the bundle holds weights.safetensors, too, from which a training can start.
        depths: of the `images`, uint16 (h, w) millimetres, 0 without a reading; for a network that takes depth.
        smaller: heights and widths of further inputs, largest first, at which the OpenVINO network can run.

    Raises ExportError if the run is unusable, `output` is a folder without a bundle, a `smaller` size is repeated or
    not smaller, an f32 form differs from Keras, or int8 is asked for and loses more than accuracy_guard.LOSS_LIMIT.
    """
    import openvino

    if output.exists() and not (output / MANIFEST).is_file():
        raise ExportError(f"{output}: exists and is not a model bundle; it is not overwritten. Name another --output")
    folder = RunFolder(run)
    try:
        model, labels, configuration = folder.load(height, width)
    except RunFolderError as error:
        raise ExportError(str(error)) from error
    spec = input_spec(model)
    try:
        check_sizes(smaller, spec.height, spec.width)
    except ValueError as error:
        raise ExportError(str(error)) from error
    images, depths = list(images), list(depths)
    if spec.with_depth and len(depths) != len(images):
        raise ExportError(
            f"{run}: its network {model.name} takes depth, but only {len(depths)} of {len(images)} images have it; "
            "name a data set with depth"
        )
    pictures = [feed(spec, image, depth) for image, depth in itertools.zip_longest(images, depths)]
    if not pictures:
        raise ExportError("no images for calibration and verification; name another split with --split")
    if precision == "int8" and not validation:
        raise ExportError(
            "no labelled frames beyond those used for calibration, so the accuracy loss of int8 is unknown"
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=output.parent))
    try:
        reference = _logits(NetworkEngine.of_model(model), pictures)
        saved_folder = staging / "saved_model"
        model.export(str(saved_folder), verbose=False)
        parities = [_compare("SavedModel", reference, _saved_model_logits(saved_folder, spec, pictures))]
        network = deployment_network(model, saved_folder)
        parities.append(_compare("OpenVINO f32", reference, _logits(ExactEngine(network, spec), pictures)))
        for parity in parities:
            _require_parity(parity)
        chosen, network, scores, note, kept = _choose(network, precision, pictures, validation, labels, spec)
        openvino.save_model(network, str(staging / "model.xml"), compress_to_fp16=chosen == "f16")
        if chosen != "f32":
            stored = openvino.Core().read_model(str(staging / "model.xml"))
            parities.append(_compare(f"OpenVINO {chosen}", reference, _logits(ExactEngine(stored, spec), pictures)))
        if training_weights:
            try:
                write_training_weights(model, staging, configuration.head)
            except TrainingWeightsError as error:
                raise ExportError(f"{run}: {error}; nothing was written") from error
        sized, sized_scores, exact_scores = add_smaller_networks(
            staging, folder, chosen, smaller, images, depths, validation, labels, kept
        )
        openvino_files = ["model.xml", "model.bin", *(network.path for network in sized)]
        engines = [replace(engine_files("openvino", chosen, "model.xml", staging, openvino_files), smaller=sized)]
        files = {runtime: write(model, staging) for runtime, write in WRITERS.items() if runtime in also}
        engines += [engine_files(runtime, "f32", file, staging, [file]) for runtime, file in files.items()]
        if "saved_model" in also:
            saved = sorted(str(p.relative_to(staging)) for p in saved_folder.rglob("*") if p.is_file())
            engines.append(engine_files("saved_model", "f32", "saved_model", staging, saved))
        else:
            shutil.rmtree(saved_folder)
        recorded = [
            Score("mean_iou", round(score.mean_iou, 4), validation_data, len(validation), score.form, COMMAND)
            for score in scores
            if not np.isnan(score.mean_iou)
        ]
        recorded += [
            Score(
                "mean_iou", round(score.mean_iou, 4), validation_data, len(validation), score.form, COMMAND,
                (network.width, network.height),
            )
            for network, score in zip(sized, sized_scores)
            if not np.isnan(score.mean_iou)
        ]  # fmt: skip
        write_bundle(
            Bundle(staging, name, version, spec, labels, tuple(engines), license_text, tuple(recorded), training)
        )
        for runtime in files:
            parity = _compare(runtime, reference, _logits(create_engine(load_bundle(staging), runtime), pictures))
            _require_parity(parity)
            # Before the form that the live node takes, which stays the last.
            parities.insert(len(parities) - 1, parity)
        warnings = [
            loss_words(exact, quantised, len(validation))
            for exact, quantised in zip(exact_scores, sized_scores)
            if not is_accepted(exact, quantised) and not np.isnan(quantised.mean_iou)
        ]
        pairs = zip(exact_scores, sized_scores) if exact_scores else ((score,) for score in sized_scores)
        told = list(itertools.chain.from_iterable(pairs))
        result = Export(chosen, parities, [*scores, *told], note, tuple(warnings))
        if card is not None:
            (staging / "README.md").write_text(card(result), encoding="utf-8")
        if folder.history.is_file():  # for the reports of evaluate
            shutil.copyfile(folder.history, staging / folder.history.name)
        staging.chmod(0o755)
        _check_head(staging, pictures[0])
        _replace_folder(staging, output)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return result


def _choose(
    exact,
    precision: str,
    pictures: list[list[np.ndarray]],
    validation: Sequence[LabelledFrame],
    labels: LabelSet,
    spec: InputSpec,
):
    """The precision to ship, its network, the scores of f32 and of that one, why auto left int8 (export_bundle), and
    the names of the operations that stay exact in int8.

    Raises ExportError for int8 that loses too much.
    """

    def score(form: str, network, with_depth: bool = True) -> FormScore:
        return score_segmenter(form, Segmenter(spec, ExactEngine(network, spec)), validation, labels, with_depth)

    def with_loss_of_depth(scores: list[FormScore], network) -> list[FormScore]:
        if not spec.with_depth or not validation:
            return scores
        return [*scores, score(f"{scores[-1].form} without depth", network, with_depth=False)]

    exact_scores = [score("OpenVINO f32", exact)] if validation else []
    note = "" if validation or precision != "auto" else "no labelled frames, so the accuracy loss of int8 is unknown"
    if precision == "int8" or (precision == "auto" and validation):
        quantised = quantize(exact, pictures)
        scores = [*exact_scores, score("OpenVINO int8", quantised)]
        if is_accepted(scores[0], scores[1]):
            return "int8", quantised, with_loss_of_depth(scores, quantised), note, []
        note = loss_words(scores[0], scores[1], len(validation))
        kept: list[str] = []
        ranked = by_sensitivity(exact, pictures[:RANKING_PICTURES], SEGMENTS) if MAX_EXACT_SEGMENTS else []
        for count, segment in enumerate(ranked[:MAX_EXACT_SEGMENTS], 1):
            kept += segment
            quantised = quantize(exact, pictures, kept)
            form = f"OpenVINO int8, {count} of {SEGMENTS} parts f32"
            scores = [*scores, score(form, quantised)]
            if is_accepted(scores[0], scores[-1]):
                return "int8", quantised, with_loss_of_depth(scores, quantised), "", kept
            note = loss_words(scores[0], scores[-1], len(validation))
        if precision == "int8":
            raise ExportError(f"{note}. Nothing was written; export with --precision auto or f16")
    if precision == "f32":
        return "f32", exact, with_loss_of_depth(exact_scores, exact), note, []
    # The scores of f16 are those of its weights rounded, which the file will hold.
    with tempfile.TemporaryDirectory() as folder:
        import openvino

        openvino.save_model(exact, f"{folder}/model.xml", compress_to_fp16=True)
        rounded = openvino.Core().read_model(f"{folder}/model.xml")
        scores = [*exact_scores, score("OpenVINO f16", rounded)] if validation else []
        scores = with_loss_of_depth(scores, rounded)
    return "f16", exact, scores, note, []


def _require_parity(parity: Parity) -> None:
    if parity.logit_difference > LOGIT_TOLERANCE or parity.pixel_agreement < 1 - PARITY_MISMATCH_LIMIT:
        raise ExportError(
            f"{parity.form} does not match Keras: logits differ by "
            f"{parity.logit_difference:.2e} (accepted {LOGIT_TOLERANCE}), ids agree in "
            f"{parity.pixel_agreement:.4%}. Nothing was written; probably a bug in the installed OpenVINO or "
            "TensorFlow converter; report the versions"
        )


def _saved_model_logits(folder: Path, spec: InputSpec, feeds: list[list[np.ndarray]]) -> np.ndarray:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))  # its weights live as long as it does
    return _logits(NetworkEngine(loaded.serve, spec), feeds)


def _check_head(bundle_folder: Path, feed: list[np.ndarray]) -> None:
    """Run the bundle as the live node will, at twice the input size, to prove that it loads and answers."""
    height, width = feed[0].shape[1:3]
    picture, *depth = [np.repeat(np.repeat(array[0], 2, axis=0), 2, axis=1) for array in feed]
    segmenter = load_segmenter(load_bundle(bundle_folder))
    mask = segmenter.segment(picture, depth=depth[0][..., 0] if depth else None).mask
    segmenter.close()
    if mask.shape != (2 * height, 2 * width):
        raise ExportError(f"the exported bundle returns a mask of {mask.shape} for an image of twice its size")


def _replace_folder(staging: Path, output: Path) -> None:
    """Put `staging` at `output`; an earlier bundle there is kept until the new one stands."""
    old = output.with_name(f".{output.name}.replaced")
    shutil.rmtree(old, ignore_errors=True)
    if output.exists():
        os.replace(output, old)
    os.replace(staging, output)
    shutil.rmtree(old, ignore_errors=True)
