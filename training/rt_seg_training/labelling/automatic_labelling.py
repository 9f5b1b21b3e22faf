"""Foreground masks automatically: from depth, an empty scene, a model, or the mask of the frame before."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rt_seg.labelled_folder import LabelledFolder
from rt_seg.labels import LabelSet
from rt_seg_training.labelling.captures import (
    Capture,
    LabellingError,
    copy_into_set,
    find_captures,
    mask_file,
    read_class_ids,
)
from rt_seg_training.labelling.depth_plane import StandingOutSettings

SHEET = "contact_sheet.png"
SHEET_FRAMES = 99


@dataclass(frozen=True)
class Outcome:
    """How many masks were made now and were there already, and a message for each image without one."""

    made: int
    present: int
    failures: list[str]


Method = Callable[[Capture, np.ndarray], np.ndarray]
"""From a capture and its image, (H, W, 3) uint8 RGB, to a mask (H, W) uint8 0/1."""


def by_depth(settings: StandingOutSettings) -> Method:
    """Label what stands out from the dominant plane of the depth image."""
    from rt_seg_training.datasets.images import read_depth
    from rt_seg_training.labelling.depth_plane import PlaneError, label_by_depth

    def label(capture: Capture, color: np.ndarray) -> np.ndarray:
        if capture.depth is None:
            raise LabellingError(f"{capture.color}: depth/{capture.name}.png not found; use another --auto")
        try:
            return label_by_depth(read_depth(capture.depth, color.shape), settings)
        except PlaneError as error:
            raise LabellingError(f"{capture.depth}: {error}") from error

    return label


def by_background(empty: Path, threshold: float, settings: StandingOutSettings) -> Method:
    """Label what differs from an image of the empty scene. Raises DatasetError when that cannot be read."""
    from rt_seg_training.datasets.images import read_image
    from rt_seg_training.labelling.depth_plane import chosen_regions
    from rt_seg_training.labelling.empty_scene import changed

    scene = read_image(empty)

    def label(capture: Capture, color: np.ndarray) -> np.ndarray:
        try:
            return chosen_regions(changed(color, scene, threshold), settings)
        except ValueError as error:
            raise LabellingError(f"{capture.color}: {error}") from error

    return label


def by_bundle(folder: Path, settings: StandingOutSettings) -> Method:
    """Label what a model takes for any class but its first. Raises BundleError when it cannot be used."""
    from rt_seg.bundle import load_bundle
    from rt_seg.labels import UNLABELLED
    from rt_seg.segmenter import load_segmenter
    from rt_seg_training.datasets.images import read_depth
    from rt_seg_training.labelling.depth_plane import chosen_regions

    segmenter = load_segmenter(load_bundle(folder))

    def label(capture: Capture, color: np.ndarray) -> np.ndarray:
        takes_depth = segmenter.spec.with_depth and capture.depth is not None
        mask = segmenter.segment(color, depth=read_depth(capture.depth, color.shape) if takes_depth else None).mask
        return chosen_regions((mask != 0) & (mask != UNLABELLED), settings)

    return label


def by_propagation(folder: Path, output: Path, labels: LabelSet, model: Path | None = None) -> Method:
    """Label what optical flow makes of the mask that the frame before has in `output`.

    With the bundle `model` that corrects it where it is sure, and alone labels a frame without one before. Raises
    LabellingError, BundleError.
    """
    from rt_seg_training.datasets.images import read_image
    from rt_seg_training.labelling.model_proposal import ModelProposal, combine
    from rt_seg_training.labelling.propagation import propagate

    proposal = None if model is None else ModelProposal(model, labels)
    captures = find_captures(folder)
    before = dict(zip((capture.name for capture in captures[1:]), captures))

    def label(capture: Capture, color: np.ndarray) -> np.ndarray:
        previous = before.get(capture.name)
        if previous is None or not mask_file(output, previous).exists():
            if proposal is not None:
                return proposal.propose(capture, color)[0]
            frame = "it is the first frame" if previous is None else f"the previous frame, {previous.name}, has none"
            raise LabellingError(f"{capture.color}: no mask to propagate, because {frame}; label one by hand")
        color_before = read_image(previous.color)
        if color_before.shape != color.shape:
            raise LabellingError(f"{capture.color}: differs in size from the previous frame, {previous.color}")
        mask = read_class_ids(mask_file(output, previous), color_before.shape, labels)
        carried = propagate(color_before, mask, color)
        return carried if proposal is None else combine(carried, *proposal.propose(capture, color))

    return label


def label_folder(
    folder: Path,
    output: Path,
    labels: LabelSet,
    method: Method,
    refine_width: int = 0,
    overwrite: bool = False,
    only: Collection[str] | None = None,
) -> Outcome:
    """Write the mask of each image of `folder` to `output`/gt, with labels.yaml and a contact sheet.

    Class 1 of `labels` is the object. Where `output` is another folder than `folder`, images and depth are copied
    there, so that it is a custom data set. An image in which nothing is found gets no mask, but a message: an empty
    mask would teach that the object is background. Masks that are there stay, unless `overwrite`; `only`: names of the
    images to label, all where None. Raises LabellingError when there are no images; OSError.
    """
    from rt_seg.atomic_file import write_atomically
    from rt_seg.products.overlay import Palette
    from rt_seg.progress import progress
    from rt_seg_training.datasets.contact_sheet import contact_sheet, evenly_spaced
    from rt_seg_training.datasets.errors import DatasetError
    from rt_seg_training.datasets.images import read_image, read_mask
    from rt_seg_training.datasets.labelled_frame import encode, write_labels
    from rt_seg_training.labelling.refinement import refine

    captures = [capture for capture in find_captures(folder) if only is None or capture.name in only]
    if not LabelledFolder(output).labels.exists():
        write_labels(output, labels)
    copying = output.resolve() != folder.resolve() or not LabelledFolder(folder).color.is_dir()
    made, failures, labelled = 0, [], []
    for capture in progress(captures, unit="frame", leave=False):
        target = mask_file(output, capture)
        if target.exists() and not overwrite:
            if copying:
                copy_into_set(capture, output)  # where it was interrupted in between, or the mask came another way
            labelled.append((capture, target))
            continue
        try:
            color = read_image(capture.color)
            mask = refine(color, method(capture, color), refine_width)
        except (LabellingError, DatasetError) as error:
            failures.append(str(error))
            continue
        if not mask.any():
            failures.append(f"{capture.color}: no object found; label it with another method, or exclude it")
            continue
        write_atomically(target, encode(target.suffix.lower(), mask))
        if copying:
            copy_into_set(capture, output)
        made += 1
        labelled.append((capture, target))
    if labelled:
        palette = Palette(labels)
        shown = (labelled[number] for number in evenly_spaced(len(labelled), SHEET_FRAMES))
        overlays = (
            (capture.name, palette.blend(read_image(capture.color), read_mask(mask_file), 0.4, contours=True))
            for capture, mask_file in shown
        )
        write_atomically(output / SHEET, encode(".png", contact_sheet(overlays, columns=9)))
    return Outcome(made, len(labelled) - made, failures)
