"""The flags of the training program that this package replaces, rewritten as those of `train`."""

from __future__ import annotations

import argparse
from pathlib import PurePath

from rt_seg_training.configuration import BOOLEANS, boolean

_SYNONYMS = {
    "--epoch": "--epochs",
    "--lr": "--learning-rate",
    "--dataset-dir": "--data-dir",
    "--load-weight": "--initial-weights",
}
_NETS = {"ddrnet": "ddrnet_23_slim", "unet": "unet_mobilenet_v3"}
_DISTRIBUTIONS = {"single": "single", "mirrored": "mirrored", "multi": "mirrored", "multi_worker": "multi_worker"}
DEFAULT_CHECKPOINT_DIR = "runs"

DESCRIPTION = """legacy flags, also accepted:
  --lr, --epoch, --dataset_dir, --load_weight   learning-rate, epochs, data-dir, initial-weights
  --model_prefix NAME, --checkpoint_dir DIR     run DIR/NAME (default of DIR: runs)
  --model_name NAME                             net; ddrnet is ddrnet_23_slim
  --use_weightDecay true|false                  false: weight-decay 0
  --mixed_precision true|false                  auto or float32
  --distribution_mode single|mirrored|multi     distribution; multi is mirrored
All flags accept underscores instead of hyphens."""


def translate(arguments: list[str]) -> list[str]:
    """The arguments with each old flag, and underscores in any flag, replaced by today's; others as they are.

    Raises argparse.ArgumentTypeError, naming the flag, for a value that it does not take.
    """
    translated: list[str] = []
    prefix, folder, weight_decay = None, None, True
    rest = iter(arguments)
    for argument in rest:
        if not argument.startswith("--"):
            translated.append(argument)
            continue
        flag, equals, value = argument.partition("=")
        flag = flag.replace("_", "-")
        if flag in ("--model-prefix", "--checkpoint-dir", "--use-weightDecay", "--distribution-mode", "--model-name"):
            if not equals:
                following = next(rest, None)
                if following is None:
                    raise argparse.ArgumentTypeError(f"{argument}: expected a value")
                value = following
        if flag == "--model-prefix":
            prefix = value
        elif flag == "--checkpoint-dir":
            folder = value
        elif flag == "--use-weightDecay":
            weight_decay = boolean(value)
        elif flag == "--distribution-mode":
            if value not in _DISTRIBUTIONS:
                raise argparse.ArgumentTypeError(
                    f"--distribution_mode: {value!r} is not supported; accepted are {', '.join(_DISTRIBUTIONS)}"
                )
            translated += ["--distribution", _DISTRIBUTIONS[value]]
        elif flag == "--model-name":
            translated += ["--net", _NETS.get(value, value)]
        elif flag == "--mixed-precision":
            value = value if equals else next(rest, "")
            known = BOOLEANS.get(value.lower())
            translated += [flag, value if known is None else "auto" if known else "float32"]
        else:
            translated.append(_SYNONYMS.get(flag, flag) + equals + value)
    if prefix is not None or folder is not None:
        translated += ["--run", str(PurePath(folder or DEFAULT_CHECKPOINT_DIR) / (prefix or "model"))]
    return translated if weight_decay else [*translated, "--weight-decay", "0"]
