"""The model card: README.md of a bundle, put together from the run that made it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from rt_seg_training.configuration import IMAGENET, RANDOM
from rt_seg_training.runs.provenance import public_data_set, public_place

if TYPE_CHECKING:
    from rt_seg_training.datasets.loading import DataSet
    from rt_seg_training.export.bundle_export import Export


def model_card(
    name: str, version: str, license_text: str, notes: str, run: Path, dataset: DataSet, export: Export, split: str
) -> str:
    """Markdown text: use and terms, data and protocol, recipe with every setting, score of the run, parity.

    `split`: that of the images that calibrated int8 and were compared.
    """
    from rt_seg_training.nets.depth_fusion import DEPTH_RANGE
    from rt_seg_training.nets.efficientnet_lite import WEIGHTS_LICENSE
    from rt_seg_training.nets.registry import DDRNET_START, DEPTH_NETS, PRETRAINED_NETS

    settings = yaml.safe_load((run / "configuration.yaml").read_text(encoding="utf-8"))
    settings.update(_without_places(settings))
    configuration = yaml.safe_dump(settings, sort_keys=False)
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    net = settings.get("net", "ddrnet_23_slim")
    classes = ", ".join(dataset.labels.names)
    counts = ", ".join(f"{split} {count}" for split, count in dataset.splits.items())
    rows = "\n".join(
        f"| {parity.form} | {parity.logit_difference:.2e} | {parity.pixel_agreement:.4%} |"
        for parity in export.parities
    )
    guard = "\n".join(f"| {score.form} | {100 * score.mean_iou:.2f} % |" for score in export.scores)
    how = f"after {result['steps']} steps"
    if result.get("averaged"):
        how = f"the mean of the weights of {', '.join(result['averaged'])}; the settings below are those of the first"
    note = f"\n\nf16 instead of int8: {export.note}." if export.note else ""
    warnings = "".join(f"\n- **Warning**: {text}" for text in export.warnings) + "\n" * bool(export.warnings)
    of_encoder = f"\n- **{WEIGHTS_LICENSE}**" if net in PRETRAINED_NETS else ""
    if settings.get("initial_weights") == f"models/{DDRNET_START}":
        of_encoder = (
            f"\n- **Start**: models/{DDRNET_START}, taught by EfficientNet-Lite0 (ImageNet weights: Apache-2.0)"
        )
    takes = "RGB"
    if net in DEPTH_NETS:
        near, far = DEPTH_RANGE
        takes = f"RGB and, aligned to it, depth of {near:g} to {far:g} m. Without valid depth it falls back to RGB only"
    return f"""# {name} {version}

Network: {net}. Input: {takes}. Classes: {classes}.

- **Licence of the weights**: {license_text}{of_encoder}
- **Data**: `{dataset.name}` (examples: {counts})
- **Score of the run** (Keras, fp32, validation split): mIoU {result["validation_mean_iou"]:.4f}
  ({how}). Scores of this bundle itself, as run by the live node, are in `bundle.yaml`.

{notes.strip()}

## Recipe
`rosrun rt_seg train CONFIGURATION.yaml` with

```yaml
{configuration.strip()}
```

then `rosrun rt_seg export`.

## Agreement with Keras
The last format is the one shipped here. Compared on images of `{split}`, on which int8 is quantised after training.

| format | largest logit difference, relative | equal class ids at the network's output size |
|---|---|---|
{rows}

## Accuracy by numeric precision
Mean IoU on frames of `{settings["validation_split"]}` not used for calibration; shipped: {export.precision}.{note}

| format | mean IoU |
|---|---|
{guard}
{warnings}"""


def _without_places(settings: dict[str, Any]) -> dict[str, str]:
    """The settings that are paths, without where they lay on the machine that trained, which is nobody's business."""
    # Not public_place: a bundle is often named as its run, and would be meant.
    public = {"run": f"runs/{Path(settings['run']).name}"}
    for key in ("initial_weights", "teacher"):
        if settings.get(key) and settings[key] not in (IMAGENET, RANDOM):
            public[key] = public_place(settings[key])
    for key in ("unlabeled", "tensorboard_dir"):
        if settings.get(key):
            public[key] = Path(settings[key]).name
    return {**public, "dataset": public_data_set(settings["dataset"])}
