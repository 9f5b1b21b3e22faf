"""The state of a training run in one file, from which it continues as if it had never stopped."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import keras
import numpy as np

from rt_seg.atomic_file import atomic_file
from rt_seg_training.runs.run_folder import RunFolder


class CheckpointError(ValueError):
    """A checkpoint is damaged, or of another network or optimizer."""


@dataclass
class Progress:
    """How far a run is. `position` is that of the next image in the endless training order (see data_order)."""

    step: int = 0
    position: int = 0
    loss_sum: float = 0.0
    loss_steps: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


def _variables(model: keras.Model) -> dict[str, keras.Variable]:
    """All that a step changes: weights, statistics, random states, and the optimizer's slots, averages and counter."""
    # Keras numbers the names of layers and optimizers through a process, so only their order stays the same.
    named = {f"model/{index}": variable for index, variable in enumerate(model.variables)}
    optimizer = type(model.optimizer).__name__
    return named | {f"{optimizer}/{index}": variable for index, variable in enumerate(model.optimizer.variables)}


@contextmanager
def saved_file(path: Path, ending: str = "") -> Iterator[Path]:
    """As rt_seg.atomic_file.atomic_file; OSError says what is kept."""
    try:
        with atomic_file(path, ending) as unfinished:
            yield unfinished
    except (OSError, RuntimeError) as error:  # HDF5 reports a full disk as either
        reason = getattr(error, "strerror", None) or error
        kept = "the previous file is kept" if path.exists() else "there was no previous file"
        raise OSError(f"{path}: cannot be saved: {reason}; {kept}") from error


def save_checkpoint(run: Path, model: keras.Model, progress: Progress) -> None:
    """Write the state of `model`, its optimizer and the run; atomic. Raises OSError, the old checkpoint is kept."""
    arrays = {name: keras.ops.convert_to_numpy(variable.value) for name, variable in _variables(model).items()}

    with saved_file(RunFolder(run).checkpoint) as unfinished, unfinished.open("wb") as stream:
        np.savez(stream, progress=np.frombuffer(json.dumps(asdict(progress)).encode(), np.uint8), **arrays)


def save_weights(model: keras.Model, path: Path) -> None:
    """Save the weights alone, atomic. Raises OSError, the old file is kept."""
    # Keras insists on the ending, by which it knows the format.
    with saved_file(path, ".weights.h5") as unfinished:
        model.save_weights(unfinished)


def stored_progress(run: Path) -> Progress | None:
    """How far the state in the run folder is; None if there is none. Raises CheckpointError if it cannot be read."""
    path = RunFolder(run).checkpoint
    return _read(path, progress_only=True)[0] if path.is_file() else None


def _read(path: Path, progress_only: bool = False) -> tuple[Progress, dict[str, np.ndarray]]:
    try:
        with np.load(path) as file:
            progress = Progress(**json.loads(file["progress"].tobytes()))
            names = [] if progress_only else [name for name in file.files if name != "progress"]
            return progress, {name: file[name] for name in names}
    # An empty file is an EOFError, and one of another kind may be an array without names.
    except (OSError, EOFError, ValueError, KeyError, TypeError, IndexError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{path}: cannot be read: {error}; delete it to train from the start") from error


def load_checkpoint(run: Path, model: keras.Model) -> Progress | None:
    """Give `model` and its optimizer the state in the run folder, and return the progress; None if there is no state.

    Raises CheckpointError for a file that cannot be read or does not fit; the model is then as it was.
    """
    path = RunFolder(run).checkpoint
    if not path.is_file():
        return None
    progress, arrays = _read(path)
    variables = _variables(model)
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    differences = shapes.items() ^ {name: array.shape for name, array in arrays.items()}.items()
    if differences:
        name = min(difference[0] for difference in differences)
        raise CheckpointError(
            f"{path}: is from a different network, head or optimizer ({name} differs); name another folder with --run, "
            "or train with the settings of the run"
        )
    for name, variable in variables.items():
        variable.assign(arrays[name])
    return progress
