"""Label sets as messages and back."""

from __future__ import annotations

from std_msgs.msg import Header

from rt_seg.labels import Label, LabelSet
from rt_seg.msg import LabelClass, LabelInfo


def label_info(labels: LabelSet, header: Header, model: str, threshold: float = 0.0) -> LabelInfo:
    """What the ids of masks mean; `model` says whose masks they are."""
    return LabelInfo(
        header=header,
        class_map=[LabelClass(label.id, label.name, *label.color) for label in labels.labels],
        threshold=threshold,
        fingerprint=labels.fingerprint,
        model=model,
    )


def labels_of(message: LabelInfo) -> LabelSet:
    """The label set that a labels topic announces."""
    return LabelSet(
        tuple(Label(item.class_id, item.class_name, (item.red, item.green, item.blue)) for item in message.class_map)
    )
