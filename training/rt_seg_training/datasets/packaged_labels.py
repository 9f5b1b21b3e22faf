"""Find the label sets that the package ships, in source, devel and install space."""

from __future__ import annotations

from rt_seg.labels import LabelSet, load_labels
from rt_seg.package_files import package_roots
from rt_seg_training.datasets.errors import DatasetError


def packaged_labels(name: str) -> LabelSet:
    """The label set in `config/labels/<name>.yaml` of this package. Raises DatasetError if it is not found."""
    for root in package_roots():
        path = root / "config" / "labels" / f"{name}.yaml"
        if path.is_file():
            return load_labels(path)
    raise DatasetError(f"config/labels/{name}.yaml: not found; the installation of rt_seg is incomplete")
