"""The command `predict` and its presets."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from rt_seg.command_line import command_parser, old_spelling
from rt_seg.model_home import find_bundle
from rt_seg_training.datasets.beam_runner import BeamRunnerError, add_beam_options, find_runner
from rt_seg_training.prediction.bag_workers import Work, predict_bags
from rt_seg_training.prediction.output_record import OutputRecord, OutputRecordError, description
from rt_seg_training.prediction.prediction import (
    PredictionError,
    Predictor,
    Task,
    find_tasks,
    predict_bag_file,
    predict_camera,
    predict_picture,
    predict_video,
)

EXAMPLE = """
  rosrun rt_seg predict tabletop photo.jpg --output predictions
  rosrun rt_seg predict tabletop photos/ drive.mp4 --output predictions
  rosrun rt_seg predict tabletop recording.bag
  rosrun rt_seg predict tabletop bags/ --workers 2 --summary
  rosrun rt_seg predict tabletop /bags/ --beam-runner FlinkRunner --beam-options flink_master=host:8081
  rosrun rt_seg predict tabletop 0 --count 300
  rosrun rt_seg predict indoor realsense

An image a/b.jpg gives predictions/b_mask.png (class ids, one byte per pixel) and predictions/b_overlay.jpg; a video
c.mp4 gives predictions/c_overlay.mp4 and, with --video-masks, predictions/c_masks/000000.png and so on. A rosbag d.bag
gives predictions/d_segmented.bag: all its messages, and /segmentation/mask and /segmentation/overlay with the stamps
and frame ids of its colour images. A rosbag2 (its folder, a .db3 or .mcap) and an MCAP of ROS 1 give the same
format. A number is a camera, which gives a video until Ctrl-C or for --count frames.
A model with depth input reads the depth of an image a/rgb/b.jpg from a/depth/b.png (16 bits, millimetres; shown in
predictions/b_depth.png), that of a bag by the stamps of its colour images, and that of a RealSense camera with the
source `realsense`. Without depth it falls back to RGB only. Folders depth/ and gt/ next to rgb/ are not segmented.
Inputs with existing results are skipped, so an interrupted run resumes with the same command. predictions.jsonl in the
output folder records which model, options and source produced them: results from others are refused; --overwrite
replaces them."""


def predict_all(
    tasks: list[Task],
    predict: Predictor,
    record: OutputRecord,
    video_masks: bool,
    topic: str | None = None,
    frames: int = 0,
    summary: bool = False,
    segment_bags: Callable[[list[Task]], Iterator[tuple[Task, list[str], str | None, int]]] | None = None,
) -> tuple[int, list[str], list[str]]:
    """Make the results of all tasks; returns how many had theirs already, a message for each that failed, and what
    there is to say of those that did not.

    `record`: of the output folder; `topic`: of the colour images in bags, None finds it; `frames` of a camera, 0 until
    Ctrl-C; `summary`: write that of each bag; `segment_bags`: does all bags elsewhere, as predict_bags does.
    """
    from rt_seg.progress import progress

    there = 0
    failures: list[str] = []
    notes: list[str] = []
    pictures = [task for task in tasks if task.kind == "picture"]
    others = [task for task in tasks if task.kind != "picture"]
    if segment_bags is not None:
        bags = [task for task in tasks if task.kind == "bag"]
        others = [task for task in others if task.kind != "bag"]
        waiting = []
        for task in bags:
            try:
                if record.holds(task.result, task.dated):
                    there += 1
                else:
                    record.begin(task.result, task.dated)
                    waiting.append(task)
            except OutputRecordError as error:
                failures.append(str(error))
        for _, said, failure, without_depth in segment_bags(waiting):
            notes += said
            failures += [] if failure is None else [failure]
            predict.without_depth += without_depth
    for task in itertools.chain(progress(pictures, unit="image", disable=len(pictures) < 2), others):
        try:
            if record.holds(task.result, task.dated):
                there += 1
                continue
            record.begin(task.result, task.dated)
            if task.kind == "picture":
                predict_picture(task, predict)
            elif task.kind == "video":
                notes += predict_video(task, predict, video_masks)
            elif task.kind == "bag":
                notes += predict_bag_file(task, predict, topic, summary)
            else:
                predict_camera(task, predict, video_masks, frames)
        except (OutputRecordError, PredictionError) as error:
            failures.append(str(error))
    return there, failures, notes


def _elsewhere(options: argparse.Namespace, work: Work) -> Callable | None:
    """What segments all bags where that is not this process. Raises BeamRunnerError."""
    if options.beam_runner:
        runner, pipeline_options = find_runner(options.beam_runner, options.beam_options)
        from rt_seg_training.prediction.beam_prediction import predict_bags_on_beam

        return lambda tasks: predict_bags_on_beam(tasks, work, runner, pipeline_options)
    return (lambda tasks: predict_bags(tasks, work, options.workers)) if options.workers > 1 else None


def _share(text: str) -> float:
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"{value}: accepted are 0 to 1")
    return value


def main(arguments: list[str] | None = None, program: str = "predict", head: str | None = None) -> int:
    """Run the command; returns 0, 1 when a source could not be used, or 2 when nothing could be begun.

    `program` is its name in messages. The `head` binary, a preset, takes bundles of two classes only.
    """
    presets = {None: "", "binary": " (`predict` for bundles of two classes)", "semantic": " (the same as `predict`)"}
    parser = command_parser(
        program,
        description=f"Segment images, videos, bags or a camera with a model bundle{presets[head]}.",
        example=EXAMPLE.replace("rt_seg predict ", f"rt_seg {program} "),
    )
    parser.add_argument("bundle", type=Path, help="the model bundle: a folder or a name, shipped or your own")
    parser.add_argument(
        "sources", type=Path, nargs="+", metavar="SOURCE",
        help="images, videos, bags, folders of them; a camera's id, or realsense"
    )  # fmt: skip
    parser.add_argument(
        "--output", type=Path, default=Path("predictions"), help="folder of results (default: %(default)s)"
    )
    parser.add_argument("--alpha", type=_share, default=0.5, help="overlay opacity, 0 to 1")
    parser.add_argument("--video-masks", action="store_true", help="also write the mask of each frame of a video")
    parser.add_argument(
        "--topic", help="topic of a bag's colour images (default: that of a RealSense camera, or the only one)"
    )
    parser.add_argument("--count", type=int, default=0, help="frames to take from a camera (default: until Ctrl-C)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes for bags, each with one thread; "
                        "a killed one is replaced (default: one, with all cores)")  # fmt: skip
    add_beam_options(parser, "segment bags")
    parser.add_argument("--summary", action="store_true", help="per bag: class shares over time, uncertain "
                        "spans, thumbnails, as JSON, CSV and HTML next to its result")  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="overwrite existing results")
    old_spelling(parser, "--frames", "--count")
    options = parser.parse_args(arguments)
    if options.beam_options and not options.beam_runner:
        parser.error("--beam-options: needs --beam-runner")
    if options.beam_runner and options.workers > 1:
        parser.error("--beam-runner and --workers: choose one; the runner has its own worker options")
    from rt_seg.bundle import BundleError

    try:
        tasks = find_tasks(options.sources, options.output)
        predict = Predictor(options.bundle, options.alpha, head)
        made_by = description(
            predict.bundle,
            {"alpha": options.alpha, "video_masks": options.video_masks, "topic": options.topic or ""},
        )
        there, failures, notes = predict_all(
            tasks,
            predict,
            OutputRecord(options.output, made_by, options.overwrite),
            options.video_masks,
            options.topic,
            options.count,
            options.summary,
            _elsewhere(options, Work(find_bundle(options.bundle), options.alpha, head, options.topic, options.summary)),
        )
    except (BeamRunnerError, BundleError, OutputRecordError, PredictionError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{program}: interrupted; run the same command again to resume", file=sys.stderr)
        return 130
    for note in notes:
        print(f"{program}: {note}", file=sys.stderr)
    for failure in failures:
        print(f"{program}: {failure}", file=sys.stderr)
    if predict.without_depth:
        print(f"{options.bundle}: takes depth, but {predict.without_depth} images had none: masks from RGB only")
    made = len(tasks) - there - len(failures)
    print(f"{options.output}: {made} made, {there} already there, {len(failures)} failed")
    return 1 if failures else 0
