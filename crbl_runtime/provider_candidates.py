"""Which execution providers are tried, in which order, for what a user asked for."""

from crbl_runtime import onnxruntime_boundary
from crbl_runtime.errors import UnavailableError, UsageError, first_line
from crbl_runtime.execution_provider import Provider, require_known
from crbl_runtime.options import AUTOMATIC, EXECUTION_PROVIDERS

REMEDIES = {
    "directml": "On Windows install crbl with the extra windowsml or directml, and make sure that no other onnxruntime,"
    " which overwrites its files, is installed beside it.",
    "cuda": "Install crbl with the extra cuda, in place of another onnxruntime.",
    "openvino": "Install crbl with the extra openvino, in place of another onnxruntime.",
}


def candidate_providers(kind: str, device_index: int, threads: int) -> list[Provider]:
    """The providers to try, best first.

    Args:
        kind: "auto" or "fastest" (all of `options.AUTOMATIC` that this onnxruntime has), or a provider by name.
        device_index: of a GPU. threads: of the CPU.

    Raises:
        UsageError: the kind is unknown, or the index is negative.
        UnavailableError: this onnxruntime has no such provider.
    """
    if device_index < 0:
        raise UsageError(f"The device index is {device_index}, expected the number of an adapter, from 0.")
    require_known(kind)
    present = _present()
    if kind in ("auto", "fastest"):
        return [_provider(name, device_index, threads) for name in AUTOMATIC if name in present]
    if kind in EXECUTION_PROVIDERS and kind not in present:
        remedy = REMEDIES.get(kind, "Install onnxruntime again.")
        raise UnavailableError(f"This onnxruntime has no {kind} provider (it has: {', '.join(present)}). {remedy}")
    return [_provider(kind, device_index, threads)]


def providers_here() -> tuple[str, ...]:
    """The CPU, and the other providers of this onnxruntime, best first."""
    return ("cpu", *(kind for kind in _present() if kind != "cpu"))


def register_execution_provider(name: str, library: str) -> None:
    """Load a library of execution providers, such as a vendor's for Windows ML, into this process.

    Nothing is downloaded. Afterwards `Detector(path, "windowsml:NAME")` runs on the provider of that name.

    Args:
        name: what to register it as; onnxruntime asks for the provider's own name. library: its path.

    Raises:
        UnavailableError: onnxruntime cannot load it, or is too old for it.
    """
    try:
        onnxruntime_boundary.register_library(name, library)
    except Exception as error:  # onnxruntime's own types share no base but Exception
        raise UnavailableError(
            f"onnxruntime {onnxruntime_boundary.VERSION} cannot load the execution provider {name} from {library} "
            f"({first_line(error)}). It takes onnxruntime 1.23 or newer and a library made for it."
        ) from error


def _present() -> list[str]:
    """Those that this onnxruntime was built with, best first."""
    available = onnxruntime_boundary.built_in_providers()
    return [kind for kind, name in EXECUTION_PROVIDERS.items() if name in available]


def _provider(kind: str, device_index: int, threads: int) -> Provider:
    return Provider(kind, threads=threads) if kind == "cpu" else Provider(kind, device_index)
