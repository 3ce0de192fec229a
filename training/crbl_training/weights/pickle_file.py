"""Files that torch.save wrote, read without running code that is in them."""

import argparse
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

from crbl_runtime.errors import CheckpointError, UnavailableError, first_line

FIRST_SAFE_TORCH = (2, 6)

# What training programs keep beside the tensors: options of argparse, and metrics that NumPy computed.
_HARMLESS = (argparse.Namespace, np.dtype, *(type(np.dtype(name)) for name in ("float64", "float32", "int64")))
_NUMPY_SCALAR = np.float64(0).__reduce__()[0]
# NumPy 1 and 2 call the same function by these names.
_NAMES_OF_NUMPY_SCALAR = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")


def read_pth(path: Path, *, trust_pickle: bool = False) -> object:
    """The content of a file of unknown origin that torch.save wrote, with tensors on the CPU.

    Raises:
        UnavailableError: torch is older than 2.6, where even torch.load(weights_only=True) can run code from a hostile
            file (CVE-2025-32434), and `trust_pickle` is not set.
        CheckpointError: the file is damaged, or holds objects whose code would have to be run.
    """
    installed = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
    if installed < FIRST_SAFE_TORCH and not trust_pickle:
        raise UnavailableError(
            f"{path} is a pickle, and torch {torch.__version__} can run code hidden in one (CVE-2025-32434, fixed in "
            "2.6). Use a .safetensors file, or --trust-pickle if you know where the file comes from."
        )
    try:
        if not hasattr(torch.serialization, "safe_globals"):  # before torch 2.5
            return torch.load(path, map_location="cpu", weights_only=True)
        allowed: list[Any] = [*_HARMLESS, *((_NUMPY_SCALAR, name) for name in _NAMES_OF_NUMPY_SCALAR)]
        with torch.serialization.safe_globals(allowed):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever the damaged file provokes
        raise CheckpointError(_reason(path, error)) from error


def _reason(path: Path, error: Exception) -> str:
    foreign = re.search(r"GLOBAL ([\w.]+)", str(error))
    if foreign:
        return (
            f"{path} cannot be read: it holds an object of {foreign[1]}, not only tensors, and reading that would run "
            "its code. Load it where its code is and save only the tensors: "
            'torch.save(model.state_dict(), "weights.pth"), or for a dictionary (a checkpoint of Lightning) '
            'torch.save(checkpoint["state_dict"], "weights.pth").'
        )
    if "Weights only load failed" in str(error):
        return (
            f"{path} cannot be read: it is a pickle that torch.save did not write, or damaged. Load it where it was "
            'made and save its tensors: torch.save(model.state_dict(), "weights.pth").'
        )
    return f"{path} cannot be read, it is damaged ({first_line(error)}). Copy or download it again."
