"""Masks from a file of clicks, without a window."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rt_seg.labels import LabelSet
from rt_seg_training.clicks.click_files import mask_of, read_clicks
from rt_seg_training.clicks.click_model import ClickModelError
from rt_seg_training.clicks.installed_model import open_click_model
from rt_seg_training.labelling.automatic_labelling import Outcome, label_folder
from rt_seg_training.labelling.captures import Capture, LabellingError, find_captures, mask_file, read_class_ids


def label_by_clicks(
    folder: Path,
    output: Path,
    labels: LabelSet,
    file: Path,
    segmenter: Path | None = None,
    overwrite: bool = False,
    over_masks: bool = False,
) -> Outcome:
    """Write the masks of the images that `file` has clicks of; see label_folder and open_click_model.

    With `over_masks` the regions are painted over the masks that are there, else those stay unless `overwrite`. Raises
    ClickModelError, LabellingError, OSError.
    """
    clicks = read_clicks(file, labels)
    missing = sorted(set(clicks) - {capture.name for capture in find_captures(folder)})
    if missing:
        raise ClickModelError(f"{file}: {', '.join(missing[:5])}: no image of that name in {folder}")
    model = open_click_model(segmenter)
    if model is None:
        raise ClickModelError(f"{file}: this installation has no click network; name a model with --segmenter")

    def label(capture: Capture, color: np.ndarray) -> np.ndarray:
        try:
            found = mask_of(color, clicks[capture.name], model, f"{file}: {capture.name}")
        except ClickModelError as error:
            raise LabellingError(str(error)) from error
        if not over_masks:
            return found
        for path in (mask_file(output, capture), mask_file(folder, capture)):
            if path.exists():
                return np.where(found > 0, found, read_class_ids(path, color.shape, labels))
        return found

    return label_folder(folder, output, labels, label, overwrite=overwrite or over_masks, only=set(clicks))
