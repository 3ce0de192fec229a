"""Which device trains: DirectML before CUDA before the CPU, and why a better one was rejected."""

import importlib.util
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import torch

from crbl_runtime.errors import UnavailableError, UsageError
from crbl_training.options import DEVICE_KINDS

PROBE_SECONDS = 90
# Before the probe's answer, which what a driver prints may surround.
ANSWER = "crbl: "

# With no adapter, or a broken driver, the first use of a DirectML device ends the process: so another process tries.
_DIRECTML_PROBE = """
import json, sys
def answer(**found):
    print("\\n" + sys.argv[2] + json.dumps(found))
try:
    import torch_directml
    names = [torch_directml.device_name(i).rstrip(chr(0)).strip() for i in range(torch_directml.device_count())]
    index = int(sys.argv[1])
    if 0 <= index < len(names):
        import torch
        device = torch_directml.device(index)
        assert (torch.ones(2).to(device) + 1).to("cpu").sum().item() == 4.0
    answer(names=names)
except Exception as error:
    answer(error=f"{type(error).__name__}: {error}")
"""


@dataclass(frozen=True)
class ChosenDevice:
    """A device that was tried and works.

    Attributes:
        kind: "directml", "cuda" or "cpu". device_index: which adapter of that kind, from 0.
        name: what the adapter calls itself. rejected: for each better kind, why it was not used.
    """

    kind: str
    device_index: int
    name: str
    rejected: tuple[str, ...] = ()

    def torch_device(self) -> torch.device:
        """The device for torch."""
        if self.kind == "directml":
            import torch_directml

            device: torch.device = torch_directml.device(self.device_index)
            return device
        return torch.device(self.kind, self.device_index) if self.kind == "cuda" else torch.device("cpu")


def get_device(kind: str = "auto", device_index: int = 0) -> torch.device:
    """The best working device for torch, or the one asked for. See `choose_device`."""
    return choose_device(kind, device_index).torch_device()


def choose_device(kind: str = "auto", device_index: int = 0) -> ChosenDevice:
    """The best working device, or the one asked for.

    Args:
        kind: "auto", "directml", "cuda" or "cpu". device_index: adapter number, from 0.

    Raises:
        UsageError: the kind is unknown. UnavailableError: the device asked for is not there or does not work.
    """
    if kind not in ("auto", *DEVICE_KINDS):
        raise UsageError(f"The device is {kind!r}, expected auto, {', '.join(DEVICE_KINDS)}.")
    candidates = DEVICE_KINDS if kind == "auto" else (kind,)
    rejected: list[str] = []
    for candidate in candidates:
        try:
            name = probe_device(candidate, device_index)
        except UnavailableError as error:
            rejected.append(f"{candidate}: {error}")
            continue
        return ChosenDevice(candidate, device_index if candidate != "cpu" else 0, name, tuple(rejected))
    raise UnavailableError(f"No such device. {' '.join(rejected)} Use --device auto for the best one that works.")


def probe_device(kind: str, device_index: int = 0) -> str:
    """Try a device; what the adapter calls itself.

    Args:
        kind: "directml", "cuda" or "cpu". device_index: adapter number, from 0.

    Raises:
        UnavailableError: why it cannot be used.
    """
    return _PROBES[kind](device_index)


def _probe_directml(device_index: int) -> str:
    if importlib.util.find_spec("torch_directml") is None:
        raise UnavailableError("torch-directml is not installed (Windows, Python 3.11 or 3.12: extra train-directml).")
    try:
        probe = subprocess.run(
            [sys.executable, "-c", _DIRECTML_PROBE, str(device_index), ANSWER],
            capture_output=True,
            # Drivers write in the system's code page. What of it is not UTF-8 is of no use here, nor an error.
            encoding="utf-8",
            errors="replace",
            timeout=PROBE_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"the driver did not answer within {PROBE_SECONDS} s; update it.") from None
    answer = _answer(probe.stdout)
    if probe.returncode != 0 or answer is None:
        raise UnavailableError(f"trying it ended the process (code {probe.returncode}); update the graphics driver.")
    if "error" in answer:
        raise UnavailableError(f"it cannot be used here ({answer['error']}).")
    return _adapter_name(answer["names"], device_index)


def _answer(output: str) -> dict[str, Any] | None:
    """What the probe found, among whatever the driver printed before or after it; None if it found nothing."""
    lines = [line.removeprefix(ANSWER) for line in output.splitlines() if line.startswith(ANSWER)]
    return json.loads(lines[-1]) if lines else None


def _probe_cuda(device_index: int) -> str:
    if not torch.cuda.is_available():
        raise UnavailableError("torch sees no CUDA device (no NVIDIA card or driver, or a torch without CUDA).")
    return _adapter_name([torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())], device_index)


def _probe_cpu(device_index: int) -> str:
    return f"CPU, {torch.get_num_threads()} threads"


_PROBES = {"directml": _probe_directml, "cuda": _probe_cuda, "cpu": _probe_cpu}


def _adapter_name(names: list[str], device_index: int) -> str:
    if not names:
        raise UnavailableError("there is no adapter.")
    if not 0 <= device_index < len(names):
        raise UnavailableError(f"adapter {device_index} was asked for, but there are: {dict(enumerate(names))}.")
    return names[device_index]
