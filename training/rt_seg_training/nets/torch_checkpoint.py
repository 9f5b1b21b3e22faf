"""Read tensors from a PyTorch checkpoint file, without PyTorch and without executing code from the file.

A checkpoint is a pickle, and a pickle can call any function. The reader here admits the few names that a plain
dictionary of tensors needs, and refuses a file that names anything else. Format: torch/serialization.py,
`_legacy_save` (files of PyTorch before 1.6): four pickles, the keys of the storages, then each storage as an int64
count and little-endian values.
"""

from __future__ import annotations

import collections
import io
import pickle
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001
_STORAGES = {"FloatStorage": np.dtype("<f4"), "HalfStorage": np.dtype("<f2"), "LongStorage": np.dtype("<i8")}


class TorchCheckpointError(ValueError):
    """The file is no checkpoint of this format, or holds something other than tensors."""


class _Storage:
    """The flat values of one or several tensors, filled after the tensors that refer to it have been made."""

    def __init__(self, dtype: np.dtype, count: int) -> None:
        self.dtype, self.count = dtype, count
        self.values = np.empty(0, dtype)


class _Tensor:
    """What a tensor takes of its storage: offset, size and stride count elements."""

    def __init__(self, storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> None:
        self.storage, self.offset, self.size, self.stride = storage, offset, size, stride

    def array(self) -> np.ndarray:
        """The values, a copy. Raises TorchCheckpointError where they reach beyond the storage."""
        storage, offset, size, stride = self.storage, self.offset, self.size, self.stride
        numbers = [offset, *size, *stride] if isinstance(size, tuple) and isinstance(stride, tuple) else [None]
        if (
            not isinstance(storage, _Storage)
            or len(size) != len(stride)
            or not all(type(number) is int and number >= 0 for number in numbers)
        ):
            raise TorchCheckpointError(f"a tensor of size {size!r} and stride {stride!r} is not supported")
        last = offset + sum((count - 1) * step for count, step in zip(size, stride))
        if 0 not in size and last >= len(storage.values):
            raise TorchCheckpointError(f"a tensor of size {size} reaches beyond its {len(storage.values)} values")
        steps = [step * storage.dtype.itemsize for step in stride]
        return np.lib.stride_tricks.as_strided(storage.values[offset:], size, steps).copy()


class _TensorsOnly(pickle.Unpickler):
    """An unpickler that knows dictionaries, numbers, text and tensors."""

    def __init__(self, stream: BinaryIO, storages: dict[str, _Storage]) -> None:
        super().__init__(stream, encoding="utf-8")
        self.storages = storages

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        raise TorchCheckpointError(
            f"the file names {module}.{name}, which a dictionary of tensors does not need: refused"
        )

    def persistent_load(self, pid: Any) -> _Storage:
        if not (isinstance(pid, tuple) and len(pid) == 6 and pid[0] == "storage" and isinstance(pid[1], np.dtype)):
            raise TorchCheckpointError(f"the file refers to {pid!r}, which is not a tensor storage")
        _, dtype, key, _, count, view = pid
        if view is not None:
            raise TorchCheckpointError("the file holds storage views, which are not supported")
        return self.storages.setdefault(str(key), _Storage(dtype, int(count)))


def read_torch_checkpoint(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a checkpoint by name, float32, float16 or int64.

    Raises TorchCheckpointError for another format or for anything but a dictionary of tensors, OSError.
    """
    stream = io.BytesIO(path.read_bytes())
    storages: dict[str, _Storage] = {}

    def load() -> Any:
        return _TensorsOnly(stream, storages).load()

    try:
        if load() != MAGIC_NUMBER or load() != PROTOCOL_VERSION:
            raise TorchCheckpointError("another format than that of PyTorch before 1.6")
        system = load()
        if not isinstance(system, dict) or system.get("little_endian") is not True:
            raise TorchCheckpointError("values are not little-endian")
        tensors = load()
        if not isinstance(tensors, dict) or not all(isinstance(value, _Tensor) for value in tensors.values()):
            raise TorchCheckpointError("not a dictionary of tensors")
        for key in load():
            storage = storages[str(key)]
            (count,) = struct.unpack("<q", stream.read(8))
            if count != storage.count:
                raise TorchCheckpointError(f"storage {key} has {count} values, but {storage.count} were declared")
            content = stream.read(count * storage.dtype.itemsize)
            storage.values = np.frombuffer(content, storage.dtype)
            if len(storage.values) != count:
                raise TorchCheckpointError("the file is truncated")
        return {str(name): tensor.array() for name, tensor in tensors.items()}
    except TorchCheckpointError as error:
        raise TorchCheckpointError(f"{path}: {error}") from None
    except (
        pickle.UnpicklingError,
        EOFError,
        KeyError,
        TypeError,
        ValueError,
        struct.error,
        AttributeError,
        IndexError,
        ImportError,
    ) as error:
        raise TorchCheckpointError(f"{path}: not a PyTorch checkpoint that can be read: {error}") from error
