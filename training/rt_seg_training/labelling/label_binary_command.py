"""The label_binary tool: the foreground mask of an object in each picture of a folder, without hands."""
from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rt_seg_training.labelling.depth_plane import StandingOutSettings

SHEET = "contact_sheet.png"
SHEET_FRAMES = 99
METHODS = ("depth", "background", "bundle")


class LabellingError(ValueError):
    """A picture cannot be labelled, or nothing can; the text says why and what to do."""


@dataclass(frozen=True)
class Capture:
    """A captured picture, and its depth image where there is one."""

    name: str
    color: Path
    depth: Path | None


@dataclass(frozen=True)
class Outcome:
    """How many masks were made now and were there already, and a message for each picture without one."""

    made: int
    present: int
    failures: list[str]


def find_captures(folder: Path) -> list[Capture]:
    """Pictures of `rgb/` or `color/` in `folder`, with `depth/<name>.png`. Raises LabellingError if there are none."""
    from rt_seg_training.datasets.images import IMAGE_SUFFIXES

    colors = next((folder / name for name in ("rgb", "color") if (folder / name).is_dir()), None)
    if colors is None:
        raise LabellingError(f"{folder}: has no folder rgb/ or color/ with the pictures to label")
    files = sorted(path for path in colors.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    if not files:
        raise LabellingError(f"{colors}: holds no pictures; accepted are {', '.join(IMAGE_SUFFIXES)}")
    captures = []
    for path in files:
        if captures and captures[-1].name == path.stem:
            raise LabellingError(f"{path}: {captures[-1].color.name} has the same name; one picture per name, please")
        depth = folder / "depth" / f"{path.stem}.png"
        captures.append(Capture(path.stem, path, depth if depth.is_file() else None))
    return captures


Method = Callable[[Capture, np.ndarray], np.ndarray]
"""From a capture and its picture, (H, W, 3) uint8 RGB, to a mask (H, W) uint8 0/1."""


def by_depth(settings: StandingOutSettings) -> Method:
    """Label what stands out from the dominant plane of the depth image."""
    from rt_seg_training.datasets.images import read_depth
    from rt_seg_training.labelling.depth_plane import PlaneError, label_by_depth

    def label(capture: Capture, color: np.ndarray) -> np.ndarray:
        if capture.depth is None:
            raise LabellingError(f"{capture.color}: depth/{capture.name}.png is not there; use another --auto")
        try:
            return label_by_depth(read_depth(capture.depth, color.shape), settings)
        except PlaneError as error:
            raise LabellingError(f"{capture.depth}: {error}") from error

    return label


def by_background(empty: Path, threshold: float, settings: StandingOutSettings) -> Method:
    """Label what differs from a picture of the empty scene. Raises DatasetError when that cannot be read."""
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
    from rt_seg.segmenter import Segmenter
    from rt_seg_training.labelling.depth_plane import chosen_regions

    segmenter = Segmenter(load_bundle(folder))

    def label(capture: Capture, color: np.ndarray) -> np.ndarray:
        mask = segmenter.segment(color).mask
        return chosen_regions((mask != 0) & (mask != UNLABELLED), settings)

    return label


def label_folder(
    folder: Path, output: Path, method: Method, refine_width: int = 0, name: str = "object", overwrite: bool = False
) -> Outcome:
    """Write the mask of each picture of `folder` to `output`/gt, with labels.yaml and a contact sheet.

    The classes are background and `name`. Where `output` is another folder than `folder`, pictures and depth are copied
    there, so that it is a custom data set. A picture in which nothing is found gets no mask, but a message: an empty
    mask would teach that the object is background. Masks that are there stay, unless `overwrite`. Raises
    LabellingError when there are no pictures, or other classes in `output`; LabelError, OSError.
    """
    from tqdm import tqdm

    from rt_seg.atomic_file import write_atomically
    from rt_seg.labels import Label, LabelSet, load_labels
    from rt_seg.products.overlay import Palette
    from rt_seg_training.contact_sheet import contact_sheet, evenly_spaced
    from rt_seg_training.datasets.errors import DatasetError
    from rt_seg_training.datasets.images import read_image, read_mask
    from rt_seg_training.labelled_frame import encode, write_labels
    from rt_seg_training.labelling.refinement import refine

    captures = find_captures(folder)
    labels = LabelSet((Label(0, "background", (0, 0, 0)), Label(1, name, (230, 25, 75))))
    if (output / "labels.yaml").exists():
        present = load_labels(output / "labels.yaml")
        if present != labels:
            raise LabellingError(
                f"{output / 'labels.yaml'}: has the classes {', '.join(present.names)}, not background, {name}; "
                "choose another --output"
            )
    else:
        write_labels(output, labels)
    copying = output.resolve() != folder.resolve() or not (folder / "rgb").is_dir()
    made, failures, labelled = 0, [], []
    for capture in tqdm(captures, unit="frame", leave=False, disable=None):
        target = output / "gt" / f"{capture.name}.png"
        color_file = output / "rgb" / capture.color.name if copying else capture.color
        if target.exists() and color_file.exists() and not overwrite:
            labelled.append((capture, target))
            continue
        try:
            color = read_image(capture.color)
            mask = refine(color, method(capture, color), refine_width)
        except (LabellingError, DatasetError) as error:
            failures.append(str(error))
            continue
        if not mask.any():
            failures.append(f"{capture.color}: nothing was found; label it another way, or leave it out")
            continue
        write_atomically(target, encode(".png", mask))
        if copying:
            if capture.depth is not None:
                write_atomically(output / "depth" / f"{capture.name}.png", capture.depth.read_bytes())
            write_atomically(color_file, capture.color.read_bytes())
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="label_binary",
        description="Make the foreground mask of an object in each picture of rgb/ (or color/), without hands: "
        "what stands out from the dominant plane of depth/, what differs from a picture of the empty scene, or what a "
        "model finds. Look at the contact sheet before you train on it.",
        epilog="example: rosrun rt_seg label_binary captures --auto depth --output my_images --name aeroplane",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder with rgb/ or color/ and, for depth, depth/")
    parser.add_argument("--auto", required=True, choices=METHODS, help="how the object is found")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="folder of the labelled set (default: that of the pictures)"
    )
    parser.add_argument("--name", default="object", help="name of the class (default: %(default)s)")
    parser.add_argument("--overwrite", action="store_true", help="make masks anew that are there already")
    parser.add_argument(
        "--refine", type=int, default=10, metavar="PIXELS",
        help="let colour (GrabCut) decide the edge, this far from where it was found; 0 = no (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--empty", type=Path, metavar="IMAGE", help="background: picture of the empty scene")
    parser.add_argument(
        "--threshold", type=float, default=30, help="background: least difference, of 255 (default: %(default)s)"
    )
    parser.add_argument("--bundle", type=Path, metavar="DIR", help="bundle: folder of the model bundle")
    defaults = StandingOutSettings()
    parser.add_argument(
        "--height", type=float, default=defaults.height,
        help="depth: least distance in metres between plane and object (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--objects", type=int, default=defaults.objects,
        help="most regions to keep, the largest first; 0 = all (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--at-border", action="store_true", help="keep regions that the rim of the picture cuts off")
    parser.add_argument(
        "--least-area", type=float, default=defaults.least_area, metavar="SHARE",
        help="smallest region, as share of the picture (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--largest-area", type=float, default=defaults.largest_area, metavar="SHARE",
        help="largest region, as share of the picture (default: %(default)s)",
    )  # fmt: skip
    return parser


