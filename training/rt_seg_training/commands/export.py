"""The command `export`."""

from __future__ import annotations

import sys
from pathlib import Path

from rt_seg.command_line import BAD_INPUT, command_parser, old_spelling
from rt_seg.serving.model_repository import add_server_option, write_repositories
from rt_seg_training.commands.tensorflow_log import quiet_tensorflow

EXAMPLE = """
  rosrun rt_seg export runs/mine --license "MIT"
  rosrun rt_seg evaluate mine --dataset mine --split validation
  roslaunch rt_seg live.launch bundle:=mine

Without --output the bundle is written to your own models, ~/.local/share/rt_seg/models (or $RT_SEG_MODELS): all tools
and the live node find it there by name.

Images of the run's training set calibrate int8 and verify that each export format agrees with Keras; otherwise nothing
is written. Validation frames not used for calibration measure the loss of int8: more than 0.3 points of mean IoU is
refused, or with auto falls back to f16."""


def _sizes(texts: list[str]) -> list[tuple[int, int]] | None:
    """Heights and widths, largest first, from texts such as 320x240; None for auto. Raises ValueError."""
    if texts in (["auto"], ["none"]):
        return None if texts == ["auto"] else []
    sizes = []
    for text in texts:
        width, _, height = text.partition("x")
        if not (width.isdigit() and height.isdigit() and min(int(width), int(height)) >= 64):
            raise ValueError(f"{text!r}: accepted are WIDTHxHEIGHT, each at least 64, or auto or none alone")
        sizes.append((int(height), int(width)))
    return sorted(sizes, key=lambda size: -size[0] * size[1])


