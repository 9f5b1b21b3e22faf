"""A training run as a segmenter: its Keras network in float32, with the live node's steps before and after it."""
from __future__ import annotations

from pathlib import Path

import numpy as np

from rt_seg.engines.class_id_head import class_ids, confidences
from rt_seg.segmenter import Segmentation, network_depth, resize_image
from rt_seg_training.input_pipeline.batches import normalize
from rt_seg_training.nets.depth_fusion import DEPTH_RANGE
from rt_seg_training.nets.normalization import normalization_of
from rt_seg_training.nets.registry import DEPTH_NETS
from rt_seg_training.runs.run_folder import RunFolder


class KerasSegmenter:
    """The best weights of a run folder; answers as rt_seg.segmenter.Segmenter does.

    Attributes: labels, configuration, with_depth (whether `segment` takes depth), description.
    """

    def __init__(self, run: Path) -> None:
        """Load the network. Raises RunFolderError for a folder without finished weights."""
        import tensorflow as tf

        model, self.labels, self.configuration = RunFolder(run).load()
        self.with_depth = self.configuration.net in DEPTH_NETS
        self.description = f"Keras {self.configuration.net} f32 on TensorFlow {tf.__version__}"
        self._size = (self.configuration.height, self.configuration.width)
        self._logits = tf.function(lambda *inputs: model(inputs if len(inputs) > 1 else inputs[0], training=False))

    def segment(self, rgb: np.ndarray, confidence: bool = False, depth: np.ndarray | None = None) -> Segmentation:
        """Segment an image, uint8 (H, W, 3) RGB; `depth`: (H, W), as rt_seg.segmenter.Segmenter takes it."""
        height, width = rgb.shape[:2]
        inputs = [normalize(resize_image(rgb, *self._size)[np.newaxis], normalization_of(self.configuration.net))]
        if self.with_depth:
            depth = np.zeros(self._size, np.uint16) if depth is None else depth
            inputs.append(network_depth(depth, *self._size, DEPTH_RANGE)[np.newaxis, ..., np.newaxis])
        logits = self._logits(*inputs)[0].numpy()
        mask = class_ids(logits, height, width)
        return Segmentation(mask, confidences(logits, height, width) if confidence else None)
