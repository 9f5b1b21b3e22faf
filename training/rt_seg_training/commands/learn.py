"""The command `learn`: from a recording of an object to a live model, in one call."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
import webbrowser
import zipfile
from pathlib import Path

from rt_seg.command_line import BAD_INPUT, DONE, FOUND, INTERRUPTED, command_parser
from rt_seg.labelled_folder import LABELS, LabelledFolder

EXAMPLE = """
  rosrun rt_seg learn my_images --name cup                      # rgb/, gt/, labels.yaml: existing masks
  rosrun rt_seg learn recordings/cup.bag --name cup --auto depth   # what stands out from the table
  rosrun rt_seg learn realsense --name cup --count 40           # captures, then opens the labelling window
  rosrun rt_seg learn my_scenes.yaml --name part --count 600    # no images: scenes are rendered from your CAD file
  rosrun rt_seg learn --from-node --name cup2     # frames saved by the running node: correct, train, load

It first prints what it will do and how long that takes on this machine. Ctrl-C stops it at any point; the same command
resumes. The folder learn_NAME keeps images, masks, the configuration (which `train` accepts), run and report."""

IMAGES, SCENES = 60, 600
RENDER_SECONDS = 0.2
"""Of a scene, on the machine of docs/speed.md."""
RECIPES = (".yaml", ".yml")
LIVE_SOURCES = ("topics", "realsense", "webcam")
AUTO = ("depth", "background", "bundle")
CAPTURE_MINUTES, LABEL_SECONDS, CHECK_SECONDS, BUILD_SECONDS, EXPORT_SECONDS, REPORT_SECONDS = 1.0, 0.5, 10, 15, 90, 30
"""Expected times of the stages beside training, on a machine like that of docs/speed.md; label: of each frame."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status: 0; 1 when a stage failed, 2 for bad input, 130 after Ctrl-C."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", options.name):
        parser.error(f"--name {options.name!r}: must start with a letter, followed by letters, digits, - or _")
    if not 0.1 <= options.minutes <= 1440:
        parser.error(f"--minutes {options.minutes:g}: accepted are 0.1 to 1440")
    if (options.source is None) == (options.from_node is None):
        parser.error("give either SOURCE or --from-node")
    renders = options.source is not None and Path(options.source).suffix.lower() in RECIPES
    if options.count is None:
        options.count = SCENES if renders else IMAGES
    if options.count < 1:
        parser.error(f"--count {options.count}: accepted is 1 or more")
    if options.as_saved and options.from_node is None:
        parser.error("--as-saved: needs --from-node")
    options.start = None  # the node's bundle, where there is a node
    try:
        return _learn(options)
    except KeyboardInterrupt:
        print("learn: interrupted; run the same command again to resume", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "learn",
        description="Capture, label, check, train, export and score, with settings chosen for the data and the "
        "machine, each with its reason. Ends with a report, and the command that runs the model live.",
        example=EXAMPLE,
    )
    parser.add_argument(
        "source", metavar="SOURCE", nargs="?",
        help="a labelled folder or zip file (rgb/, gt/, labels.yaml); images, a bag, a video or a recording without "
        "labels; a scene recipe (YAML, see `synthesize --recipe`); or a camera: realsense, webcam, topics",
    )  # fmt: skip
    parser.add_argument(
        "--from-node", metavar="NODE", nargs="?", const="/segmentation",
        help="instead of SOURCE: the frames saved by this running node (default: %(const)s); the new model is "
        "loaded into it if it is no worse on held-out frames, and the old one stays in its folder",
    )  # fmt: skip
    parser.add_argument(
        "--as-saved", action="store_true",
        help="from-node: use the masks in the folder as they are, without the window; correct them before",
    )  # fmt: skip
    parser.add_argument("--name", required=True, help="name of the model, and of the class if there are no labels")
    parser.add_argument("--auto", choices=AUTO, help="label without a window; see `label_binary --auto`")
    parser.add_argument("--empty", metavar="IMAGE", help="auto background: image of the empty scene")
    parser.add_argument("--bundle", metavar="BUNDLE", help="auto bundle: the labelling model")
    parser.add_argument(
        "--count",
        type=int,
        help=f"images to capture from a camera or recording (default: {IMAGES}), or to render (default: {SCENES})",
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="time for the training only (default: %(default)s)")
    parser.add_argument("--settings", type=Path, metavar="YAML", help="training settings that override the chosen ones")
    parser.add_argument(
        "--precision", choices=("auto", "int8", "f16", "f32"), default="auto",
        help="precision of the model, see `export`; auto takes minutes to measure the loss of int8 (default: "
        "%(default)s)",
    )  # fmt: skip
    parser.add_argument("--license", default="not stated", help="licence of the weights (default: %(default)s)")
    parser.add_argument("--work", type=Path, metavar="DIR", help="folder for all results (default: learn_NAME)")
    parser.add_argument("--no-browser", action="store_true", help="do not open the report")
    return parser


