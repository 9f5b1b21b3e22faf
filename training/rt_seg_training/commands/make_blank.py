"""The make_blank tool: empty masks for images in which nothing is to be found."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from rt_seg.command_line import command_parser
from rt_seg.labelled_folder import LabelledFolder
from rt_seg.labels import LabelSet


@dataclass(frozen=True)
class Blanks:
    """How many masks were made, how many were there already, and a message for each image that cannot be used."""

    made: int
    present: int
    failures: list[str]


def make_blank(folder: Path, output: Path, labels: LabelSet) -> Blanks:
    """Write a mask of class 0 to `output`/gt for each image of `folder` that has none.

    Where `output` is another folder, images and depth are copied there; it may hold labelled frames already. Raises
    LabellingError when there are no images, or `output` has another image of the same name; OSError.
    """
    import numpy as np

    from rt_seg.atomic_file import write_atomically
    from rt_seg_training.datasets.errors import DatasetError
    from rt_seg_training.datasets.images import read_image
    from rt_seg_training.datasets.labelled_frame import encode, write_labels
    from rt_seg_training.labelling.captures import (
        LabellingError,
        copy_into_set,
        find_captures,
        labelled_names,
        mask_file,
        names_of_mask,
    )

    captures = find_captures(folder)
    copying = output.resolve() != folder.resolve() or not LabelledFolder(folder).color.is_dir()
    if not LabelledFolder(output).labels.exists():
        write_labels(output, labels)
    labelled = labelled_names(output)
    made, present, failures = 0, 0, []
    for capture in captures:
        copied = LabelledFolder(output).color / capture.color.name
        if copying and copied.exists() and copied.read_bytes() != capture.color.read_bytes():
            raise LabellingError(f"{copied}: is a different image from {capture.color}; rename one of them")
        if names_of_mask(capture) & labelled:
            present += 1
            continue
        try:
            shape = read_image(capture.color).shape[:2]
        except DatasetError as error:
            failures.append(str(error))
            continue
        write_atomically(mask_file(output, capture), encode(".png", np.zeros(shape, np.uint8)))
        if copying:
            copy_into_set(capture, output)
        made += 1
    return Blanks(made, present, failures)


def main(arguments: list[str] | None = None) -> int:
    """Command line of make_blank; returns 0, 1 when some images cannot be used, or 2 when nothing could be begun."""
    parser = command_parser(
        "make_blank",
        description="Make an empty mask for each image of rgb/ (or color/) that has none: images without the "
        "object, as negative examples. Existing masks are kept.",
        example="rosrun rt_seg make_blank empty_scenes --output my_images",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder with rgb/ or color/")
    parser.add_argument("--output", type=Path, metavar="DIR", help="set to add them to (default: that of the images)")
    parser.add_argument(
        "--name", default="object", help="name of the class, if there is no labels.yaml yet (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    from rt_seg_training.labelling.label_lists import binary_labels, labels_in

    output = options.output or options.folder
    try:
        found = labels_in(output) or labels_in(options.folder)
        blanks = make_blank(options.folder, output, found[1] if found else binary_labels(options.name))
    except (ValueError, OSError) as error:  # LabellingError and LabelError are ValueErrors
        print(f"make_blank: {error}", file=sys.stderr)
        return 2
    for failure in blanks.failures:
        print(f"make_blank: {failure}", file=sys.stderr)
    print(f"{output}: {blanks.made} empty masks made, {blanks.present} already there, {len(blanks.failures)} unusable")
    return 1 if blanks.failures else 0
