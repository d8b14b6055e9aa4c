"""Tensors out of a PyTorch file of the format before 1.6, without PyTorch and without running what a pickle says.

The format: four pickles (a magic number, the version, the writer's machine, the state dict, in which a tensor is a view
of a storage named by a persistent id), a fifth with the storages' order, then each storage as a count and raw numbers.
"""

import pickle
from collections import OrderedDict
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

_MAGIC = 0x1950A86A20F9469CFC6C
_TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


@dataclass
class _View:
    key: str
    dtype: np.dtype
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _view(storage, offset, shape, strides, *_) -> _View:
    return _View(storage[2], storage[1], offset, tuple(shape), tuple(strides))


class _TensorsOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _view
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        raise ValueError(f"it asks for {module}.{name}, which is no tensor")

    def persistent_load(self, pid: Any) -> Any:
        return pid


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """The state dict of a PyTorch file.

    Args:
        path: a file as ``torch.save`` wrote it before PyTorch 1.6; its tensors float32 or int64.

    Returns:
        name -> array in the tensor's own shape. A tensor may be a transposed view of its storage; strides are heeded.

    Raises:
        ValueError: for another format, a truncated file, or one that holds anything but tensors; names the file.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except (ValueError, TypeError, LookupError, EOFError, AttributeError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} is no file of tensors in PyTorch's format before 1.6: {error}.") from error


def _read(file: BinaryIO) -> dict[str, np.ndarray]:
    magic, _, _, state, order = (_TensorsOnly(file).load() for _ in range(5))
    if magic != _MAGIC:
        raise ValueError("it begins otherwise")
    types = {view.key: view.dtype for view in state.values()}
    storages = {}
    for key in order:
        count = int.from_bytes(file.read(8), "little")
        content = file.read(count * types[key].itemsize)
        storages[key] = np.frombuffer(content, types[key])
        if len(storages[key]) != count:
            raise ValueError("it is truncated")
    found = {}
    for name, view in state.items():
        storage = storages[view.key]
        last = view.offset + sum(stride * (n - 1) for stride, n in zip(view.strides, view.shape, strict=True))
        if prod(view.shape) and not 0 <= view.offset <= last < len(storage):
            raise ValueError(f"{name} lies outside its storage")
        steps = [stride * view.dtype.itemsize for stride in view.strides]
        found[name] = np.lib.stride_tricks.as_strided(storage[view.offset :], view.shape, steps).copy()
    return found