def _learn(options: argparse.Namespace) -> int:
    from rt_seg_training.datasets.errors import DatasetError
    from rt_seg_training.learning.stages import StageError, Stages

    work = (options.work or Path(f"learn_{options.name}")).expanduser().resolve()
    if options.from_node is not None:
        return _from_node(options, work, (StageError, DatasetError), Stages)
    labelled = _is_labelled(Path(options.source).expanduser())
    if options.source not in LIVE_SOURCES and not Path(options.source).expanduser().exists():
        print(
            f"learn: {options.source}: no such file or folder; accepted are a labelled folder, images, a bag, a video, "
            f"a scene recipe, and {', '.join(LIVE_SOURCES)}",
            file=sys.stderr,
        )
        return BAD_INPUT
    work.mkdir(parents=True, exist_ok=True)
    stages = Stages(work, lambda text: print(text, flush=True))
    try:
        return _run(options, work, labelled, stages)
    except (StageError, DatasetError) as error:
        print(f"learn: {error}", file=sys.stderr)
        print("learn: fix that and run the same command again; finished stages are kept", file=sys.stderr)
        return FOUND


def _from_node(options: argparse.Namespace, work: Path, failures: tuple[type[Exception], ...], stages) -> int:
    """Train on frames saved by a running node, and load the new model into it."""
    import json

    from rt_seg.bundle import BundleError, load_bundle
    from rt_seg.model_home import model_home
    from rt_seg_training.learning.from_node import ask_node, kept_frames

    asked = ask_node("facts", options.from_node)
    if asked.returncode != 0:
        print(f"learn: {asked.stderr.strip().splitlines()[-1] if asked.stderr.strip() else asked}", file=sys.stderr)
        return BAD_INPUT
    node = json.loads(asked.stdout.splitlines()[-1])
    folder = Path(node["save_folder"])
    try:
        if not _is_labelled(folder):
            raise ValueError(f"{folder}: no frames found; the node saves frames on ~save_frame, and automatically with "
                             "save_below_confidence")  # fmt: skip
        old = load_bundle(node["bundle"])
        if old.folder.resolve() == (model_home() / options.name).resolve():
            raise ValueError(f"--name {options.name}: is the model that the node is running; choose another name")
    except (BundleError, ValueError) as error:
        print(f"learn: {error}", file=sys.stderr)
        return BAD_INPUT
    work.mkdir(parents=True, exist_ok=True)
    options.source, options.start = str(kept_frames(folder, work)), old
    try:
        return _run(options, work, True, stages(work, lambda text: print(text, flush=True)))
    except failures as error:
        print(f"learn: {error}", file=sys.stderr)
        print("learn: the node keeps its model; fix that and run the same command again", file=sys.stderr)
        return FOUND


def _is_labelled(source: Path) -> bool:
    if source.is_dir():
        folder = LabelledFolder(source)
        return folder.labels.is_file() and folder.ground_truth.is_dir() and any(folder.ground_truth.iterdir())
    if not zipfile.is_zipfile(source):
        return False
    with zipfile.ZipFile(source) as archive:
        return any(Path(name).name == LABELS for name in archive.namelist())


