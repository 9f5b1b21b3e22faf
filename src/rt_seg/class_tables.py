"""The classes of a model as other packages read them: which colour, id and name belong together."""

from __future__ import annotations

import csv
import io
from typing import Dict, List, Sequence, Tuple

import yaml

from rt_seg.labels import UNLABELLED, LabelSet

BACKGROUND = "background"
UNLABELLED_NAME = "unlabelled"
KIMERA, HYDRA, ELEVATION_MAPPING = "kimera", "hydra", "elevation_mapping"
CONSUMERS = (KIMERA, HYDRA, ELEVATION_MAPPING)
KIMERA_UNKNOWN = 0
"""Kimera-Semantics does not integrate measurements of this id, and takes white for it whatever the table says."""
KIMERA_CLASSES = 21
"""Ids that it has room for as it comes (kTotalNumberOfLabels)."""
WHITE = (255, 255, 255)
HEADER = ("name", "red", "green", "blue", "alpha", "id")


class ClassTableError(ValueError):
    """A label set cannot be written in a consumer's form; the text names the classes and what to do."""


def _check_colors(labels: LabelSet) -> None:
    seen: Dict[Tuple[int, int, int], str] = {}
    for label in labels.labels:
        if label.color in seen:
            raise ClassTableError(
                f"the classes {seen[label.color]!r} and {label.name!r} have the same colour, {list(label.color)}: a "
                "coloured mask cannot tell them apart. Give each its own in the labels file, and export the model again"
            )
        seen[label.color] = label.name


def _check_names(labels: LabelSet) -> None:
    for label in labels.labels:
        if any(sign in label.name for sign in ',"\n'):
            raise ClassTableError(
                f"class {label.name!r}: these tables are read line by line and split at commas; rename the class"
            )


def _table(labels: LabelSet, unlabelled: int) -> str:
    """Rows of HEADER: the classes with their ids in masks, and the colour of ids without a class."""
    _check_colors(labels)
    _check_names(labels)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for label in labels.labels:
        writer.writerow((label.name, *label.color, 255, label.id))
    writer.writerow((UNLABELLED_NAME, *labels.unlabelled_color, 255, unlabelled))
    return text.getvalue()


def kimera_table(labels: LabelSet) -> str:
    """CSV of Kimera-Semantics: name, red, green, blue, alpha, id.

    Pixels without a class have the id 0, its `unknown`, for an array of as many entries as there are classes is read
    at the place of each id. Raises ClassTableError.
    """
    white = [label for label in labels.labels if label.color == WHITE and label.id != KIMERA_UNKNOWN]
    if white:
        raise ClassTableError(
            f"class {white[0].name!r} is white, which Kimera-Semantics treats as unknown; give it another colour"
        )
    return _table(labels, KIMERA_UNKNOWN)


def hydra_tables(labels: LabelSet, objects: Sequence[str] = (), dynamic: Sequence[str] = ()) -> Dict[str, str]:
    """Texts of the two files of Hydra, by ending: `label_space.yaml` and `colors.csv`.

    Args:
        objects: classes that become objects of the scene graph; without any, all but the background and the dynamic.
        dynamic: classes that move, as people do.

    Raises ClassTableError, also for a name that is no class.
    """
    unknown = [name for name in (*objects, *dynamic) if name not in labels.names]
    if unknown:
        raise ClassTableError(f"{unknown[0]!r} is not a class; the classes are {', '.join(labels.names)}")
    still = [name for name in labels.names if name != BACKGROUND and name not in dynamic]
    space = {
        "total_semantic_labels": len(labels),
        "dynamic_labels": _ids(labels, dynamic),
        "invalid_labels": [UNLABELLED],
        "object_labels": _ids(labels, objects or still),
        "surface_places_labels": _ids(labels, [name for name in still if objects and name not in objects]),
        "label_names": [{"label": label.id, "name": label.name} for label in labels.labels],
    }
    text = yaml.safe_dump(space, sort_keys=False, default_flow_style=None)
    return {"label_space.yaml": "---\n" + text, "colors.csv": _table(labels, UNLABELLED)}


def _ids(labels: LabelSet, names: Sequence[str]) -> List[int]:
    return sorted(labels.names.index(name) for name in names)


def elevation_mapping_settings(labels: LabelSet, node: str) -> str:
    """YAML for elevation_mapping_cupy: `~probabilities` of the node named `node` as layers, one per class."""
    source = {
        "topic_name": f"{node}/probabilities",
        "camera_info_topic_name": f"{node}/camera_info",
        "channel_info_topic_name": f"{node}/channel_info",
        "data_type": "image",
        "channels": labels.names,
        "fusion": ["class_average"] * len(labels),
    }
    settings = {
        "image_channel_fusions": {name: "class_average" for name in labels.names},
        "subscribers": {"rt_seg": source},
    }
    return yaml.safe_dump(settings, sort_keys=False, default_flow_style=None)
