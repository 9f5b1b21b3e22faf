"""The model for clicks that there is on this machine."""

from __future__ import annotations

from pathlib import Path

from rt_seg_training.clicks.click_model import ClickModel

SHIPPED = "click"
"""Folder of the click network among the models."""


def open_click_model(segmenter: Path | None = None) -> ClickModel | None:
    """The model in the folder `segmenter` (see sam_model), else the package's click network; None where it has none.

    Raises ClickModelError where `segmenter` cannot be used or the network's files are damaged.
    """
    if segmenter is not None:
        from rt_seg_training.clicks.sam_model import SamModel

        return SamModel(segmenter)
    from rt_seg.model_home import model_home
    from rt_seg.package_files import package_roots
    from rt_seg_training.clicks.click_network import MANIFEST, ClickNetwork

    for models in (model_home(), *(root / "models" for root in package_roots())):
        if (models / SHIPPED / MANIFEST).is_file():
            return ClickNetwork(models / SHIPPED)
    return None