def _before_training(options: argparse.Namespace, work: Path, labelled: bool):
    """The stages from the source to a labelled folder, and that folder."""
    from rt_seg_training.learning.stages import Stage, tool

    if labelled:
        folder = Path(options.source).expanduser().resolve()
        if options.from_node is None or options.as_saved:
            return [], folder
        window = "label_binary" if len(options.start.labels) == 2 else "label_semantic"
        correct = tool(f"rt_seg_training.commands.{window}", str(folder))
        return [Stage("label", correct, interactive=True, expected=LABEL_SECONDS * options.count)], folder
    if Path(options.source).suffix.lower() in RECIPES:
        recipe, scenes = Path(options.source).expanduser().resolve(), work / "scenes.zip"
        render = tool(
            "rt_seg_training.commands.synthesize", "--recipe", str(recipe), "--count", str(options.count),
            "--with-depth", "--output", str(scenes),
        )  # fmt: skip
        return [Stage("render", render, expected=RENDER_SECONDS * options.count)], scenes
    folder = work / "images"
    source = options.source
    if source not in LIVE_SOURCES:
        source = str(Path(source).expanduser().resolve())
    stages = [
        Stage(
            "capture",
            tool("rt_seg.ros.recording.capture", source, "--output", str(folder), "--count", str(options.count)),
            interactive=source in LIVE_SOURCES,
            expected=60 * CAPTURE_MINUTES,
        )
    ]
    label = [str(folder), "--name", options.name]
    if options.auto:
        label += ["--auto", options.auto]
        label += ["--empty", str(Path(options.empty).resolve())] if options.empty else []
        label += ["--bundle", options.bundle] if options.bundle else []
    else:
        label += ["--propagate"]
    stages.append(
        Stage(
            "label",
            tool("rt_seg_training.commands.label_binary", *label),
            interactive=not options.auto,
            expected=LABEL_SECONDS * options.count,
        )  # fmt: skip
    )
    return stages, folder


def _run(options: argparse.Namespace, work: Path, labelled: bool, stages) -> int:
    from rt_seg.model_home import model_home
    from rt_seg_training.learning.confidence_interval import bootstrap_mean_iou
    from rt_seg_training.learning.evaluated_frames import confusion_by_frame
    from rt_seg_training.learning.from_node import offer_model
    from rt_seg_training.learning.stages import Stage, clock, tool, total
    from rt_seg_training.learning.training_settings import data_set_name, write_configuration

    first, folder = _before_training(options, work, labelled)
    count = len(first) + (5 if options.from_node is None else 6)
    what = " → ".join([*(stage.name for stage in first), "check", "build", "train", "export", "report"])
    expected = total(first) + 60 * options.minutes + CHECK_SECONDS + BUILD_SECONDS + EXPORT_SECONDS + REPORT_SECONDS
    print(f"{options.name}: {what}; about {clock(expected)} (minutes:seconds). Output folder: {work}", flush=True)
    for number, stage in enumerate(first, 1):
        stages.run(stage, number, count)
        if stage.name == "capture":
            _say_how_many(options.count, folder)
    number = len(first)
    check = tool("rt_seg_training.commands.lint_dataset", "custom", str(folder), "--html", str(work / "check.html"))
    state = _state(folder)
    stages.run(Stage("check", check, tolerated=(FOUND,), expected=CHECK_SECONDS, state=state), number + 1, count)
    print(f"      findings: {work / 'logs' / 'check.log'}, {work / 'check.html'}")

    configuration, run, facts = write_configuration(
        options.name, folder, work, options.minutes, options.settings, options.start, state
    )
    data = work / "data"
    build = tool(
        "rt_seg_training.commands.build_dataset", "custom", str(folder), "--name", data_set_name(options.name),
        "--data-dir", str(data),
    )  # fmt: skip
    stages.run(Stage("build", build, expected=BUILD_SECONDS, state=state), number + 2, count)
    train = tool("rt_seg_training.commands.train", str(configuration), "--data-dir", str(data), "--run", str(run))
    stages.run(Stage("train", train, expected=60 * options.minutes), number + 3, count)

    bundle = model_home() / options.name
    if bundle.exists():
        print(f"      {bundle}: this existing model is replaced when the export is complete")
    export = tool(
        "rt_seg_training.commands.export", str(run), "--output", str(bundle), "--name", options.name, "--license",
        options.license, "--precision", options.precision, "--data-dir", str(data),
    )  # fmt: skip
    stages.run(Stage("export", export, expected=EXPORT_SECONDS), number + 4, count)
    split = "validation" if facts.validation else "train"
    report = work / "report"
    evaluate = tool(
        "rt_seg_training.commands.evaluate", str(bundle), "--dataset", data_set_name(options.name), "--data-dir",
        str(data), "--split", split, "--output", str(report), "--save-predictions",
    )  # fmt: skip
    stages.run(Stage("report", evaluate, expected=REPORT_SECONDS), number + 5, count)
    score = _conclude(options, folder, report, split, facts)
    if options.from_node is not None:
        before = work / "report_before"
        judge = tool(
            "rt_seg_training.commands.evaluate", str(options.start.folder), "--dataset", data_set_name(options.name),
            "--data-dir", str(data), "--split", split, "--output", str(before), "--save-predictions",
        )  # fmt: skip
        stages.run(Stage("compare", judge, expected=REPORT_SECONDS), number + 6, count)
        old_score = bootstrap_mean_iou(confusion_by_frame(folder, before, split)[0])[0]
        offer_model(options.from_node, options.start, old_score, bundle, score, split)
    return DONE


