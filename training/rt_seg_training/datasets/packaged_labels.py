"""Find the label sets that the package ships, in source, devel and install space."""
from __future__ import annotations

from pathlib import Path

from rt_seg.labels import LabelSet, load_labels
from rt_seg_training.datasets.errors import DatasetError


def packaged_labels(name: str) -> LabelSet:
    """The label set in `config/labels/<name>.yaml` of this package. Raises DatasetError if it is not found."""
    # Source and devel space: <root>/config beside package.xml. Install space: <prefix>/share/rt_seg/config.
    for parent in Path(__file__).resolve().parents:
        for root in (parent, parent / "share" / "rt_seg"):
            path = root / "config" / "labels" / f"{name}.yaml"
            if path.is_file() and (root == parent / "share" / "rt_seg" or (root / "src" / "rt_seg").is_dir()):
                return load_labels(path)
    raise DatasetError(
        f"config/labels/{name}.yaml: not found above {Path(__file__).parent}; the installation of rt_seg is incomplete"
    )
