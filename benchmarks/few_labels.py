"""How good a model gets with few labelled frames: IoU of a class on frames that are held out, mean and range of seeds.

    python benchmarks/few_labels.py my_images --class hole --labels 5 20 50 --seeds 3 --steps 300
    python benchmarks/few_labels.py my_images --class hole --labels 20 --unlabeled   # the rest teaches itself, too

`my_images` is a labelled folder with splits.yaml. Of its training split so many frames are drawn at random, by the
seed; the settings are those of `learn`. With `--unlabeled` a second network is trained, by the same labels and, without
their labels, by the remaining frames, on which the first one is its teacher. What is done is kept in --work.
"""
from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import yaml

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / name) for name in ("src", "training")]

from rt_seg_training.datasets.custom.custom_source import read_custom  # noqa: E402
from rt_seg_training.learning.choices import choose, look_at  # noqa: E402
from rt_seg_training.learning.stages import environment_of_tools, tool  # noqa: E402


def _run(log: Path, module: str, *arguments: str) -> None:
    environment = {**environment_of_tools(), "TF_CPP_MIN_LOG_LEVEL": "3"}
    with log.open("wb") as file:
        command = [sys.executable, *tool(module, *arguments)]
        code = subprocess.run(command, env=environment, stdout=file, stderr=subprocess.STDOUT).returncode
    if code == 130:
        raise KeyboardInterrupt
    if code != 0:
        sys.exit(f"few_labels: {module} ended with {code}: {log}")


def _subset(source, split: dict[str, list], folder: Path) -> None:
    """A custom data set of links to the frames of `split`."""
    for name in ("rgb", "gt", "depth"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for pair in (pair for pairs in split.values() for pair in pairs):
        for path, name in ((pair.image, "rgb"), (pair.mask, "gt"), (pair.depth, "depth")):
            if path is not None and not (folder / name / path.name).exists():
                (folder / name / path.name).symlink_to(Path(path).resolve())
    if not any((folder / "depth").iterdir()):
        (folder / "depth").rmdir()
    (folder / "labels.yaml").write_text(yaml.safe_dump(source.labels.to_dict(), sort_keys=False))
    names = {key: [pair.name for pair in pairs] for key, pairs in split.items()}
    (folder / "splits.yaml").write_text(yaml.safe_dump(names))


def measure(options: argparse.Namespace, source, count: int, seed: int) -> dict[str, dict[str, float]]:
    """IoU per class of the held-out frames by the way of training: `labels`, and `unlabeled` if that is asked for."""
    held_out = source.splits["validation"][:: options.every]
    training = source.splits["train"]
    order = np.random.default_rng(seed).permutation(len(training))
    split = {"train": [training[i] for i in sorted(order[:count])], "validation": list(held_out)}
    name = f"few_{count}_{seed}"
    work = options.work / name
    work.mkdir(parents=True, exist_ok=True)
    _subset(source, split, work / "set")
    data = work / "data"
    if not (data / "done").exists():
        _run(work / "build.log", "rt_seg_training.commands.build_dataset", "custom", str(work / "set"), "--name", name,
             "--data-dir", str(data))  # fmt: skip
        (data / "done").touch()
    settings = dict(choose(look_at(str(work / "set")), 6.0 * options.steps, 1 / 60).settings)
    settings |= {"steps": options.steps, "validate_every": options.steps, "warmup_steps": min(50, options.steps // 4)}
    settings |= {"seed": seed, "crop_height": options.crop[0], "crop_width": options.crop[1], "dataset": name}
    ways: dict[str, dict] = {"labels": {}}
    if options.unlabeled:
        rest = work / "rest" / "rgb"
        rest.mkdir(parents=True, exist_ok=True)
        for index in order[count:]:
            image = Path(training[index].image)
            if not (rest / image.name).exists():
                (rest / image.name).symlink_to(image.resolve())
        ways["unlabeled"] = {"teacher": str(work / "run_labels"), "unlabeled": str(rest.parent)}
    scores = {}
    for way, more in ways.items():
        result = work / way / "scores.json"
        if not result.exists():
            configuration = work / f"{way}.yaml"
            configuration.write_text(yaml.safe_dump({**settings, **more}, sort_keys=False))
            run = work / f"run_{way}"
            _run(work / f"train_{way}.log", "rt_seg_training.commands.train", str(configuration), "--data-dir",
                 str(data), "--run", str(run))  # fmt: skip
            _run(work / f"evaluate_{way}.log", "rt_seg_training.commands.evaluate", "--run", str(run), "--data-dir",
                 str(data), "--split", "validation", "--output", str(work / way))  # fmt: skip
        classes = json.loads(result.read_text())["classes"]
        scores[way] = {entry["name"]: entry["iou"] for entry in classes if entry["iou"] is not None}
    return scores


def main(arguments: list[str] | None = None) -> int:
    """Print a row for each number of labels as soon as all of its seeds are done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--class", dest="wanted", required=True)
    parser.add_argument("--labels", type=int, nargs="+", default=[5, 10, 20, 50, 135])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--crop", type=int, nargs=2, default=[256, 320], metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--every", type=int, default=1, help="every so many of the held-out frames are scored")
    parser.add_argument("--unlabeled", action="store_true")
    parser.add_argument("--work", type=Path, default=Path("few_labels"))
    options = parser.parse_args(arguments)
    source = read_custom(options.source)
    options.work.mkdir(parents=True, exist_ok=True)
    options.work = options.work.resolve()
    if options.wanted not in source.labels.names:
        parser.error(f"--class {options.wanted}: accepted are {', '.join(source.labels.names)}")
    print(f"{'labels':>6}  {'way':9}  {options.wanted:>10}  range of {options.seeds} seeds   all classes   time")
    for count in options.labels:
        started = time.monotonic()
        found = [measure(options, source, count, seed) for seed in range(options.seeds)]
        for way in found[0]:
            values = [scores[way][options.wanted] for scores in found]
            everything = np.mean([np.mean(list(scores[way].values())) for scores in found])
            print(
                f"{count:6d}  {way:9}  {np.mean(values):10.3f}  {min(values):.3f} to {max(values):.3f}"
                f"{everything:14.3f}   {time.monotonic() - started:.0f} s",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
