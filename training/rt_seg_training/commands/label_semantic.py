"""The label_semantic tool: from masks of an object to masks of several classes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rt_seg.command_line import DONE, FOUND, command_parser
from rt_seg.labelled_folder import LabelledFolder
from rt_seg.labels import LabelSet
from rt_seg_training.commands.label_binary import add_click_arguments, click_tools, proposal_of
from rt_seg_training.labelling.captures import LabellingError
from rt_seg_training.labelling.label_lists import labels_in, with_classes


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "label_semantic",
        description="Label classes in the images of a folder in a window: pick contours inside the object (the "
        "hole of a part), paint by colour, or use clicks, brush, outline and GrabCut, each with any class of "
        "labels.yaml. "
        "Starts from the existing masks, such as those of label_binary, and at first changes only pixels of the "
        "object.",
        example="rosrun rt_seg label_semantic my_images --add-class hole screw",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder with rgb/ or color/, gt/ and labels.yaml")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="folder to write to (default: the same, over its masks)"
    )
    parser.add_argument("--add-class", nargs="+", default=[], metavar="NAME", help="classes to append to labels.yaml")
    parser.add_argument(
        "--propagate", action="store_true",
        help="a frame without a mask starts from that of the previous frame, moved by optical flow",
    )  # fmt: skip
    parser.add_argument(
        "--bundle",
        type=Path,
        metavar="DIR",
        help="propagate: a model, even half-trained, that corrects propagated masks",
    )
    add_click_arguments(parser)
    return parser


def _labels(folder: Path, output: Path, names: list[str]) -> LabelSet:
    found = labels_in(output) or labels_in(folder)
    if found is None and not names:
        raise LabellingError(
            f"{folder / 'labels.yaml'}: not found. Name the classes by --add-class, or make masks by label_binary first"
        )
    from rt_seg_training.label_exchange.annotations import labels_of

    return with_classes(found[1] if found else labels_of([]), names)


def _by_clicks(options: argparse.Namespace, output: Path, labels: LabelSet) -> int:
    from rt_seg_training.datasets.labelled_frame import write_labels
    from rt_seg_training.labelling.automatic_labelling import SHEET
    from rt_seg_training.labelling.click_labelling import label_by_clicks

    if labels_in(output) != (LabelledFolder(output).labels, labels):
        write_labels(output, labels)
    outcome = label_by_clicks(options.folder, output, labels, options.clicks, options.segmenter, over_masks=True)
    for failure in outcome.failures:
        print(f"label_semantic: {failure}", file=sys.stderr)
    print(
        f"{output}: {outcome.made} masks made, {outcome.present} already there, {len(outcome.failures)} images "
        f"without; overview: {output / SHEET}"
    )
    return FOUND if outcome.failures else DONE


def main(arguments: list[str] | None = None) -> int:
    """Command line of label_semantic; returns the exit status."""
    options = _parser().parse_args(arguments)
    from rt_seg.bundle import BundleError
    from rt_seg_training.datasets.labelled_frame import write_labels
    from rt_seg_training.labelling.drawing.brush import Brush
    from rt_seg_training.labelling.drawing.contour_pick import ContourPick
    from rt_seg_training.labelling.drawing.grabcut import GrabCut
    from rt_seg_training.labelling.drawing.polygon import Polygon
    from rt_seg_training.labelling.drawing.tolerance_fill import ToleranceFill
    from rt_seg_training.labelling.editor import Editor
    from rt_seg_training.labelling.highgui import NoWindowError
    from rt_seg_training.labelling.labelling_session import LabellingSession
    from rt_seg_training.labelling.labelling_window import LabellingWindow, label_in_window

    output = options.output or options.folder
    try:
        labels = _labels(options.folder, output, options.add_class)
        if options.clicks is not None:
            return _by_clicks(options, output, labels)
        session = LabellingSession(options.folder, output, labels, options.propagate, proposal_of(options, labels))
        tools = [*click_tools(options.segmenter), ContourPick(), ToleranceFill(), Brush(), Polygon(), GrabCut()]
        editor = Editor(session, tools, inside_only=True)
        editor.choose(min(2, len(labels) - 1))
        window = LabellingWindow(editor, "label_semantic")
        if labels_in(output) != (LabelledFolder(output).labels, labels):
            write_labels(output, labels)
        print(label_in_window(window))
    except (ValueError, BundleError, NoWindowError, OSError) as error:  # LabellingError and LabelError are ValueErrors
        print(f"label_semantic: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("label_semantic: stopped; run the same command again to resume", file=sys.stderr)
        return 130
    return 0
