"""Images without labels as training examples, whose pixels the loss of the labels ignores."""

from __future__ import annotations

from typing import Iterator, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

Frame = Tuple[np.ndarray, Optional[np.ndarray]]
"""RGB uint8 (H, W, 3), and depth uint16 (H, W) millimetres, 0 without a reading; None where there is none."""


def unlabeled_examples(frames: Sequence[Frame], ignore_id: int, with_depth: bool) -> tf.data.Dataset:
    """Examples as a data set gives them: image, label all `ignore_id`, and depth, 0 where a frame has none."""

    def examples() -> Iterator[dict[str, np.ndarray]]:
        for image, depth in frames:
            label = np.full((*image.shape[:2], 1), ignore_id, np.uint8)
            example = {"image": image, "label": label}
            if with_depth:
                example["depth"] = np.zeros(label.shape, np.uint16) if depth is None else depth[..., np.newaxis]
            yield example

    signature = {
        "image": tf.TensorSpec((None, None, 3), tf.uint8),
        "label": tf.TensorSpec((None, None, 1), tf.uint8),
    }
    if with_depth:
        signature["depth"] = tf.TensorSpec((None, None, 1), tf.uint16)
    return tf.data.Dataset.from_generator(examples, output_signature=signature)
