"""Accuracy with few labelled frames: IoU of a class on held-out frames, mean and range over seeds.

    python benchmarks/few_labels.py my_images --class hole                                # the curve
    python benchmarks/few_labels.py my_images --class hole --labels 20 --unlabeled        # the rest unlabelled
    python benchmarks/few_labels.py my_images --class hole --labels 20 --start models/things
    python benchmarks/few_labels.py my_images --class hole --labels 20 --loss cross_entropy

`my_images` is a labelled folder. From its training split that many frames are drawn at random, by the seed: those of 10
labels are among those of 20. The settings are those of `learn`, except --steps, --width and --crop. With `--unlabeled`
a second network is trained on the same labels and on the remaining frames without their labels, with the first one as
its teacher. With `--start` training starts from the weights of a bundle instead of ImageNet's, with `--loss` it has
another loss than that of `learn`. Results are kept in --work, so the curve can be measured in parts, and --plot draws
the existing ones.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from pathlib import Path

import numpy as np
import yaml

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / name) for name in ("src", "training")]

from rt_seg_training.configuration import FIELDS, TrainingConfiguration  # noqa: E402
from rt_seg_training.datasets.custom.custom_source import read_custom  # noqa: E402
from rt_seg_training.learning.choices import BATCH, choose, look_at  # noqa: E402

LABELS, UNLABELED = "labels", "unlabeled"


def _link(paths: list, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for path in map(Path, paths):
        if not (folder / path.name).exists():
            (folder / path.name).symlink_to(path.resolve())
    return folder


class Draw:
    """The frames that a seed draws: a built data set. Its splits up_to_5 and up_to_10 together are 10 labels."""

    def __init__(self, source, options: argparse.Namespace, seed: int) -> None:
        from rt_seg_training.datasets.building import build_dataset

        order = np.random.default_rng(seed).permutation(len(source.splits["train"]))
        self.frames = [source.splits["train"][i] for i in order]
        self._counts = sorted({*options.of, *options.labels})
        self.folder = options.work / f"seed_{seed}"
        splits = {"validation": source.splits["validation"][:: options.every]}
        for before, count in zip([0, *self._counts], self._counts):
            splits[f"up_to_{count}"] = self.frames[before:count]
        pairs = [pair for members in splits.values() for pair in members]
        for name, paths in (("rgb", [p.image for p in pairs]), ("gt", [p.mask for p in pairs])):
            _link(paths, self.folder / "set" / name)
        if all(pair.depth is not None for pair in pairs):
            _link([pair.depth for pair in pairs], self.folder / "set" / "depth")
        (self.folder / "set" / "labels.yaml").write_text(yaml.safe_dump(source.labels.to_dict(), sort_keys=False))
        names = {split: [pair.name for pair in members] for split, members in splits.items()}
        (self.folder / "set" / "splits.yaml").write_text(yaml.safe_dump(names))
        self.dataset, _ = build_dataset("custom", self.folder / "set", "few_labels", self.folder / "data")

    def split(self, count: int) -> str:
        """Name of the split of so many labels."""
        return "+".join(f"up_to_{number}" for number in self._counts if number <= count)

    def rest(self, count: int) -> Path:
        """Folder of the other frames, without labels."""
        return _link([pair.image for pair in self.frames[count:]], self.folder / f"rest_{count}" / "rgb").parent


def measure(draw: Draw, settings: dict, way: str, more: dict, count: int) -> dict[str, float]:
    """IoU per class on the held-out frames of a network trained with `count` labels, read if it was measured before."""
    from rt_seg_training.commands.train import unlabeled_images
    from rt_seg_training.evaluation.evaluated_model import open_run
    from rt_seg_training.evaluation.protocol import evaluate_on, write_scores
    from rt_seg_training.runs.training_run import TrainingRun

    run = draw.folder / f"{way}_{count}"
    scores = run / "scores.json"
    if not scores.exists():
        import keras

        configuration = TrainingConfiguration(**{**settings, **more, "train_split": draw.split(count), "run": str(run)})
        if not (run / "result.json").exists():
            TrainingRun(configuration, draw.dataset, unlabeled=unlabeled_images(configuration)).train()
        model, _ = open_run(run)
        write_scores(scores, *evaluate_on(model, draw.dataset, "validation"))
        keras.backend.clear_session()
    classes = json.loads(scores.read_text())["classes"]
    return {entry["name"]: entry["iou"] for entry in classes if entry["iou"] is not None}


def _settings(options: argparse.Namespace) -> dict:
    facts = look_at(str(options.source))
    if options.width:
        height = round(facts.height * options.width / facts.width)
        facts = dataclasses.replace(facts, height=height, width=options.width)
    settings = choose(facts, BATCH * options.steps, 1 / 60).settings
    settings |= {"steps": options.steps, "validate_every": options.steps, "warmup_steps": min(50, options.steps // 4)}
    settings |= {"validation_split": "validation", "dataset": "few_labels"}
    return settings | {"crop_height": options.crop[0], "crop_width": options.crop[1]}


def main(arguments: list[str] | None = None) -> int:
    """Print a row for each number of labels and way as soon as all of its seeds are done."""
    options = _parser().parse_args(arguments)
    source = read_custom(options.source)
    options.work = options.work.resolve()
    if options.wanted not in source.labels.names:
        sys.exit(f"few_labels: --class {options.wanted}: accepted are {', '.join(source.labels.names)}")
    settings = _settings(options)
    print({key: settings[key] for key in ("net", "height", "width", "crop_height", "crop_width", "steps", "ema")})
    draws = {seed: Draw(source, options, seed) for seed in options.seeds}
    rows = []
    for count in options.labels:
        ways: dict[str, dict] = {LABELS: {}}
        if options.start:
            ways[f"from {options.start.name}"] = {"initial_weights": str(options.start)}
        if options.loss:
            ways[options.loss] = {"loss": options.loss}
        if options.unlabeled:
            ways[UNLABELED] = {}
        for way, more in ways.items():
            started, found = time.monotonic(), []
            for seed, draw in draws.items():
                if way == UNLABELED:
                    teacher = draw.folder / f"{LABELS}_{count}"
                    more = {"teacher": str(teacher), "unlabeled": str(draw.rest(count))}
                found.append(measure(draw, {**settings, "seed": seed}, way.replace(" ", "_"), more, count))
            rows.append((count, way, found))
            print(f"{count} labels, {way}: {time.monotonic() - started:.0f} s", flush=True)
    held_out = draws[options.seeds[0]].dataset.count("validation")
    print(f"IoU on {held_out} held-out frames, mean and range of {len(options.seeds)} seeds")
    print(f"{'labels':>6}  {'method':12}{options.wanted:>8}  {'range':>16}  mean of all classes")
    for count, way, found in rows:
        values = [scores[options.wanted] for scores in found]
        everything = np.mean([np.mean(list(scores.values())) for scores in found])
        between = f"{min(values):.3f} to {max(values):.3f}"
        print(f"{count:6d}  {way:12}{np.mean(values):8.3f}  {between:>16}  {everything:.3f}")
    if options.plot:
        _plot(rows, options.wanted, options.plot)
    return 0


def _plot(rows: list, wanted: str, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for way in dict.fromkeys(way for _, way, _ in rows):
        counts = [count for count, of, _ in rows if of == way]
        values = np.array([[scores[wanted] for scores in found] for _, of, found in rows if of == way])
        below, above = values.mean(axis=1) - values.min(axis=1), values.max(axis=1) - values.mean(axis=1)
        axes.errorbar(counts, values.mean(axis=1), (below, above), marker="o", capsize=4, label=way)
    axes.set(xscale="log", xlabel="labelled frames", ylabel=f"IoU of {wanted}, frames held out", ylim=(0, 1))
    shown = sorted({count for count, _, _ in rows})
    axes.set_xticks(shown, [str(count) for count in shown])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=130)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--class", dest="wanted", required=True)
    parser.add_argument("--labels", type=int, nargs="+", default=[5, 10, 20, 50, 135])
    parser.add_argument("--of", type=int, nargs="+", default=[5, 10, 20, 50, 135], help="numbers that share a data set")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--width", type=int, help="width of the network's input (default: that of learn)")
    parser.add_argument("--crop", type=int, nargs=2, default=[256, 320], metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--every", type=int, default=1, help="score every n-th held-out frame")
    parser.add_argument("--unlabeled", action="store_true")
    parser.add_argument("--start", type=Path, metavar="BUNDLE")
    parser.add_argument("--loss", choices=FIELDS["loss"].metadata["accepted"])
    parser.add_argument("--work", type=Path, default=Path("few_labels"))
    parser.add_argument("--plot", type=Path, metavar="PNG")
    return parser


if __name__ == "__main__":
    sys.exit(main())
