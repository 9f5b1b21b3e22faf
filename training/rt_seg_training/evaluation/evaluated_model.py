"""What is evaluated: a model bundle, or a training run before any export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rt_seg.bundle import TrainingData, load_bundle
from rt_seg.labels import LabelSet
from rt_seg.segmenter import Segmenter, load_segmenter
from rt_seg_training.configuration import TrainingConfiguration
from rt_seg_training.evaluation.evaluation import EvaluationError
from rt_seg_training.runs.provenance import training_data
from rt_seg_training.runs.run_folder import RunFolder, RunFolderError


@dataclass
class EvaluatedModel:
    """The evaluated model: segmenter, labels and its entry in the protocol."""

    segmenter: Segmenter
    labels: LabelSet
    name: str
    """As in messages: bundle 'camvid'."""
    argument: str
    """As on the command line."""
    folder: Path
    """Of the bundle or the run."""
    trained_on: TrainingData | None
    with_depth: bool = False
    """Whether it gets the depth of the frames."""
    depth_fault: str | None = None
    """Of depth_faults.FAULTS: what is done to that depth."""


def open_bundle(name: Path, threads: int, precision: str) -> EvaluatedModel:
    """The model of a bundle, a folder or a known name, with the engine that the node would take."""
    bundle = load_bundle(name)
    return EvaluatedModel(
        load_segmenter(bundle, threads=threads, precision=precision),
        bundle.labels,
        f"bundle {bundle.name!r} {bundle.version}",
        bundle.name,
        bundle.folder,
        bundle.training,
        bundle.input.with_depth,
    )


def open_run(folder: Path) -> tuple[EvaluatedModel, TrainingConfiguration]:
    """The best weights of a training run, by Keras. Raises EvaluationError for a folder without finished weights."""
    try:
        network, labels, configuration = RunFolder(folder).load()
    except RunFolderError as error:
        raise EvaluationError(str(error)) from error
    from rt_seg_training.runs.network_engine import NetworkEngine

    engine = NetworkEngine.of_model(network, configuration.net)
    model = EvaluatedModel(
        Segmenter(engine.spec, engine),
        labels,
        f"run {folder.resolve().name!r}",
        f"--run runs/{folder.resolve().name}",
        folder,
        training_data(configuration),
        engine.spec.with_depth,
    )
    return model, configuration
