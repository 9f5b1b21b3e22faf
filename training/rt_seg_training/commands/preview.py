"""The command `preview`."""

from __future__ import annotations

import sys
from pathlib import Path

from rt_seg.command_line import BAD_INPUT, command_parser
from rt_seg_training.datasets.preview import preview


def main(arguments: list[str] | None = None) -> int:
    """Command line of preview; returns the exit status."""
    parser = command_parser(
        "preview",
        description="Show a labelled data set (rgb/, gt/, labels.yaml; folder or zip): a contact sheet and an HTML "
        "page with overlays, depth if available, and the share of each class.",
        example="rosrun rt_seg preview my_images --output preview",
    )
    parser.add_argument("source", type=Path, metavar="PATH", help="folder or zip file of the data set")
    parser.add_argument("--output", type=Path, default=Path("preview"), help="folder to write (default: %(default)s)")
    parser.add_argument("--count", type=int, default=60, help="maximum number of frames, evenly spaced (default: 60)")
    parser.add_argument("--columns", type=int, default=6, help="frames per row of the sheet (default: 6)")
    parser.add_argument("--width", type=int, default=240, help="width of each frame in pixels (default: 240)")
    parser.add_argument("--alpha", type=float, default=0.5, help="overlay opacity, 0 to 1 (default: 0.5)")
    parser.add_argument("--foreground", type=int, metavar="VALUE", help="two classes: value of class 1")
    options = parser.parse_args(arguments)
    try:
        sheet, page = preview(
            options.source, options.output, options.count, options.columns, options.width, options.alpha,
            options.foreground,
        )  # fmt: skip
    except (ValueError, OSError) as error:  # DatasetError is a ValueError
        print(f"preview: {error}", file=sys.stderr)
        return BAD_INPUT
    print(f"{sheet}\n{page}")
    return 0
