"""From a training run to a model bundle: OpenVINO and other forms, compared with Keras before anything is kept."""
from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Collection, Iterable, Mapping, Sequence

import numpy as np
import yaml

from rt_seg.bundle import FORMAT, MANIFEST, file_sha256, load_bundle
from rt_seg.engines import create_engine
from rt_seg.labels import LabelSet, load_labels
from rt_seg.segmenter import Segmenter, resize_image
from rt_seg_training.accuracy_guard import FormScore, is_accepted, loss_words, score_logits
from rt_seg_training.configuration import ConfigurationError, load_configuration
from rt_seg_training.deployment_formats import write_keras, write_litert, write_onnx
from rt_seg_training.pipeline import NORMALIZATION_MEAN, NORMALIZATION_STD

PARITY_MISMATCH_LIMIT = 1e-3
"""Share of pixels in which the f32 network may differ from Keras: ties and rounding at class borders."""
HISTORY = "history.csv"
"""The log of a run, which the bundle keeps for the reports of evaluate."""
LOGIT_TOLERANCE = 5e-3
"""Largest accepted difference of an f32 logit, relative to the largest logit."""


WRITERS = {"onnxruntime": write_onnx, "litert": write_litert, "keras": write_keras}
ALSO = (*WRITERS, "saved_model")
"""Runtimes whose form a bundle may hold beside that of OpenVINO."""


class ExportError(ValueError):
    """The run cannot be exported, or an exported form does not compute what Keras computes."""


@dataclass(frozen=True)
class Parity:
    """How an exported form compares with Keras over the calibration pictures."""

    form: str
    logit_difference: float
    pixel_agreement: float


def load_run(run: Path, height: int, width: int):
    """The trained Keras model of a run folder for an input size, its labels and its configuration.

    Raises ExportError for a folder without finished weights.
    """
    from rt_seg_training import trainer
    from rt_seg_training.nets.registry import build_net

    if not (run / trainer.WEIGHTS).is_file():
        raise ExportError(f"{run}: holds no {trainer.WEIGHTS}: not a run folder, or its training has not finished")
    try:
        configuration = load_configuration(run / trainer.CONFIGURATION)
    except ConfigurationError as error:
        raise ExportError(str(error)) from error
    labels = load_labels(run / trainer.LABELS)
    height, width = height or configuration.height, width or configuration.width
    auxiliary_head = configuration.auxiliary_weight > 0
    model = trained = build_net(configuration.net, height, width, len(labels), auxiliary_head, configuration.head)
    trained.load_weights(run / trainer.WEIGHTS)
    if auxiliary_head:
        import keras

        inputs = trained.inputs if len(trained.inputs) > 1 else trained.inputs[0]
        model = keras.Model(inputs, trained.outputs[0], name=trained.name)
    return model, labels, configuration


def _deployment_network(model, folder: Path):
    """The OpenVINO network: uint8 RGB (1, H, W, 3) in, normalised inside, logits (1, h, w, C) out."""
    import openvino
    from openvino.preprocess import PrePostProcessor

    network = openvino.convert_model(str(folder))
    # OpenVINO writes down where the SavedModel lay: a path of this machine that means nothing elsewhere.
    network.set_rt_info(folder.name, ["conversion_parameters", "input_model"])
    _, height, width, _ = model.input_shape
    network.reshape([1, height, width, 3])
    processor = PrePostProcessor(network)
    processor.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    processor.input().preprocess().convert_element_type(openvino.Type.f32)
    processor.input().preprocess().mean([255.0 * value for value in NORMALIZATION_MEAN])
    processor.input().preprocess().scale([255.0 * value for value in NORMALIZATION_STD])
    processor.input().model().set_layout(openvino.Layout("NHWC"))
    return processor.build()


def _quantize(network, images: list[np.ndarray]):
    import nncf

    return nncf.quantize(
        network,
        nncf.Dataset([image[np.newaxis] for image in images]),
        subset_size=len(images),
        preset=nncf.QuantizationPreset.MIXED,
    )


