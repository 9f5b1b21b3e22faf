"""The training configuration of `learn`: chosen from data and machine, with reasons, and written once."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import subprocess
import sys
from pathlib import Path

import yaml

from rt_seg.atomic_file import write_atomically
from rt_seg.bundle import Bundle
from rt_seg.settings import read_yaml
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.learning.choices import BATCH, LARGEST_CROP, Facts, choose, look_at, network
from rt_seg_training.learning.stages import StageError, environment_of_tools
from rt_seg_training.runs.training_weights import FILE


def data_set_name(name: str) -> str:
    """The name of the data set for the model `name`: TFDS accepts small letters, digits and _."""
    return re.sub(r"[^a-z0-9_]", "_", name.lower())


def write_configuration(
    name: str, folder: Path, work: Path, minutes: float, settings_file: Path | None, start: Bundle | None, state: str
) -> tuple[Path, Path, Facts]:
    """Write `work`/training.yaml for the labelled `folder`, each choice with its reason; returns it, its run folder
    and what was found in the data.

    `minutes`: for the training alone. `settings_file`: the user's own settings, which take precedence. `start`: a
    bundle to start from, if it has training weights. `state`: the digest of the folder. A configuration for the same
    data and wishes is kept: with it a run resumes. Raises StageError.
    """
    try:
        facts = look_at(str(folder))
    except DatasetError as error:
        raise StageError(str(error)) from error
    path = work / "training.yaml"
    own = {} if settings_file is None else _own_settings(settings_file)
    # With the digest corrected masks, which change no fact, get a run of their own, too.
    head = f"# {dataclasses.asdict(facts)} {minutes:g} {own} {state}".replace("\n", " ")
    if not (path.is_file() and path.read_text(encoding="utf-8").startswith(head)):
        speed = None
        if "steps" not in own:
            print("      measuring training speed on this machine ...", flush=True)
            speed = _speed(network(facts), BATCH, LARGEST_CROP, len(facts.classes))
        choices = choose(facts, speed, minutes)
        lines = [head, *(f"# {reason}" for reason in choices.reasons)]
        settings = {"dataset": data_set_name(name), **choices.settings, **_start(start), **own}
        for key in sorted(own):
            lines.append(f"# {key} {own[key]}: from --settings")
        text = "\n".join(lines) + "\n" + yaml.safe_dump(settings, sort_keys=False)
        write_atomically(path, text.encode("utf-8"))
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        if line.startswith("# "):
            print(f"      {line[2:]}")
    for note in facts.notes:
        print(f"      {note}")
    # Other settings get a run of their own: a run that has begun is never overwritten.
    return path, work / f"run_{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}", facts


def _own_settings(path: Path) -> dict:
    """The settings of a YAML file; whether `train` knows them it says itself."""
    content = read_yaml(path.expanduser(), StageError)
    if not isinstance(content, dict):
        raise StageError(f"--settings {path}: accepted is a mapping, key: value, of training settings")
    return content


def _start(bundle: Bundle | None) -> dict:
    """Settings that make training start from a bundle, if that has weights to train from."""
    if bundle is None or not (bundle.folder / FILE).is_file():
        return {}
    return {"initial_weights": str(bundle.folder)}


def _speed(net: str, batch: int, crop: tuple[int, int], classes: int) -> float:
    """Images per second, measured in a process of its own: TensorFlow keeps its memory."""
    environment = {**environment_of_tools(), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "rt_seg_training.learning.training_speed", net, *map(str, (*crop, batch, classes))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise StageError(f"the training speed could not be measured:\n{done.stderr[-2000:]}")
    return float(done.stdout.split()[-1])
