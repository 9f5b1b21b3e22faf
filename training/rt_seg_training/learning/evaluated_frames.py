"""What an evaluation of a labelled folder left: its masks, compared with the ground truth frame by frame."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from rt_seg.confusion import confusion_matrix
from rt_seg.labels import LabelSet
from rt_seg_training.datasets.custom.custom_source import read_custom
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.source import read_pair


def confusion_by_frame(folder: Path, report: Path, split: str) -> tuple[list[np.ndarray], LabelSet]:
    """Confusion matrices, (classes, classes) int64, of the masks that an evaluation left in `report`, one for each
    frame of the labelled `folder`'s split; and the labels. Raises DatasetError, also when the folder has changed since
    the evaluation."""
    source = read_custom(folder)
    matrices = []
    for pair in source.splits[split]:
        truth = read_pair(pair, source)[1]
        file = report / "predictions" / f"{pair.name}.png"
        mask = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        if mask is None or mask.shape != truth.shape:
            what = "cannot be read" if mask is None else f"is {mask.shape[1]}x{mask.shape[0]}, its label is not"
            raise DatasetError(
                f"{file}: {what}; {folder} has changed since this evaluation, or the file is damaged. Evaluate again"
            )
        matrices.append(confusion_matrix(truth, mask, len(source.labels), source.labels.ignore_id))
    return matrices, source.labels