def _request(network):
    import openvino

    return openvino.Core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def _logits(network, images: list[np.ndarray]) -> np.ndarray:
    compiled = _request(network)
    return np.concatenate([compiled(image[np.newaxis])[0] for image in images])


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
    validation: Sequence[tuple[np.ndarray, np.ndarray]] = (),
    validation_data: str = "",
    training: Mapping[str, Any] | None = None,
) -> Export:
    """Write the bundle of a finished run into the folder `output`, atomically.

    Args:
        images: uint8 (h, w, 3) RGB pictures of the training data, for calibration and comparison.
        precision: `f32`; `f16`, the same with the weights rounded to 16 bits; `int8` by post-training quantisation, for
            which `validation` decides whether it is good enough; or `auto`, int8 if that is so and f16 if not.
        height, width: input size in pixels; 0 takes that of the run.
        also: forms of `ALSO` that the bundle shall hold, too, in f32.
        card: makes the text of the bundle's README.md.
        validation: images, uint8 (h, w, 3), and truth, class ids (h, w), none of which are among `images`.
        validation_data: what these are, in words, for the scores in the manifest.
        training: what the weights were trained on, for the manifest.

    Raises ExportError if the run is unusable, `output` is a folder without a bundle, an f32 form differs from Keras, or
    int8 is asked for and loses more than accuracy_guard.LOSS_LIMIT.
    """
    import openvino

    from rt_seg_training.pipeline import normalize

    if output.exists() and not (output / MANIFEST).is_file():
        raise ExportError(f"{output}: exists and is not a model bundle; it is not overwritten. Name another --output")
    model, labels, _ = load_run(run, height, width)
    if len(model.inputs) > 1:
        raise ExportError(
            f"{run}: its network {model.name} takes depth as a second input, and bundles hold networks of colour alone "
            "so far. Train one of the other nets, or score and use the run itself: evaluate --run"
        )
    height, width = model.input_shape[1:3]
    pictures = [resize_image(image, height, width) for image in images]
    if not pictures:
        raise ExportError("no pictures to calibrate and compare with; name a split that has some with --split")
    if precision == "int8" and not validation:
        raise ExportError("no labelled frames beside those of calibration, so what int8 loses is unknown; name others")
    output.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=output.parent))
    try:
        reference = np.concatenate([model(normalize(picture[np.newaxis]), training=False) for picture in pictures])
        saved_folder = staging / "saved_model"
        model.export(str(saved_folder), verbose=False)
        parities = [_compare("SavedModel", reference, _saved_model_logits(saved_folder, pictures))]
        network = _deployment_network(model, saved_folder)
        parities.append(_compare("OpenVINO f32", reference, _logits(network, pictures)))
        for parity in parities:
            _require_parity(parity)
        chosen, network, scores, note = _choose(network, precision, pictures, validation, labels)
        openvino.save_model(network, str(staging / "model.xml"), compress_to_fp16=chosen == "f16")
        if chosen != "f32":
            stored = openvino.Core().read_model(str(staging / "model.xml"))
            parities.append(_compare(f"OpenVINO {chosen}", reference, _logits(stored, pictures)))
        engines = [_engine_entry("openvino", chosen, "model.xml", staging, ["model.xml", "model.bin"])]
        files = {runtime: write(model, staging) for runtime, write in WRITERS.items() if runtime in also}
        engines += [_engine_entry(runtime, "f32", file, staging, [file]) for runtime, file in files.items()]
        if "saved_model" in also:
            saved = sorted(str(p.relative_to(staging)) for p in saved_folder.rglob("*") if p.is_file())
            engines.append(_engine_entry("saved_model", "f32", "saved_model", staging, saved))
        else:
            shutil.rmtree(saved_folder)
        manifest = {
            "format": FORMAT,
            "name": name,
            "version": version,
            "license": license_text,
            "input": {
                "height": height,
                "width": width,
                "channels": "rgb",
                "mean": list(NORMALIZATION_MEAN),
                "std": list(NORMALIZATION_STD),
            },
            "labels": labels.to_dict(),
            "fingerprint": labels.fingerprint,
            "engines": engines,
            "training": dict(training or {}),
            "scores": [
                {
                    "metric": "mean_iou",
                    "value": round(score.mean_iou, 4),
                    "data": validation_data,
                    "frames": len(validation),
                    "engine": score.form,
                    "command": "rosrun rt_seg export",
                }
                for score in scores
                if not np.isnan(score.mean_iou)
            ],
        }
        write_manifest(staging, manifest)
        for runtime in files:
            parity = _compare(runtime, reference, _engine_logits(staging, runtime, pictures))
            _require_parity(parity)
            # Before the form that the live node takes, which stays the last.
            parities.insert(len(parities) - 1, parity)
        result = Export(chosen, parities, scores, note)
        if card is not None:
            (staging / "README.md").write_text(card(result), encoding="utf-8")
        if (run / HISTORY).is_file():
            shutil.copyfile(run / HISTORY, staging / HISTORY)
        staging.chmod(0o755)
        _check_head(staging, model, pictures[0])
        _replace_folder(staging, output)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return result