def _refusal(run: Path) -> str:
    """Why a folder is no finished run; empty for one that is."""
    if not (run / "configuration.yaml").is_file():
        return f"{run}: no configuration.yaml there, so it is not a run folder of train"
    if not (run / "result.json").is_file():
        return f"{run}: no result.json there: its training was interrupted; run train again"
    return ""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status: 0, or 2 with one line on stderr for bad input or failed parity."""
    parser = command_parser(
        "export",
        description="Write the model bundle (OpenVINO, and others if asked for) of a finished training run.",
        example=EXAMPLE,
    )
    parser.add_argument("run", type=Path, help="run folder of train")
    parser.add_argument(
        "--output", type=Path, help="folder of the bundle (default: NAME in your own models); an older one is replaced"
    )
    parser.add_argument("--name", help="name of the model (default: that of the output folder, else of the run)")
    parser.add_argument("--model-version", default="1.0.0", help="version of the model (default: %(default)s)")
    parser.add_argument("--license", required=True, help="licence of the weights")
    parser.add_argument("--notes", default="", help="limits and remarks for the model card, Markdown")
    parser.add_argument(
        "--precision",
        choices=("auto", "int8", "f16", "f32"),
        default="auto",
        help="int8: a quarter of the size, fastest on CPUs with VNNI or AMX; f16: half the size and nearly "
        "exact; f32: exact; auto: int8 if it loses at most 0.3 points of mean IoU, else f16 (default: %(default)s)",
    )
    parser.add_argument("--height", type=int, default=0, help="input height in pixels (default: as trained)")
    parser.add_argument("--width", type=int, default=0, help="input width in pixels (default: as trained)")
    parser.add_argument(
        "--input-sizes",
        nargs="+",
        default=["auto"],
        metavar="WxH",
        help="smaller input sizes of the bundle, to keep the camera's rate on a slower computer, such as "
        "480x360 320x240; none; or auto for three quarters and half of the width (default: auto)",
    )
    parser.add_argument("--split", help="split for calibration and comparison (default: the training split)")
    parser.add_argument(
        "--count", type=int, default=64, help="number of images taken from --split (default: %(default)s)"
    )
    parser.add_argument(
        "--guard-count",
        type=int,
        default=200,
        help="validation frames to score the export formats on; 0 for none (default: %(default)s)",
    )
    parser.add_argument(
        "--also",
        nargs="+",
        choices=("onnxruntime", "litert", "saved_model", "keras"),
        default=[],
        help="export formats to add to OpenVINO's, in f32, for 'runtime' of the node",
    )
    parser.add_argument(
        "--no-training-weights",
        action="store_true",
        help="leave out weights.safetensors, the start for a training, for a bundle that is only run",
    )
    add_server_option(parser, required=False)
    parser.add_argument("--data-dir", help="folder of built data sets (default: that of build_dataset)")
    old_spelling(parser, "--pictures", "--count")
    old_spelling(parser, "--guard-frames", "--guard-count")
    old_spelling(parser, "--version", "--model-version")
    options = parser.parse_args(arguments)
    if options.count < 1:
        parser.error(f"--count {options.count}: accepted is 1 or more")
    if options.guard_count < 0:
        parser.error(f"--guard-count {options.guard_count}: accepted is 0, for none, or more")
    try:
        sizes = _sizes(options.input_sizes)
    except ValueError as error:
        parser.error(f"--input-sizes: {error}")
    # Before TensorFlow, which takes seconds to load.
    refusal = _refusal(options.run)
    if refusal:
        print(f"export: {refusal}", file=sys.stderr)
        return BAD_INPUT
    quiet_tensorflow()

    from rt_seg.bundle import BundleError, load_bundle
    from rt_seg.labels import LabelError
    from rt_seg.model_home import known_bundles, model_home
    from rt_seg_training.configuration import ConfigurationError, load_run_configuration
    from rt_seg_training.datasets.errors import DatasetError
    from rt_seg_training.export.accuracy_guard import disjoint_frames
    from rt_seg_training.export.bundle_export import ExportError, export_bundle
    from rt_seg_training.export.model_card import model_card
    from rt_seg_training.export.smaller_inputs import usual_sizes
    from rt_seg_training.nets.registry import DEPTH_NETS
    from rt_seg_training.runs.provenance import training_data

    try:
        run = options.run
        configuration = load_run_configuration(run / "configuration.yaml")
        from rt_seg_training.datasets.loading import load_dataset

        dataset = load_dataset(configuration.dataset, options.data_dir)
        split = options.split or configuration.train_split
        count = dataset.count(split)
        step = max(count // options.count, 1)
        depth = configuration.net in DEPTH_NETS
        chosen = dataset.examples(split, depth=depth).shard(step, 0).take(options.count)
        chosen = list(chosen.as_numpy_iterator())
        images = [example["image"] for example in chosen]
        names = {example["name"].decode("utf-8") for example in chosen}
        guard_split = configuration.validation_split
        validation = disjoint_frames(
            dataset.examples(guard_split, depth=depth).as_numpy_iterator, names, options.guard_count
        )
        if options.output is None:
            name = options.name or run.resolve().name
            if not name.strip(".") or "/" in name:
                raise ExportError(f"--name {name!r}: is not a valid folder name")
            options.output = model_home() / name
            shipped = known_bundles().get(name, options.output)
            if shipped != options.output:
                print(f"export: {shipped} has the same name; the name will select your model", file=sys.stderr)
        name = options.name or options.output.resolve().name
        result = export_bundle(
            run,
            options.output,
            name,
            options.model_version,
            options.license,
            images,
            options.precision,
            options.height,
            options.width,
            options.also,
            lambda made: model_card(
                name, options.model_version, options.license, options.notes, run, dataset, made, split
            ),
            validation,
            f"{dataset.name} {guard_split}, frames that calibration did not see",
            training_data(configuration, dataset.count(configuration.train_split)),
            [example["depth"][..., 0] for example in chosen] if depth else (),
            not options.no_training_weights,
            usual_sizes(options.height or configuration.height, options.width or configuration.width)
            if sizes is None
            else sizes,
        )
        repositories = write_repositories(
            load_bundle(options.output), options.servers, options.output.parent / f"{name}_model_repository"
        )
    except (BundleError, ConfigurationError, DatasetError, ExportError, LabelError, OSError) as error:
        print(f"export: {error}", file=sys.stderr)
        return 2
    print(f"{'format':<28}{'largest logit difference':>28}{'equal ids at its output size':>30}")
    for parity in result.parities:
        print(f"{parity.form:<28}{parity.logit_difference:>28.2e}{parity.pixel_agreement:>30.4%}")
    for score in result.scores:
        print(f"{score.form:<28} mean IoU {100 * score.mean_iou:.2f} % on {len(validation)} frames of {guard_split}")
    for warning in result.warnings:
        print(f"warning: {warning}")
    if result.note:
        print(f"f16 instead of int8: {result.note}")
    print(f"bundle: {options.output} ({result.precision})")
    for server, place in repositories.items():
        print(f"for {server}: {place}")
    return 0
