"""The model bundle, read side: the folder in which the offline half hands a model to the live half."""
from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union

import yaml

from rt_seg.labels import LabelError, LabelSet, labels_from_dict
from rt_seg.model_home import MANIFEST, find_bundle, known_bundles

FORMAT = 1
"""Version of the bundle's layout; raised when an older reader could misread a newer bundle."""

RUNTIMES = ("openvino", "onnxruntime", "litert", "saved_model", "keras")
CHANNELS = ("rgb", "rgbd")


class BundleError(ValueError):
    """A model bundle is missing, incomplete, altered or not understood."""


@dataclass(frozen=True)
class InputSpec:
    """What the network takes: RGB of height × width, normalised as (value / 255 - mean) / std per channel.

    With `channels` rgbd also the depth of each pixel; what is nearer or farther than `depth_range`, in metres, is no
    reading. It is None for rgb.
    """

    height: int
    width: int
    channels: str
    mean: Tuple[float, float, float]
    std: Tuple[float, float, float]
    depth_range: Optional[Tuple[float, float]] = None

    @property
    def with_depth(self) -> bool:
        """Whether the network takes depth beside the image."""
        return self.channels == "rgbd"


@dataclass(frozen=True)
class EngineFiles:
    """One exported form of the model: its runtime, arithmetic, main file or folder, and the SHA-256 of each file."""

    runtime: str
    precision: str
    path: Path
    sha256: Mapping[str, str]


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle. `scores` holds one mapping per measured score: metric, value, data, command.

    `training` says what the weights were trained on: dataset, split, frames, initial_weights; empty if not recorded.
    """

    folder: Path
    name: str
    version: str
    input: InputSpec
    labels: LabelSet
    engines: Tuple[EngineFiles, ...]
    license: str
    scores: Tuple[Dict[str, Any], ...] = field(default=())
    training: Mapping[str, Any] = field(default_factory=dict)

    def engine(self, runtime: str) -> Optional[EngineFiles]:
        """The first listed engine of this runtime, or None."""
        return next((engine for engine in self.engines if engine.runtime == runtime), None)


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise BundleError(message)


def _keys(data: Any, required: set, optional: set, where: str) -> Dict[str, Any]:
    _require(isinstance(data, dict), f"{where}: expected a mapping, got {data!r}")
    missing = sorted(required - set(data))
    unknown = sorted(set(data) - required - optional)
    _require(not missing, f"{where}: missing key {', '.join(map(repr, missing))}")
    _require(
        not unknown,
        f"{where}: unknown key {', '.join(map(repr, unknown))}; accepted are {', '.join(sorted(required | optional))}",
    )
    return data


def _read_input(data: Any, where: str) -> InputSpec:
    data = _keys(data, {"height", "width", "channels", "mean", "std"}, {"depth_range"}, where)
    for key in ("height", "width"):
        value = data[key]
        _require(type(value) is int and 32 <= value <= 8192, f"{where}: {key} {value!r} must be an integer 32..8192")
    _require(
        data["channels"] in CHANNELS,
        f"{where}: channels {data['channels']!r} is not understood; accepted: {', '.join(CHANNELS)}",
    )
    triples: List[Any] = []
    for key in ("mean", "std"):
        value = data[key]
        _require(
            isinstance(value, list) and len(value) == 3 and all(isinstance(v, (int, float)) for v in value),
            f"{where}: {key} {value!r} must be three numbers (red, green, blue; of values 0..1)",
        )
        triples.append(tuple(float(v) for v in value))
    _require(all(v > 0 for v in triples[1]), f"{where}: std {data['std']!r} must be above 0")
    depth_range = data.get("depth_range")
    if data["channels"] == "rgb":
        _require(depth_range is None, f"{where}: depth_range {depth_range!r} is for channels rgbd, and they are rgb")
        return InputSpec(data["height"], data["width"], "rgb", triples[0], triples[1])
    _require(
        isinstance(depth_range, list)
        and len(depth_range) == 2
        and all(isinstance(v, (int, float)) for v in depth_range)
        and 0 < depth_range[0] < depth_range[1],
        f"{where}: depth_range {depth_range!r} must be two numbers, the nearest and the farthest reading in metres",
    )
    nearest, farthest = map(float, depth_range)
    return InputSpec(data["height"], data["width"], "rgbd", triples[0], triples[1], (nearest, farthest))


def _read_engine(data: Any, folder: Path, where: str) -> EngineFiles:
    data = _keys(data, {"runtime", "precision", "path", "sha256"}, set(), where)
    _require(
        data["runtime"] in RUNTIMES,
        f"{where}: runtime {data['runtime']!r} is not known; accepted: {', '.join(RUNTIMES)}",
    )
    hashes = data["sha256"]
    _require(isinstance(hashes, dict) and bool(hashes), f"{where}: sha256 must map each file to its hash")
    for name in [data["path"], *hashes]:
        _require(
            isinstance(name, str) and not Path(name).is_absolute() and ".." not in Path(name).parts,
            f"{where}: file {name!r} must be a path inside the bundle",
        )
    return EngineFiles(data["runtime"], str(data["precision"]), folder / data["path"], dict(hashes))


def verify_files(engine: EngineFiles, folder: Path) -> None:
    """Compare each file of `engine` with its recorded SHA-256. Raises BundleError naming the first that differs."""
    for name, expected in engine.sha256.items():
        path = folder / name
        _require(path.is_file(), f"{path}: the bundle lists this file, but it is absent. Copy the whole bundle again.")
        actual = file_sha256(path)
        _require(
            actual == expected,
            f"{path}: SHA-256 is {actual[:12]}…, but {MANIFEST} says {str(expected)[:12]}…. "
            "The file was changed or copied incompletely; export the model again or restore the file.",
        )


def load_bundle(folder: Union[str, Path]) -> Bundle:
    """Read and check a bundle's manifest; `folder` may be the name of a known bundle, see `find_bundle`.

    Model files are hashed by `verify_files` when an engine opens them.

    Raises BundleError, naming file, key and value, for a missing folder or manifest, an unknown key, a wrong type,
    or a label set whose fingerprint is not the recorded one.
    """
    folder = find_bundle(folder)
    _require(
        folder.is_dir(),
        f"{folder}: no such model bundle; accepted are a folder that holds {MANIFEST} and the names "
        f"{', '.join(known_bundles())}",
    )
    manifest = folder / MANIFEST
    _require(manifest.is_file(), f"{manifest}: not found, so {folder} is not a model bundle. Make one with 'export'.")
    try:
        data = yaml.safe_load(manifest.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise BundleError(f"{manifest}: cannot be read: {error}") from error
    where = str(manifest)
    required = {"format", "name", "version", "input", "labels", "fingerprint", "engines", "license"}
    data = _keys(data, required, {"scores", "training"}, where)
    _require(
        data["format"] == FORMAT,
        f"{where}: format {data['format']!r}; this version reads format {FORMAT}. Export the model again.",
    )
    try:
        labels = labels_from_dict(data["labels"], f"{where}: labels")
    except LabelError as error:
        raise BundleError(str(error)) from error
    _require(
        data["fingerprint"] == labels.fingerprint,
        f"{where}: fingerprint {str(data['fingerprint'])[:12]}… does not belong to the labels in this file "
        f"({labels.fingerprint[:12]}…): the class list was edited after the export. Export the model again.",
    )
    _require(isinstance(data["engines"], list) and bool(data["engines"]), f"{where}: engines must list at least one")
    engines: List[EngineFiles] = [
        _read_engine(entry, folder, f"{where}: engines[{i}]") for i, entry in enumerate(data["engines"])
    ]
    training = data.get("training") or {}
    _require(isinstance(training, dict), f"{where}: training {training!r} must be a mapping")
    return Bundle(
        folder=folder,
        name=str(data["name"]),
        version=str(data["version"]),
        input=_read_input(data["input"], f"{where}: input"),
        labels=labels,
        engines=tuple(engines),
        license=str(data["license"]),
        scores=tuple(data.get("scores") or ()),
        training=training,
    )
