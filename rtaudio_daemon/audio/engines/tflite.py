"""TensorFlow Lite as contained in the package pyopen-wakeword, called through its C functions.

The package itself runs a model every 80 ms and without XNNPACK, which costs ten times as much.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_LIBRARY = "lib/libtensorflowlite_c.so"
_FLOAT32 = 1
_DIMENSIONS_MOST = 8


class Library:
    """The C library, and the models that come with it.

    Raises ImportError or OSError if pyopen-wakeword is missing or does not run.
    """

    def __init__(self) -> None:
        import pyopen_wakeword
        from pyopen_wakeword.wakeword import TfLiteWakeWord

        self._folder = Path(pyopen_wakeword.__file__).parent
        self.c: Any = TfLiteWakeWord(self._folder / _LIBRARY).lib
        """Its functions."""
        pointer = ctypes.c_void_p
        for name, result, *arguments in (
            ("TfLiteInterpreterOptionsCreate", pointer),
            ("TfLiteInterpreterOptionsAddDelegate", None, pointer, pointer),
            ("TfLiteInterpreterOptionsDelete", None, pointer),
            ("TfLiteXNNPackDelegateCreate", pointer, pointer),
            ("TfLiteXNNPackDelegateDelete", None, pointer),
        ):
            function = getattr(self.c, name)
            function.restype, function.argtypes = result, arguments

    def shipped(self, name: str) -> Path:
        """Return the file of a model that comes with the package."""
        return self._folder / "models" / f"{name}.tflite"


class Interpreter:
    """A model with one input and one output of float32.

    `shape`: the input's shape if the file leaves it open. `fast`: use XNNPACK, which costs memory
    and changes the last digits. Raises ValueError if the library refuses the file or it is of
    another kind. A damaged file may end the process.
    """

    def __init__(
        self,
        library: Library,
        path: str | os.PathLike[str],
        shape: Sequence[int] = (),
        *,
        fast: bool,
    ) -> None:
        self._c = c = library.c
        self._name = os.path.basename(path)
        self._model = self._options = self._delegate = self._interpreter = None
        self._model = c.TfLiteModelCreateFromFile(os.fsencode(path))
        if not self._model:
            raise ValueError(f"{self._name} is no model of TensorFlow Lite")
        if fast:
            self._options = c.TfLiteInterpreterOptionsCreate()
            self._delegate = c.TfLiteXNNPackDelegateCreate(None)
            c.TfLiteInterpreterOptionsAddDelegate(self._options, self._delegate)
        self._interpreter = c.TfLiteInterpreterCreate(self._model, self._options)
        if not self._interpreter:
            raise ValueError(f"{self._name} has parts that this library does not know")
        if shape:
            dimensions = (ctypes.c_int32 * len(shape))(*shape)
            self._must(
                c.TfLiteInterpreterResizeInputTensor(self._interpreter, 0, dimensions, len(shape))
            )
        self._must(c.TfLiteInterpreterAllocateTensors(self._interpreter))
        self._input = c.TfLiteInterpreterGetInputTensor(self._interpreter, 0)
        self._output = c.TfLiteInterpreterGetOutputTensor(self._interpreter, 0)
        if any(c.TfLiteTensorType(each) != _FLOAT32 for each in (self._input, self._output)):
            raise ValueError(f"{self._name} is a model for other numbers than float32")

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the input."""
        count = min(self._c.TfLiteTensorNumDims(self._input), _DIMENSIONS_MOST)
        return tuple(self._c.TfLiteTensorDim(self._input, i) for i in range(count))

    def run(self, values: Floats) -> Floats:
        """Return the output, flattened, for an input with as many values as `shape` has."""
        c, given = self._c, np.ascontiguousarray(values, dtype=np.float32)
        self._must(c.TfLiteTensorCopyFromBuffer(self._input, given.ctypes.data, given.nbytes))
        self._must(c.TfLiteInterpreterInvoke(self._interpreter))
        found = np.empty(c.TfLiteTensorByteSize(self._output) // 4, dtype=np.float32)
        self._must(c.TfLiteTensorCopyToBuffer(self._output, found.ctypes.data, found.nbytes))
        return found

    def _must(self, status: int) -> None:
        if status:
            raise ValueError(f"{self._name} cannot be run by TensorFlow Lite")

    def __del__(self) -> None:
        for delete, what in (
            ("TfLiteInterpreterDelete", self._interpreter),
            ("TfLiteInterpreterOptionsDelete", self._options),
            ("TfLiteXNNPackDelegateDelete", self._delegate),
            ("TfLiteModelDelete", self._model),
        ):
            if what:
                getattr(self._c, delete)(what)
