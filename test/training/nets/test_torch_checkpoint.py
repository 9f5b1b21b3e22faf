"""The reader of PyTorch checkpoints: tensors come out, and nothing that the file names is run."""

import collections
import io
import os
import pickle
import struct
import sys
import types

import numpy as np
import pytest

from rt_seg_training.nets.torch_checkpoint import (
    MAGIC_NUMBER,
    PROTOCOL_VERSION,
    TorchCheckpointError,
    read_torch_checkpoint,
)


class _Tensor:
    def __init__(self, rebuild, *arguments):
        self.rebuild, self.arguments = rebuild, arguments

    def __reduce__(self):
        return self.rebuild, self.arguments


def _torch(monkeypatch):
    """A module `torch` with the names that a checkpoint holds, for pickle to write them."""
    torch, utilities = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def _rebuild_tensor_v2(*arguments):
        raise AssertionError("a reader without PyTorch does not call this")

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utilities._rebuild_tensor_v2 = _rebuild_tensor_v2
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})
    torch._utils = utilities
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utilities)
    return torch


class _Storage:
    def __init__(self, kind, key, values):
        self.pid = ("storage", kind, key, "cpu", len(values), None)
        self.values = values


class _Pickler(pickle.Pickler):
    def persistent_id(self, value):
        return value.pid if isinstance(value, _Storage) else None


def _write(path, content, storages):
    stream = io.BytesIO()
    for value in (MAGIC_NUMBER, PROTOCOL_VERSION, {"little_endian": True, "protocol_version": PROTOCOL_VERSION}):
        pickle.dump(value, stream, protocol=2)
    _Pickler(stream, protocol=2).dump(content)
    pickle.dump([storage.pid[2] for storage in storages], stream, protocol=2)
    for storage in storages:
        stream.write(struct.pack("<q", len(storage.values)) + np.asarray(storage.values, "<f4").tobytes())
    path.write_bytes(stream.getvalue())
    return path


def _checkpoint(monkeypatch, path, size=(2, 3), stride=(3, 1), offset=1):
    torch = _torch(monkeypatch)
    storage = _Storage(torch.FloatStorage, "7", np.arange(8))
    tensor = _Tensor(torch._utils._rebuild_tensor_v2, storage, offset, size, stride, False, collections.OrderedDict())
    return _write(path, collections.OrderedDict(kernel=tensor), [storage])


def test_a_tensor_has_the_values_of_its_offset_size_and_strides(tmp_path, monkeypatch):
    file = _checkpoint(monkeypatch, tmp_path / "a.pth")
    np.testing.assert_array_equal(read_torch_checkpoint(file)["kernel"], [[1, 2, 3], [4, 5, 6]])
    transposed = _checkpoint(monkeypatch, tmp_path / "b.pth", (3, 2), (1, 3))
    np.testing.assert_array_equal(read_torch_checkpoint(transposed)["kernel"], [[1, 4], [2, 5], [3, 6]])


def test_a_file_that_names_a_function_is_refused_and_the_function_not_called(tmp_path):
    ran = tmp_path / "ran"
    file = _write(tmp_path / "evil.pth", {"kernel": _Tensor(os.mkdir, str(ran))}, [])
    with pytest.raises(TorchCheckpointError, match=r"evil\.pth: the file names posix\.mkdir"):
        read_torch_checkpoint(file)
    assert not ran.exists()


def test_a_tensor_that_reaches_beyond_its_values_is_refused(tmp_path, monkeypatch):
    with pytest.raises(TorchCheckpointError, match="reaches beyond its 8 values"):
        read_torch_checkpoint(_checkpoint(monkeypatch, tmp_path / "a.pth", (2, 4), (4, 1)))
    with pytest.raises(TorchCheckpointError, match="not supported"):
        read_torch_checkpoint(_checkpoint(monkeypatch, tmp_path / "b.pth", (2, 3), (-3, 1)))


@pytest.mark.parametrize("length", [0, 3, 100, -4])
def test_a_file_cut_short_or_of_another_kind_is_named(tmp_path, monkeypatch, length):
    file = _checkpoint(monkeypatch, tmp_path / "cut.pth")
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(TorchCheckpointError, match=r"cut\.pth"):
        read_torch_checkpoint(file)
    file.write_bytes(b"no checkpoint at all")
    with pytest.raises(TorchCheckpointError, match=r"cut\.pth"):
        read_torch_checkpoint(file)
