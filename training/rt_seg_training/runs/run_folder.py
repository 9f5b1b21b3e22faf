"""The run folder: what a training run leaves behind, under which names, and how it is read again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rt_seg.labels import LabelSet, load_labels
from rt_seg_training.configuration import ConfigurationError, TrainingConfiguration, load_run_configuration

if TYPE_CHECKING:
    import keras


class RunFolderError(ValueError):
    """The folder does not hold what is asked of it."""


@dataclass(frozen=True)
class RunFolder:
    """The files of one run. The folder need not exist yet.

    Example:
        >>> RunFolder(Path("runs/mine")).weights.name
        'model.weights.h5'
    """

    path: Path

    @property
    def weights(self) -> Path:
        """The weights of the best mean IoU on the validation split, which export takes."""
        return self.path / "model.weights.h5"

    @property
    def best_loss_weights(self) -> Path:
        """The weights of the lowest loss on the validation split."""
        return self.path / "best_loss.weights.h5"

    @property
    def last_weights(self) -> Path:
        """The weights of the last validation."""
        return self.path / "last.weights.h5"

    @property
    def checkpoint(self) -> Path:
        """The state from which an interrupted run resumes."""
        return self.path / "checkpoint.npz"

    @property
    def bad_batch(self) -> Path:
        """The batch at which the loss was not finite."""
        return self.path / "not_finite_batch.npz"

    @property
    def configuration(self) -> Path:
        """The settings in force."""
        return self.path / "configuration.yaml"

    @property
    def labels(self) -> Path:
        """The classes."""
        return self.path / "labels.yaml"

    @property
    def result(self) -> Path:
        """Written last: its presence says that the run has finished."""
        return self.path / "result.json"

    @property
    def history(self) -> Path:
        """One row per validation."""
        return self.path / "history.csv"

    @property
    def curves(self) -> Path:
        """The history as a plot."""
        return self.path / "curves.png"

    @property
    def tensorboard(self) -> Path:
        """The default folder of scalars and images for TensorBoard."""
        return self.path / "tensorboard"

    def load(
        self, height: int = 0, width: int = 0, weights: Path | None = None
    ) -> tuple[keras.Model, LabelSet, TrainingConfiguration]:
        """The trained network for an input size (pixels; 0: that of the run) without its auxiliary head.

        `weights`: the file of the folder to take instead of the best, such as last_weights.
        Raises RunFolderError for a folder without weights, with damaged ones, or with settings that are not understood.
        """
        weights = weights or self.weights
        if not weights.is_file():
            raise RunFolderError(
                f"{self.path}: holds no {weights.name}: not a run folder, or its training has not finished"
            )
        try:
            configuration = load_run_configuration(self.configuration)
        except ConfigurationError as error:
            raise RunFolderError(str(error)) from error
        import keras

        from rt_seg_training.nets.registry import build_net

        labels = load_labels(self.labels)
        height, width = height or configuration.height, width or configuration.width
        auxiliary_head = configuration.auxiliary_weight > 0
        net = build_net(configuration.net, height, width, len(labels), auxiliary_head, configuration.head)
        try:
            net.load_weights(weights)
        except (OSError, ValueError) as error:  # Keras and HDF5 do not name the file
            raise RunFolderError(f"{weights}: is damaged, or of another network: {error}") from error
        if not auxiliary_head:
            return net, labels, configuration
        inputs = net.inputs if len(net.inputs) > 1 else net.inputs[0]
        return keras.Model(inputs, net.outputs[0], name=net.name), labels, configuration
