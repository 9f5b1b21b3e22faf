"""Finds what the package ships (configurations, recipes, label sets, models) from any folder that a command runs in."""

from __future__ import annotations

from pathlib import Path
from typing import List, Union


def package_roots() -> List[Path]:
    """The folders that hold config/ and models/ of this installation.

    In source and devel space that is the repository; in install space it is <prefix>/share/rt_seg.
    """
    roots = []
    for parent in Path(__file__).resolve().parents:
        if (parent / "src" / "rt_seg").is_dir() and (parent / "package.xml").is_file():
            roots.append(parent)
        share = parent / "share" / "rt_seg"
        if (share / "config").is_dir():
            roots.append(share)
    return roots


def named_file(name: Union[str, Path], folder: str) -> Path:
    """The file that a user means by `name`: a path; or a shipped one, as `custom` or `config/training/custom.yaml`.

    Args:
        name: a path wins where it is a file.
        folder: where the package has such files, for example config/training.

    Returns `name` as a path where there is no such file, so that the caller says so in its own words.
    """
    path = Path(name).expanduser()
    if path.is_file() or path.is_absolute():
        return path
    text = path.as_posix()
    places = [text] if "/" in text else [f"{folder}/{text}", f"{folder}/{text}.yaml"]
    for root in package_roots():
        for place in places:
            if place.startswith(f"{folder}/") and (root / place).is_file():
                return root / place
    return path


def names_of(folder: str) -> List[str]:
    """The names by which `named_file` finds what the package ships in a folder."""
    return sorted({path.stem for root in package_roots() for path in (root / folder).glob("*.yaml")})
