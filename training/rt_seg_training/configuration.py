"""The settings of one training experiment: a YAML file, each key of which the command line can override."""

from __future__ import annotations

import argparse
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rt_seg.atomic_file import write_atomically
from rt_seg.package_files import named_file, names_of
from rt_seg.settings import dump_yaml, read_settings, read_values, read_yaml, setting
from rt_seg_training.nets.registry import DDRNET_START, HEADS, NETS, PRETRAINED_NETS, STARTED_NETS

SHIPPED = "config/training"
"""Of the package: the configurations that have names."""
BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
"""Words for a flag on the command line."""


IMAGENET, RANDOM = "imagenet", "random"
"""Words for initial_weights beside paths."""


class ConfigurationError(ValueError):
    """A setting is unknown, missing, of the wrong type or out of range."""


def _setting(
    help_text: str,
    default: Any = dataclasses.MISSING,
    choices: tuple = (),
    minimum: float | None = None,
    maximum: float | None = None,
) -> Any:
    return setting(default, help_text, minimum, maximum, choices)


@dataclass(frozen=True)
class TrainingConfiguration:
    """All settings of `train`. Sizes are in pixels of the network's input; shares and weights have no unit."""

    dataset: str = _setting("name of the built data set (build_dataset lists it)")
    train_split: str = _setting("TFDS split expression to train on, such as train or a+b")
    validation_split: str = _setting("TFDS split expression to score on")
    height: int = _setting("input height of the network", minimum=64)
    width: int = _setting("input width of the network", minimum=64)
    crop_height: int = _setting("height of the training crops", minimum=64)
    crop_width: int = _setting("width of the training crops", minimum=64)
    steps: int = _setting("total optimizer steps", minimum=1)
    net: str = _setting("network", "ddrnet_23_slim", choices=NETS)
    head: str = _setting("softmax over the classes, or one sigmoid channel for two classes", "semantic", choices=HEADS)
    scale_min: float = _setting("minimum random scale of a training image", 0.75, minimum=0.1)
    scale_max: float = _setting("maximum random scale of a training image", 1.5, minimum=0.1)
    color_jitter: float = _setting("random brightness, contrast and saturation, 0 = none", 0.3, minimum=0, maximum=1)
    blur: float = _setting("share of blurred training images", 0.0, minimum=0, maximum=1)
    noise: float = _setting("share of the training images with sensor noise", 0.0, minimum=0, maximum=1)
    jpeg: float = _setting("share of the training images with JPEG artefacts", 0.0, minimum=0, maximum=1)
    sunlight: float = _setting(
        "share of the training images with a hard shadow or a patch of sun", 0.25, minimum=0, maximum=1
    )
    glints: float = _setting("share of the training images with white lamp reflections", 0.1, minimum=0, maximum=1)
    gamma: float = _setting("random gamma, up to e to the power of this or its inverse, 0 = none", 0.2, minimum=0)
    color_temperature: float = _setting(
        "random colour temperature: red by up to e to the power of this, blue by its inverse, 0 = none", 0.1, minimum=0
    )
    camera_rotation: float = _setting(
        "share of the training images that are warped as if the camera were rolled or pitched",
        0.0,
        minimum=0,
        maximum=1,
    )
    flip: bool = _setting(
        "mirror half of the training images left to right; false where classes differ by left and right",
        True,
    )
    depth_noise: float = _setting(
        "share of the training images whose depth gets the noise and holes of a RealSense", 0.5, minimum=0, maximum=1
    )
    depth_dropout: float = _setting("share of the training images without any depth", 0.15, minimum=0, maximum=1)
    batch_size: int = _setting("images per step", 8, minimum=1)
    mixed_precision: str = _setting(
        "numeric precision of the layers; auto: float16 on a GPU, bfloat16 on a CPU with AMX, else float32",
        "auto",
        choices=("auto", "float32", "bfloat16", "float16"),
    )
    optimizer: str = _setting("optimizer", "adamw", choices=("adamw", "adam", "radam", "sgd"))
    learning_rate: float = _setting("peak learning rate", 0.002, minimum=0)
    encoder_learning_rate_share: float = _setting(
        "learning rate of a pre-trained encoder, as a share of learning_rate; not applied to random weights",
        0.25,
        minimum=0,
    )
    freeze_statistics: bool = _setting(
        "batch normalisation of a pre-trained encoder keeps its original means and variances, unless it starts from "
        "random weights",
        True,
    )
    weight_decay: float = _setting("decoupled weight decay of convolution kernels", 0.01, minimum=0)
    warmup_steps: int = _setting(
        "steps over which the learning rate rises to its peak, cut to steps // 4 if it is not below steps",
        100,
        minimum=0,
    )
    schedule: str = _setting("decay curve of the learning rate", "poly", choices=("poly", "cosine"))
    gradient_clip_norm: float = _setting("maximum norm of the gradient, 0 = unlimited", 0.0, minimum=0)
    ema: float = _setting(
        "decay of the moving average of the weights; the averaged weights are scored and saved; 0 = no average",
        0.0,
        minimum=0,
        maximum=0.99999,
    )
    loss: str = _setting(
        "loss of each head; cross_entropy_dice is the sum of the two",
        "cross_entropy",
        choices=("cross_entropy", "focal", "dice", "cross_entropy_dice", "ohem"),
    )
    focal_gamma: float = _setting("how strongly focal down-weights correct pixels", 2.0, minimum=0)
    ohem_threshold: float = _setting(
        "ohem trains only on pixels whose true class has a probability below this", 0.9, minimum=0.0001, maximum=1
    )
    class_weights: str = _setting(
        "weights of the classes in the loss", "none", choices=("none", "inverse_log", "median_frequency")
    )
    auxiliary_weight: float = _setting("weight of the auxiliary head's loss, 0 = no such head", 0.4, minimum=0)
    initial_weights: str = _setting(
        "model bundle, run folder or weights file to start from; imagenet (encoder weights; default for networks that "
        "have them), tabletop_ddrnet (default for DDRNet-23-slim) or random (default for the others)",
        "",
    )
    teacher: str = _setting(
        "run folder or bundle of a trained network with the same classes, whose logits are learnt, too, '' = none", ""
    )
    teacher_loss: str = _setting(
        "how logits are compared with the teacher's; channel: where in the image each class is strongest; pixel: class "
        "probabilities at each pixel",
        "channel",
        choices=("channel", "pixel"),
    )
    teacher_weight: float = _setting("weight of the loss against the teacher; that of the labels is 1", 1.0, minimum=0)
    unlabeled: str = _setting(
        "folder of images, capture folder (with depth) or bag, without labels; the teacher labels them",
        "",
    )
    unlabeled_share: float = _setting(
        "share of the training images taken from the unlabelled images", 0.5, minimum=0.01, maximum=0.99
    )
    validate_every: int = _setting("steps between two validations", 400, minimum=1)
    patience: int = _setting("validations without a better mIoU before early stopping, 0 = never", 0, minimum=0)
    checkpoint_minutes: float = _setting(
        "maximum time between two checkpoints, besides those at validations", 5.0, minimum=0
    )
    distribution: str = _setting(
        "one device, all of this machine, or several machines by TF_CONFIG; batch_size is the total",
        "single",
        choices=("single", "mirrored", "multi_worker"),
    )
    seed: int = _setting("random seed", 0, minimum=0, maximum=2**32 - 2)
    tensorboard_dir: str = _setting("folder for TensorBoard, '' = tensorboard in the run folder", "")
    run: str = _setting("folder for checkpoints, logs and weights", "")

    @property
    def start(self) -> str:
        """What the weights are to begin with: IMAGENET, RANDOM, or name or path of a bundle, run or file of weights."""
        if self.initial_weights:
            return self.initial_weights
        return IMAGENET if self.net in PRETRAINED_NETS else DDRNET_START if self.net in STARTED_NETS else RANDOM

    @property
    def warmup(self) -> int:
        """Steps of the warm-up: warmup_steps, or a quarter of all steps where it would otherwise never end."""
        return self.warmup_steps if self.warmup_steps < self.steps else self.steps // 4

    def save(self, path: Path) -> None:
        """Write all settings as YAML, with the start that a default stands for; atomic. Raises OSError."""
        write_atomically(path, dump_yaml({**dataclasses.asdict(self), "initial_weights": self.start}))


