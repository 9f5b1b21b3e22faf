"""The model bundle, in which the offline half hands a model to the live half: read and written here alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Dict, Iterable, Mapping, Optional, Tuple, Union

from rt_seg.atomic_file import write_atomically
from rt_seg.labels import LabelError, LabelSet, labels_from_dict
from rt_seg.model_home import MANIFEST, find_bundle, known_bundles
from rt_seg.settings import dump_yaml, plain_values, read_settings, read_yaml, setting, shown

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

    height: int = setting(help_text="pixels", minimum=32, maximum=8192)
    width: int = setting(help_text="pixels", minimum=32, maximum=8192)
    channels: str = setting(help_text="what a pixel has", accepted=CHANNELS)
    mean: Tuple[float, float, float] = setting(help_text="of red, green, blue, for values 0..1")
    std: Tuple[float, float, float] = setting(help_text="of red, green, blue, for values 0..1")
    depth_range: Optional[Tuple[float, float]] = None

    @property
    def with_depth(self) -> bool:
        """Whether the network takes depth beside the image."""
        return self.channels == "rgbd"


@dataclass(frozen=True)
class SmallerNetwork:
    """The network of a smaller input size, in pixels, with the weights of the engine that lists it."""

    height: int = setting(help_text="pixels", minimum=32, maximum=8192)
    width: int = setting(help_text="pixels", minimum=32, maximum=8192)
    path: str = setting(help_text="file inside the bundle")


@dataclass(frozen=True)
class EngineFiles:
    """One export format of the model: its runtime, precision, main file or folder, and the SHA-256 of each file.

    `path` and the names in `sha256` are relative to the bundle in the manifest; a loaded `path` is where it lies.
    `smaller` are networks of smaller inputs, largest first: see `Bundle.at_size`.
    """

    runtime: str
    precision: str
    path: Path
    sha256: Mapping[str, str]
    smaller: Tuple[SmallerNetwork, ...] = ()


@dataclass(frozen=True)
class Score:
    """One measured score: `value` of the `metric` on `frames` frames of `data`, as computed by `engine`.

    `command` repeats the measurement. `input_size`, width and height in pixels, is given where it is not that of the
    bundle's input.
    """

    metric: str
    value: float = setting(help_text="the score", minimum=0, maximum=1)
    data: str = setting(help_text="what it was measured on")
    frames: Optional[int] = setting(None, "how many", minimum=1)
    engine: str = ""
    command: str = ""
    input_size: Optional[Tuple[int, int]] = setting(None, "width and height, pixels", minimum=32, maximum=8192)


@dataclass(frozen=True)
class TrainingData:
    """What the weights were trained on: built data set, split expression, number of frames, and where they started."""

    dataset: str
    split: str
    frames: Optional[int] = None
    initial_weights: str = ""


@dataclass(frozen=True)
class Bundle:
    """A model bundle. `training` is None where it was not recorded."""

    folder: Path
    name: str
    version: str
    input: InputSpec
    labels: LabelSet
    engines: Tuple[EngineFiles, ...]
    license: str
    scores: Tuple[Score, ...] = ()
    training: Optional[TrainingData] = None

    def engine(self, runtime: str) -> Optional[EngineFiles]:
        """The first listed engine of this runtime, or None."""
        return next((engine for engine in self.engines if engine.runtime == runtime), None)

    def input_sizes(self, runtime: str) -> Tuple[Tuple[int, int], ...]:
        """Height and width of each input at which the engine of this runtime can run, largest first."""
        files = self.engine(runtime)
        smaller = files.smaller if files else ()
        return ((self.input.height, self.input.width), *((entry.height, entry.width) for entry in smaller))

    def at_size(self, height: int, width: int) -> Bundle:
        """This bundle with the input (pixels) at which it runs; only engines that have it are left.

        Raises BundleError, naming the sizes that there are, for another one.

        Examples:
            >>> load_bundle("models/tabletop").at_size(240, 320).input.width  # doctest: +SKIP
            320
        """
        if (height, width) == (self.input.height, self.input.width):
            return self
        engines = tuple(
            replace(engine, path=self.folder / entry.path, smaller=())
            for engine in self.engines
            for entry in engine.smaller
            if (entry.height, entry.width) == (height, width)
        )
        if not engines:
            sizes = sorted({size for engine in self.engines for size in self.input_sizes(engine.runtime)}, reverse=True)
            raise BundleError(
                f"{self.folder}: has no network for an input of {width}x{height} pixels; accepted are "
                f"{', '.join(f'{w}x{h}' for h, w in sizes)}. Export it again with --input-sizes."
            )
        return replace(self, input=replace(self.input, height=height, width=width), engines=engines)

    def to_dict(self) -> Dict[str, Any]:
        """The manifest, as `write_bundle` writes and `load_bundle` reads it."""
        return {
            "format": FORMAT,
            "name": self.name,
            "version": self.version,
            "license": self.license,
            "input": plain_values(self.input),
            "labels": self.labels.to_dict(),
            "fingerprint": self.labels.fingerprint,
            "engines": [self._engine_entry(engine) for engine in self.engines],
            "training": plain_values(self.training) if self.training else {},
            "scores": [plain_values(score) for score in self.scores],
        }

    def _engine_entry(self, engine: EngineFiles) -> Dict[str, Any]:
        entry = {**plain_values(replace(engine, smaller=())), "path": _inside(engine.path, self.folder)}
        entry.pop("smaller", None)
        return {**entry, "smaller": [plain_values(network) for network in engine.smaller]} if engine.smaller else entry


def _inside(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder) if path.is_absolute() or folder in path.parents else path)


# Reading.


@dataclass(frozen=True)
class _EngineEntry:
    runtime: str = setting(help_text="what runs it", accepted=RUNTIMES)
    precision: str = setting(help_text="of the weights")
    path: str = setting(help_text="file or folder inside the bundle")
    sha256: Mapping[str, str] = setting(help_text="the hash of each file")
    smaller: Tuple[SmallerNetwork, ...] = ()


@dataclass(frozen=True)
class _Manifest:
    format: int
    name: str
    version: str
    license: str
    input: InputSpec
    labels: Mapping[str, Any]
    fingerprint: str
    engines: Tuple[_EngineEntry, ...]
    training: Mapping[str, Any] = field(default_factory=dict)
    scores: Tuple[Score, ...] = ()


def _require(condition: bool, message: str) -> None:
    """Messages are built even where they are not shown: they hold no value of unknown size but through `shown`."""
    if not condition:
        raise BundleError(message)


def _check_input(spec: InputSpec, where: str) -> None:
    _require(all(value > 0 for value in spec.std), f"{where}: std {list(spec.std)} must be above 0")
    reach = spec.depth_range
    if not spec.with_depth:
        words = reach and list(reach)
        _require(reach is None, f"{where}: depth_range {words} is for channels rgbd, but channels are rgb")
    elif reach is None or not 0 < reach[0] < reach[1]:
        raise BundleError(
            f"{where}: depth_range {reach and list(reach)} must be two numbers, the minimum and maximum reading "
            "in metres"
        )


def _engine_files(entry: _EngineEntry, folder: Path, where: str) -> EngineFiles:
    _require(bool(entry.sha256), f"{where}: sha256 must map each file to its hash")
    for network in entry.smaller:
        _require(network.path in entry.sha256, f"{where}: sha256 has no hash of the file {shown(network.path)}")
    for name in [entry.path, *entry.sha256]:
        _require(
            not Path(name).is_absolute() and ".." not in Path(name).parts,
            f"{where}: file {shown(name)} must be a path inside the bundle",
        )
    return EngineFiles(entry.runtime, entry.precision, folder / entry.path, dict(entry.sha256), entry.smaller)


def load_bundle(folder: Union[str, Path]) -> Bundle:
    """Read and check a bundle's manifest; `folder` may be the name of a known bundle, see `find_bundle`.

    Model files are hashed by `verify_files` when an engine opens them.

    Raises BundleError, naming file, key and value, for a missing folder or manifest, an unknown key, a wrong type,
    or a label set whose fingerprint is not the recorded one.

    Examples:
        >>> bundle = load_bundle("tabletop")
        >>> bundle.labels.names
        ['background', 'peg', 'block', 'plate', 'hole', 'clutter']
        >>> bundle.input.height, bundle.input.width, bundle.input.channels
        (480, 640, 'rgb')
    """
    folder = find_bundle(folder)
    _require(
        folder.is_dir(),
        f"{folder}: no such model bundle; accepted are a folder that contains {MANIFEST} and the names "
        f"{', '.join(known_bundles())}",
    )
    manifest = folder / MANIFEST
    _require(manifest.is_file(), f"{manifest}: not found, so {folder} is not a model bundle. Make one with 'export'.")
    data, where = read_yaml(manifest, BundleError), str(manifest)
    # Before the keys: those of another format are not known here.
    if isinstance(data, Mapping) and "format" in data:
        _require(
            type(data["format"]) is int and data["format"] == FORMAT,
            f"{where}: format {shown(data['format'])}; this version reads format {FORMAT}. Export the model again, or "
            "use the version of rt_seg that wrote it.",
        )
    found = read_settings(_Manifest, data, where, BundleError)
    try:
        labels = labels_from_dict(found.labels, f"{where}: labels")
    except LabelError as error:
        raise BundleError(str(error)) from error
    _require(
        found.fingerprint == labels.fingerprint,
        f"{where}: fingerprint {found.fingerprint[:12]}… does not belong to the labels in this file "
        f"({labels.fingerprint[:12]}…): the class list was edited after the export. Export the model again.",
    )
    _require(bool(found.engines), f"{where}: engines must list at least one")
    _check_input(found.input, f"{where}: input")
    engines = (_engine_files(entry, folder, f"{where}: engines[{i}]") for i, entry in enumerate(found.engines))
    training = None
    if found.training:
        training = read_settings(TrainingData, found.training, f"{where}: training", BundleError)
    return Bundle(
        folder=folder,
        name=found.name,
        version=found.version,
        input=found.input,
        labels=labels,
        engines=tuple(engines),
        license=found.license,
        scores=found.scores,
        training=training,
    )


# Writing.


def engine_files(runtime: str, precision: str, path: str, folder: Path, files: Iterable[str]) -> EngineFiles:
    """The entry of an export format, with the SHA-256 of its files; all names are relative to `folder`."""
    return EngineFiles(runtime, precision, folder / path, {name: file_sha256(folder / name) for name in files})


def write_bundle(bundle: Bundle) -> None:
    """Write the manifest into the bundle's folder; atomic. Raises OSError."""
    write_atomically(bundle.folder / MANIFEST, dump_yaml(bundle.to_dict()))


# Files.


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def verify_files(engine: EngineFiles, folder: Path) -> None:
    """Compare each file of `engine` with its recorded SHA-256. Raises BundleError naming the first that differs."""
    for name, expected in engine.sha256.items():
        path = folder / name
        _require(path.is_file(), f"{path}: the bundle lists this file, but it is missing. Copy the whole bundle again.")
        actual = file_sha256(path)
        _require(
            actual == expected,
            f"{path}: SHA-256 is {actual[:12]}…, but {MANIFEST} says {expected[:12]}…. "
            "The file was changed or copied incompletely; export the model again or restore the file.",
        )
