"""The network that another one learns from: a finished run, or a bundle with its training weights."""

from __future__ import annotations

import tensorflow as tf

from rt_seg.labels import LabelSet
from rt_seg_training.configuration import ConfigurationError, TrainingConfiguration
from rt_seg_training.nets.binary_head import BinaryLogits
from rt_seg_training.nets.normalization import normalization_of
from rt_seg_training.nets.registry import build_net
from rt_seg_training.runs.trained_network import TrainedNetworkError, trained_network


class Teacher:
    """A trained network for the crops of a run, whose classes are those of the run in their order.

    Attributes: takes_depth.
    """

    def __init__(self, source: str, configuration: TrainingConfiguration, labels: LabelSet) -> None:
        """`source`: run folder or bundle; its network is built for the crop size. Raises ConfigurationError."""
        try:
            trained, known = trained_network(source)
        except TrainedNetworkError as error:
            raise ConfigurationError(f"teacher: {error}") from error
        names, wanted = known.names, labels.names
        unknown = [name for name in wanted if name not in names]
        if unknown:
            raise ConfigurationError(
                f"teacher: {source} lacks {', '.join(unknown)}; it has {', '.join(names)}, but a teacher "
                "needs all classes of the data set"
            )
        head = "binary" if any(isinstance(layer, BinaryLogits) for layer in trained.layers) else "semantic"
        crop = (configuration.crop_height, configuration.crop_width)
        self._net = build_net(trained.name, *crop, len(names), head=head)
        for layer in self._net.layers:
            layer.set_weights(trained.get_layer(layer.name).get_weights())
        self._net.trainable = False
        self._columns = [names.index(name) for name in wanted]
        self._own, self._given = normalization_of(trained.name), normalization_of(configuration.net)
        self.takes_depth = len(trained.inputs) > 1

    def __call__(self, image: tf.Tensor, depth: tf.Tensor | None) -> tf.Tensor:
        """Logits (B, h, w, classes of the run) of a batch as the run's own network takes it; no gradient flows."""
        if self._own != self._given:
            image = (image * self._given.std + self._given.mean - self._own.mean) / self._own.std
        logits = self._net([image, depth] if self.takes_depth else image, training=False)
        return tf.stop_gradient(tf.gather(logits, self._columns, axis=-1))
