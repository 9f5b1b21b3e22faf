"""The label_binary tool: the foreground mask of an object in each image of a folder, by hand or without."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rt_seg.command_line import command_parser, old_spelling
from rt_seg.labels import LabelSet
from rt_seg_training.labelling.automatic_labelling import (
    SHEET,
    Method,
    by_background,
    by_bundle,
    by_depth,
    by_propagation,
    label_folder,
)
from rt_seg_training.labelling.captures import LabellingError
from rt_seg_training.labelling.depth_plane import StandingOutSettings
from rt_seg_training.labelling.label_lists import binary_labels, labels_in

METHODS = ("depth", "background", "bundle", "propagate")


def _labels(options: argparse.Namespace, output: Path) -> LabelSet:
    """Background and the object: those of labels.yaml in the output, or in the images' folder, else new ones."""
    found = labels_in(output) or labels_in(options.folder)
    if found is None:
        return binary_labels(options.name or "object")
    file, labels = found
    if len(labels) != 2 or (options.name is not None and options.name != labels.names[1]):
        wanted = f"background, {options.name or 'object'}"
        raise LabellingError(
            f"{file}: has the classes {', '.join(labels.names)}, not {wanted}; choose another --output"
            + (", or use label_semantic" if len(labels) != 2 else "")
        )
    return labels


