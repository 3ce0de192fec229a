"""Files that torch.save wrote, read without running code that is in them."""

import argparse
import contextlib
import re
import warnings
from pathlib import Path
from typing import Any

import torch

from crbl_runtime.errors import CheckpointError, UnavailableError, first_line

FIRST_SAFE_TORCH = (2, 6)


class _NotRead:
    """Stands in for an object beside the tensors, such as a metric that NumPy computed: nothing of it is kept."""

    def __init__(self, *arguments: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


# What training programs keep beside the tensors. Only the options of argparse are read: they may name the network.
_OPTIONS = (argparse.Namespace, "argparse.Namespace")
_NOT_READ = (
    "numpy.dtype", "numpy.ndarray",
    # NumPy 2 and NumPy 1.
    "numpy._core.multiarray.scalar", "numpy._core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar", "numpy.core.multiarray._reconstruct",
    # Before, in and after Python 3.13.
    "pathlib.PosixPath", "pathlib.WindowsPath", "pathlib._local.PosixPath", "pathlib._local.WindowsPath",
)  # fmt: skip


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
    known: list[Any] = [_OPTIONS, *((_NotRead, name) for name in _NOT_READ)]
    # Older versions, which have no such list or take no names in it, refuse such objects.
    context = torch.serialization.safe_globals(known) if installed >= FIRST_SAFE_TORCH else contextlib.nullcontext()
    try:
        with context, warnings.catch_warnings():
            # What it says about pickles that torch.save did not write, the error says.
            warnings.filterwarnings("ignore", "Detected pickle protocol")
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