def _choose(exact, precision: str, pictures: list[np.ndarray], validation, labels: LabelSet):
    """The precision to ship, its network, the scores of f32 and of that one, and why auto left int8; see export_bundle.

    Raises ExportError for int8 that loses too much.
    """
    size = pictures[0].shape[:2]

    def score(form: str, network) -> FormScore:
        request = _request(network)
        return score_logits(form, lambda rgb: request(rgb[np.newaxis])[0][0], validation, labels, size)

    exact_scores = [score("OpenVINO f32", exact)] if validation else []
    note = "" if validation or precision != "auto" else "no labelled frames, so what int8 loses is unknown"
    if precision == "int8" or (precision == "auto" and validation):
        quantised = _quantize(exact, pictures)
        scores = [*exact_scores, score("OpenVINO int8", quantised)]
        if is_accepted(*scores):
            return "int8", quantised, scores, note
        note = loss_words(*scores, len(validation))
        if precision == "int8":
            raise ExportError(f"{note}. Nothing was written; export with --precision auto or f16")
    if precision == "f32":
        return "f32", exact, exact_scores, note
    # The scores of f16 are those of its weights rounded, which the file will hold.
    with tempfile.TemporaryDirectory() as folder:
        import openvino

        openvino.save_model(exact, f"{folder}/model.xml", compress_to_fp16=True)
        rounded = openvino.Core().read_model(f"{folder}/model.xml")
        scores = [*exact_scores, score("OpenVINO f16", rounded)] if validation else []
    return "f16", exact, scores, note


def _engine_logits(bundle_folder: Path, runtime: str, images: list[np.ndarray]) -> np.ndarray:
    engine = create_engine(load_bundle(bundle_folder), runtime)
    logits = np.stack([engine.logits(image) for image in images])
    engine.close()
    return logits


def _require_parity(parity: Parity) -> None:
    if parity.logit_difference > LOGIT_TOLERANCE or parity.pixel_agreement < 1 - PARITY_MISMATCH_LIMIT:
        raise ExportError(
            f"{parity.form} does not compute what Keras computes: logits differ by "
            f"{parity.logit_difference:.2e} (accepted {LOGIT_TOLERANCE}), ids agree in "
            f"{parity.pixel_agreement:.4%}. Nothing was written; this is a defect of a converter version."
        )


def _saved_model_logits(folder: Path, images: list[np.ndarray]) -> np.ndarray:
    import tensorflow as tf

    from rt_seg_training.pipeline import normalize

    loaded = tf.saved_model.load(str(folder))
    return np.concatenate([loaded.serve(normalize(image[np.newaxis])) for image in images])


def _check_head(bundle_folder: Path, model, picture: np.ndarray) -> None:
    """Run the bundle as the live node will, at twice the input size, to prove that it loads and answers."""
    height, width = picture.shape[:2]
    segmenter = Segmenter(load_bundle(bundle_folder))
    mask = segmenter.segment(np.repeat(np.repeat(picture, 2, axis=0), 2, axis=1)).mask
    segmenter.close()
    if mask.shape != (2 * height, 2 * width):
        raise ExportError(f"the exported bundle answers with a mask of {mask.shape} for an image of twice its size")


def _engine_entry(runtime: str, precision: str, path: str, folder: Path, files: list[str]) -> dict[str, Any]:
    return {
        "runtime": runtime,
        "precision": precision,
        "path": path,
        "sha256": {name: file_sha256(folder / name) for name in files},
    }


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write `bundle.yaml` into a bundle's folder, atomically."""
    temporary = folder / f".{MANIFEST}.unfinished"
    temporary.write_text(yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True), encoding="utf-8")
    os.replace(temporary, folder / MANIFEST)


def _replace_folder(staging: Path, output: Path) -> None:
    """Put `staging` at `output`; an earlier bundle there is kept until the new one stands."""
    old = output.with_name(f".{output.name}.replaced")
    shutil.rmtree(old, ignore_errors=True)
    if output.exists():
        os.replace(output, old)
    os.replace(staging, output)
    shutil.rmtree(old, ignore_errors=True)