def _state(folder: Path) -> str:
    """The digest of a labelled folder, by which its stages know that images, masks or classes have changed."""
    from rt_seg_training.datasets.custom.custom_source import read_custom
    from rt_seg_training.datasets.errors import DatasetError

    try:
        return read_custom(folder).digest
    except DatasetError as error:
        return str(error)  # the check says what is wrong with it


def _say_how_many(wanted: int, folder: Path) -> None:
    """Say so where a recording gave fewer images than were asked for."""
    from rt_seg_training.labelling.captures import find_captures

    found = len(find_captures(folder))
    if found < wanted:
        print(f"      {found} images, not {wanted}: the other frames are near-duplicates (see capture --change)")


def _conclude(options: argparse.Namespace, folder: Path, report: Path, split: str, facts) -> float:
    """Print the score, its confidence interval and the command to start the model; returns its mean IoU."""
    import numpy as np

    from rt_seg.confusion import class_iou
    from rt_seg_training.learning.choices import SMALL_VALIDATION
    from rt_seg_training.learning.confidence_interval import bootstrap_mean_iou
    from rt_seg_training.learning.evaluated_frames import confusion_by_frame

    matrices, labels = confusion_by_frame(folder, report, split)
    score, low, high = bootstrap_mean_iou(matrices)
    classes = zip(labels.names, class_iou(np.sum(matrices, axis=0)))
    each = ", ".join(f"{name} {value:.3f}" for name, value in classes if not np.isnan(value))
    sure = f"95 % CI {low:.3f} to {high:.3f}"
    print(f"\nmean IoU {score:.3f}, {sure}, on {len(matrices)} frames of {split} ({each})")
    if split == "train":
        print("Scored on training frames: this says nothing about new images. Add more frames.")
    elif len(matrices) < SMALL_VALIDATION:
        print(f"Only {len(matrices)} frames: a rough estimate, more so as neighbouring frames are correlated.")
    page = report / "report.html"
    print(f"report, with the worst frames: {page}")
    if os.environ.get("DISPLAY") and not options.no_browser:
        webbrowser.open(page.as_uri())
    camera = options.source if options.source in ("realsense", "webcam") else "realsense"
    print(f"\nlive:  roslaunch rt_seg live.launch camera:={camera} bundle:={shlex.quote(options.name)}")
    return score