FIELDS = {entry.name: entry for entry in dataclasses.fields(TrainingConfiguration)}
_TYPES = {"int": int, "float": float, "str": str, "bool": bool}


def load_configuration(path: str | Path, overrides: dict[str, Any] | None = None) -> TrainingConfiguration:
    """Read a YAML configuration, a path or the name of a shipped one, and apply `overrides`.

    Raises ConfigurationError, naming file, key and accepted values, for anything unknown, missing or ill-typed.
    """
    path = named_file(path, SHIPPED)
    data = read_yaml(path, ConfigurationError, f"shipped are {', '.join(names_of(SHIPPED))}")
    values = read_values(TrainingConfiguration, data, str(path), ConfigurationError)
    values.update(read_values(TrainingConfiguration, overrides or {}, "command line", ConfigurationError))
    # What is read is read again as a whole: then keys that are in neither source are missing.
    configuration = read_settings(TrainingConfiguration, values, str(path), ConfigurationError)
    if configuration.scale_min > configuration.scale_max:
        raise ConfigurationError(
            f"{path}: scale_min {configuration.scale_min} is above scale_max {configuration.scale_max}"
        )
    if configuration.unlabeled and not configuration.teacher:
        raise ConfigurationError(
            f"{path}: unlabeled images need a teacher that labels them: set teacher to a run folder or a bundle"
        )
    if not configuration.run:
        configuration = dataclasses.replace(configuration, run=f"runs/{path.stem}")
    return configuration


def load_run_configuration(path: Path) -> TrainingConfiguration:
    """Read the settings in force of a run, which `save` wrote. Raises ConfigurationError."""
    configuration = load_configuration(path)
    if configuration.initial_weights:
        return configuration
    # Written before `save` resolved the default, when DDRNet began with random weights unless told otherwise.
    start = IMAGENET if configuration.net in PRETRAINED_NETS else RANDOM
    return dataclasses.replace(configuration, initial_weights=start)


def boolean(text: str) -> bool:
    """True or False for true, yes, 1 and false, no, 0. Raises argparse.ArgumentTypeError for anything else."""
    try:
        return BOOLEANS[text.lower()]
    except KeyError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false") from None


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Add one option per setting to `parser`; options that are not given stay out of the namespace."""
    group = parser.add_argument_group("settings, each overriding the configuration file")
    for name, entry in FIELDS.items():
        kind = _TYPES[str(entry.type)]
        group.add_argument(
            f"--{name.replace('_', '-')}",
            dest=name,
            type=boolean if kind is bool else kind,
            choices=entry.metadata["accepted"] or None,
            default=argparse.SUPPRESS,
            metavar=None if entry.metadata["accepted"] else kind.__name__.upper(),
            help=entry.metadata["help"],
        )
