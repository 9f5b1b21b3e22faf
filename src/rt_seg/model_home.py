"""Where model bundles are: the user's own beside those that the package ships, all found by name from any folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Dict, Union

from rt_seg.package_files import package_roots

MANIFEST = "bundle.yaml"


def model_home() -> Path:
    """The folder of the user's own models: $RT_SEG_MODELS, else rt_seg/models in $XDG_DATA_HOME (~/.local/share)."""
    own = os.environ.get("RT_SEG_MODELS")
    if own:
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser() / "rt_seg" / "models"


def known_bundles() -> Dict[str, Path]:
    """Name → folder of the user's own bundles and the shipped ones; of one name the user's own is meant."""
    found: Dict[str, Path] = {}
    for models in (model_home(), *(root / "models" for root in package_roots())):
        for manifest in sorted(models.glob(f"*/{MANIFEST}")):
            found.setdefault(manifest.parent.name, manifest.parent)
    return found


def find_bundle(name: Union[str, Path]) -> Path:
    """The folder of the bundle that a user means by `name`: a path, or the name of a known bundle.

    A folder that holds a bundle wins, then the user's own, then the shipped ones, also as models/NAME. Returns `name`
    as a path where there is none, so that the caller says so.
    """
    path = Path(name).expanduser()
    if (path / MANIFEST).is_file() or path.is_absolute():
        return path
    parts = path.parts
    if len(parts) == 1 or (len(parts) == 2 and parts[0] == "models"):
        return known_bundles().get(parts[-1], path)
    return path