def add_click_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of labelling by clicks, which label_semantic has, too."""
    parser.add_argument(
        "--clicks", type=Path, metavar="FILE",
        help="no window: masks from the clicks of a YAML file; docs/labelling.md shows one",
    )  # fmt: skip
    parser.add_argument(
        "--segmenter", type=Path, metavar="DIR",
        help="clicks: a SAM-like model instead of the package's own, encoder.onnx and decoder.onnx",
    )  # fmt: skip


def proposal_of(options: argparse.Namespace, labels: LabelSet):
    """The model that proposes masks in the window, where --propagate and --bundle are given. Raises BundleError."""
    if not (options.propagate and options.bundle is not None):
        return None
    from rt_seg_training.labelling.model_proposal import ModelProposal

    return ModelProposal(options.bundle, labels)


def click_tools(segmenter: Path | None) -> list:
    """The tool of clicks, first of all, where there is a model for it; raises ClickModelError."""
    from rt_seg_training.clicks.installed_model import open_click_model
    from rt_seg_training.labelling.drawing.click_tool import ClickTool

    model = open_click_model(segmenter)
    return [] if model is None else [ClickTool(model)]


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "label_binary",
        description="Make the foreground mask of an object in each image of rgb/ (or color/): in a window, with "
        "clicks, GrabCut, contours, outline, brush and colour tolerance; from a file of clicks, with --clicks; "
        "or automatically, with --auto: what stands out from the dominant plane of depth/, what differs from an image "
        "of the empty scene, what a model predicts, or the mask of the previous frame, moved by optical flow (label "
        "some by hand, then the rest of the clip). The window starts at the first image without a mask, saves "
        "automatically, and shows its keys; --auto and --clicks write a contact sheet to check before you train.",
        example="rosrun rt_seg label_binary captures --output my_images --name cup --propagate\n"
        "rosrun rt_seg label_binary captures --output my_images --name cup --auto depth",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder with rgb/ or color/ and, for depth, depth/")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="folder of the labelled set (default: that of the images)"
    )
    parser.add_argument("--name", help="name of the class (default: that of labels.yaml, or object)")
    parser.add_argument(
        "--propagate", action="store_true",
        help="window: a frame without a mask starts from that of the previous frame, moved by optical flow; "
        "with --bundle corrected by that model, for instance one trained on the first few frames",
    )  # fmt: skip
    parser.add_argument("--auto", choices=METHODS, help="no window: how the object is found")
    add_click_arguments(parser)
    parser.add_argument("--overwrite", action="store_true", help="auto: overwrite existing results")
    parser.add_argument(
        "--refine", type=int, default=10, metavar="PIXELS",
        help="auto: refine the edge by colour (GrabCut), within this many pixels; 0 = off (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--empty", type=Path, metavar="IMAGE", help="background: image of the empty scene")
    parser.add_argument(
        "--threshold", type=float, default=30, help="background: minimum difference, of 255 (default: %(default)s)"
    )
    parser.add_argument(
        "--bundle", type=Path, metavar="DIR",
        help="bundle: the model bundle; propagate: a model, even half-trained, that corrects propagated masks",
    )  # fmt: skip
    defaults = StandingOutSettings()
    parser.add_argument(
        "--min-height", type=float, default=defaults.height,
        help="depth: minimum distance in metres between plane and object (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--objects", type=int, default=defaults.objects,
        help="auto: maximum number of regions to keep, the largest first; 0 = all (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--at-border", action="store_true", help="auto: keep regions that touch the image border")
    parser.add_argument(
        "--min-area", type=float, default=defaults.min_area, metavar="SHARE",
        help="auto: minimum region, as share of the image (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--max-area", type=float, default=defaults.max_area, metavar="SHARE",
        help="auto: maximum region, as share of the image (default: %(default)s)",
    )  # fmt: skip
    old_spelling(parser, "--height", "--min-height")
    old_spelling(parser, "--least-area", "--min-area")
    old_spelling(parser, "--largest-area", "--max-area")
    return parser


def _method(options: argparse.Namespace, output: Path, labels: LabelSet) -> Method:
    if options.objects < 0 or options.refine < 0 or options.min_height <= 0 or options.threshold <= 0:
        raise LabellingError("--objects and --refine must be at least 0, --min-height and --threshold above 0")
    settings = StandingOutSettings(
        height=options.min_height,
        min_area=options.min_area,
        max_area=options.max_area,
        objects=options.objects,
        at_border=options.at_border,
    )
    if options.auto == "propagate":
        return by_propagation(options.folder, output, labels, options.bundle)
    if options.auto == "depth":
        return by_depth(settings)
    if options.auto == "background":
        if options.empty is None:
            raise LabellingError("--auto background needs --empty, an image of the scene without the object")
        return by_background(options.empty, options.threshold, settings)
    if options.bundle is None:
        raise LabellingError("--auto bundle needs --bundle, the folder of a model")
    return by_bundle(options.bundle, settings)


def _label_without_hands(options: argparse.Namespace, output: Path) -> int:
    labels = _labels(options, output)
    if options.clicks is not None:
        from rt_seg_training.labelling.click_labelling import label_by_clicks

        outcome = label_by_clicks(options.folder, output, labels, options.clicks, options.segmenter, options.overwrite)
    else:
        method = _method(options, output, labels)
        refine_width = 0 if options.auto == "propagate" else options.refine  # it has decided the edge by itself
        outcome = label_folder(options.folder, output, labels, method, refine_width, options.overwrite)
    for failure in outcome.failures:
        print(f"label_binary: {failure}", file=sys.stderr)
    print(
        f"{output}: {outcome.made} masks made, {outcome.present} already there, {len(outcome.failures)} images "
        f"without; overview: {output / SHEET}"
    )
    return 1 if outcome.failures else 0


def _label_by_hand(options: argparse.Namespace, output: Path) -> int:
    from rt_seg_training.labelling.drawing.brush import Brush
    from rt_seg_training.labelling.drawing.contour_pick import ContourPick
    from rt_seg_training.labelling.drawing.grabcut import GrabCut
    from rt_seg_training.labelling.drawing.polygon import Polygon
    from rt_seg_training.labelling.drawing.tolerance_fill import ToleranceFill
    from rt_seg_training.labelling.editor import Editor
    from rt_seg_training.labelling.labelling_session import LabellingSession
    from rt_seg_training.labelling.labelling_window import LabellingWindow, label_in_window

    labels = _labels(options, output)
    session = LabellingSession(options.folder, output, labels, options.propagate, proposal_of(options, labels))
    tools = [*click_tools(options.segmenter), GrabCut(), ContourPick(), Polygon(), Brush(), ToleranceFill()]
    print(label_in_window(LabellingWindow(Editor(session, tools), "label_binary")))
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Command line of label_binary; returns 0, 1 when some images got no mask, or 2 when nothing could be begun."""
    options = _parser().parse_args(arguments)
    from rt_seg.bundle import BundleError
    from rt_seg_training.labelling.highgui import NoWindowError

    output = options.output or options.folder
    try:
        if options.auto and options.clicks is not None:
            raise LabellingError("--auto and --clicks: accepted is one of them")
        by_hand = options.auto is None and options.clicks is None
        return _label_by_hand(options, output) if by_hand else _label_without_hands(options, output)
    except (ValueError, BundleError, NoWindowError, OSError) as error:  # LabellingError, LabelError … are ValueErrors
        print(f"label_binary: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("label_binary: stopped; run the same command again to resume", file=sys.stderr)
        return 130