def _method(options: argparse.Namespace) -> Method:
    if options.objects < 0 or options.refine < 0 or options.height <= 0 or options.threshold <= 0:
        raise LabellingError("--objects and --refine must be at least 0, --height and --threshold above 0")
    settings = StandingOutSettings(
        height=options.height,
        least_area=options.least_area,
        largest_area=options.largest_area,
        objects=options.objects,
        at_border=options.at_border,
    )
    if options.auto == "depth":
        return by_depth(settings)
    if options.auto == "background":
        if options.empty is None:
            raise LabellingError("--auto background needs --empty, a picture of the scene without the object")
        return by_background(options.empty, options.threshold, settings)
    if options.bundle is None:
        raise LabellingError("--auto bundle needs --bundle, the folder of a model")
    return by_bundle(options.bundle, settings)


def main(arguments: list[str] | None = None) -> int:
    """Command line of label_binary; returns 0, 1 when some pictures got no mask, or 2 when nothing could be begun."""
    options = _parser().parse_args(arguments)
    from rt_seg.bundle import BundleError

    output = options.output or options.folder
    try:
        outcome = label_folder(
            options.folder, output, _method(options), options.refine, options.name, options.overwrite
        )
    except (ValueError, BundleError, OSError) as error:  # LabellingError, DatasetError and LabelError are ValueErrors
        print(f"label_binary: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("label_binary: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    for failure in outcome.failures:
        print(f"label_binary: {failure}", file=sys.stderr)
    print(
        f"{output}: {outcome.made} masks made, {outcome.present} were there, {len(outcome.failures)} pictures without; "
        f"look at {output / SHEET}"
    )
    return 1 if outcome.failures else 0
