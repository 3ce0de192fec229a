"""Which device trains: DirectML before CUDA before the CPU, and why a better one was rejected."""

import importlib.util
from dataclasses import dataclass
from subprocess import TimeoutExpired
from types import ModuleType

import torch

from crbl_runtime.answer_of_process import ANSWER, NoAnswerError, answer_of_process
from crbl_runtime.counted import counted
from crbl_runtime.errors import UnavailableError, UsageError
from crbl_training.options import DEVICE_KINDS, NO_TILED_RESOURCES

PROBE_SECONDS = 90
NO_SWITCH = (
    f"this torch-directml has no disable_tiled_resources, which {NO_TILED_RESOURCES} needs. "
    "Install torch-directml 0.2.5.dev240914, or leave the option out."
)

# With no adapter, or a broken driver, the first use of a DirectML device ends the process: so another process tries.
_DIRECTML_PROBE = """
import json, sys
def answer(**found):
    print("\\n" + sys.argv[3] + json.dumps(found))
try:
    import torch_directml
    if sys.argv[2] == "untiled":
        if not hasattr(torch_directml, "disable_tiled_resources"):
            answer(no_switch=True)
            sys.exit()
        torch_directml.disable_tiled_resources(True)
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
        tiled_resources: False where DirectML was asked to do without them, True everywhere else.
    """

    kind: str
    device_index: int
    name: str
    rejected: tuple[str, ...] = ()
    tiled_resources: bool = True

    @property
    def description(self) -> str:
        """The name, and what the device was asked to do without: for what a run prints and records."""
        return self.name if self.tiled_resources else f"{self.name}, without tiled resources"

    def torch_device(self) -> torch.device:
        """The device for torch.

        Raises:
            UnavailableError: this torch-directml cannot do without tiled resources.
        """
        if self.kind == "directml":
            import torch_directml

            if not self.tiled_resources:
                _disable_tiled_resources(torch_directml)
            device: torch.device = torch_directml.device(self.device_index)
            return device
        return torch.device(self.kind, self.device_index) if self.kind == "cuda" else torch.device("cpu")


def get_device(kind: str = "auto", device_index: int = 0, *, tiled_resources: bool = True) -> torch.device:
    """The best working device for torch, or the one asked for.

    Args:
        kind: "auto" (DirectML before CUDA before the CPU), "directml", "cuda" or "cpu".
        device_index: adapter number, from 0.
        tiled_resources: as for `choose_device`.

    Raises:
        UsageError: the kind is unknown, the index is negative, or the device has no tiled resources to do without.
        UnavailableError: the device asked for is not there or does not work.
    """
    return choose_device(kind, device_index, tiled_resources=tiled_resources).torch_device()


def choose_device(kind: str = "auto", device_index: int = 0, *, tiled_resources: bool = True) -> ChosenDevice:
    """The best working device, or the one asked for.

    Args:
        kind: "auto", "directml", "cuda" or "cpu".
        device_index: adapter number, from 0.
        tiled_resources: False makes torch-directml do without tiled resources, for drivers that compute wrongly with
            them. Other devices have none.

    Raises:
        UsageError: the kind is unknown, the index is negative, or the device has no tiled resources to do without.
        UnavailableError: the device asked for is not there or does not work.
    """
    if kind not in ("auto", *DEVICE_KINDS):
        raise UsageError(f"The device is {kind!r}, expected auto, {', '.join(DEVICE_KINDS)}.")
    if device_index < 0:
        raise UsageError(f"The device index is {device_index}, expected the number of an adapter, from 0.")
    chosen = _best_device(DEVICE_KINDS if kind == "auto" else (kind,), device_index, tiled_resources)
    if not tiled_resources and chosen.kind != "directml":
        rejected = "".join(f" Not used: {reason}" for reason in chosen.rejected)
        raise UsageError(
            f"{NO_TILED_RESOURCES} is for DirectML only, and the device is {chosen.kind}. Leave the option out, or "
            f"give --device directml.{rejected}"
        )
    return chosen


def _best_device(kinds: tuple[str, ...], device_index: int, tiled_resources: bool) -> ChosenDevice:
    rejected: list[str] = []
    for kind in kinds:
        try:
            name = probe_device(kind, device_index, tiled_resources=tiled_resources)
        except UnavailableError as error:
            rejected.append(f"{kind}: {error}")
            continue
        return ChosenDevice(kind, device_index if kind != "cpu" else 0, name, tuple(rejected), tiled_resources)
    raise UnavailableError(f"No such device. {' '.join(rejected)} Use --device auto for the best one that works.")


def probe_device(kind: str, device_index: int = 0, *, tiled_resources: bool = True) -> str:
    """Try a device; what the adapter calls itself.

    Args:
        kind: "directml", "cuda" or "cpu". device_index: adapter number, from 0.
        tiled_resources: False tries DirectML without them.

    Raises:
        UnavailableError: why it cannot be used.
    """
    if kind == "directml":
        return _probe_directml(device_index, tiled_resources)
    return _probe_cuda(device_index) if kind == "cuda" else _probe_cpu()


def _disable_tiled_resources(torch_directml: ModuleType) -> None:
    """Must come before the first tensor on the device: what allocates its memory asks once, when it is made.

    Raises:
        UnavailableError: this torch-directml has no such switch.
    """
    if not hasattr(torch_directml, "disable_tiled_resources"):
        raise UnavailableError(NO_SWITCH)
    torch_directml.disable_tiled_resources(True)


def _probe_directml(device_index: int, tiled_resources: bool) -> str:
    if importlib.util.find_spec("torch_directml") is None:
        raise UnavailableError("torch-directml is not installed (Windows, Python 3.11 or 3.12: extra train-directml).")
    words = (str(device_index), "tiled" if tiled_resources else "untiled", ANSWER)
    try:
        answer = answer_of_process("-c", _DIRECTML_PROBE, *words, seconds=PROBE_SECONDS)
    except TimeoutExpired:
        raise UnavailableError(f"the driver did not answer within {PROBE_SECONDS} s; update it.") from None
    except NoAnswerError as end:
        raise UnavailableError(f"trying it ended the process (code {end.code}); update the graphics driver.") from None
    if "no_switch" in answer:
        raise UnavailableError(NO_SWITCH)
    if "error" in answer:
        raise UnavailableError(f"it cannot be used here ({answer['error']}).")
    return _adapter_name(answer["names"], device_index)


def _probe_cuda(device_index: int) -> str:
    if not torch.cuda.is_available():
        raise UnavailableError("torch sees no CUDA device (no NVIDIA card or driver, or a torch without CUDA).")
    return _adapter_name([torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())], device_index)


def _probe_cpu() -> str:
    return f"CPU, {counted(torch.get_num_threads(), 'thread')}"


def _adapter_name(names: list[str], device_index: int) -> str:
    if not names:
        raise UnavailableError("there is no adapter.")
    if not 0 <= device_index < len(names):
        raise UnavailableError(f"adapter {device_index} was asked for, but there are: {dict(enumerate(names))}.")
    return names[device_index]
