"""Which execution providers are tried, in which order, for what a user asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

from crbl_runtime import onnxruntime_boundary
from crbl_runtime.errors import UnavailableError, UsageError, first_line
from crbl_runtime.execution_provider import Provider, require_known
from crbl_runtime.options import AUTOMATIC, EXECUTION_PROVIDERS

# Whose adapters have names that `adapters` knows.
WITH_ADAPTERS = ("directml", "cuda")
REMEDIES = {
    "directml": "On Windows install crbl with the extra windowsml or directml, and make sure that no other onnxruntime,"
    " which overwrites its files, is installed beside it.",
    "cuda": "Install crbl with the extra cuda, in place of another onnxruntime.",
    "openvino": "Install crbl with the extra openvino, in place of another onnxruntime.",
}


@dataclass(frozen=True)
class Candidates:
    """The providers to try, best first, and why others cannot be tried, a sentence each."""

    providers: tuple[Provider, ...]
    rejected: tuple[str, ...] = ()


def candidate_providers(kind: str, device_index: int, threads: int, adapter: str | None = None) -> Candidates:
    """The providers to try.

    Args:
        kind: "auto" or "fastest" (all of `options.AUTOMATIC` that this onnxruntime has), or a provider by name.
        device_index: of a GPU. threads: of the CPU. adapter: in place of the index, a part of the adapter's name.

    Raises:
        UsageError: the kind is unknown, or the index is negative, or given beside an adapter.
        UnavailableError: this onnxruntime has no such provider, or there is no such adapter.
    """
    if device_index < 0:
        raise UsageError(f"The device index is {device_index}, expected the number of an adapter, from 0.")
    if adapter is not None and device_index:
        raise UsageError(f"Both the device index {device_index} and the adapter {adapter!r} were given, expected one.")
    require_known(kind)
    present = _present()
    if kind in ("auto", "fastest"):
        kinds = [name for name in AUTOMATIC if name in present]
        return _on_adapter(kinds, threads, adapter) if adapter else _candidates(kinds, device_index, threads)
    if kind in EXECUTION_PROVIDERS and kind not in present:
        remedy = REMEDIES.get(kind, "Install onnxruntime again.")
        raise UnavailableError(f"This onnxruntime has no {kind} provider (it has: {', '.join(present)}). {remedy}")
    if adapter is not None:
        if kind not in WITH_ADAPTERS:
            raise UsageError(f"The provider {kind} has no adapters with names. Leave the adapter {adapter!r} out.")
        return Candidates((Provider(kind, _index_of(adapter, kind)),))
    return _candidates([kind], device_index, threads)


def _candidates(kinds: Sequence[str], device_index: int, threads: int) -> Candidates:
    return Candidates(tuple(_provider(kind, device_index, threads) for kind in kinds))


def _on_adapter(kinds: Sequence[str], threads: int, adapter: str) -> Candidates:
    """Each kind that has such an adapter, then the CPU; where none has, it is an error: the name may be mistyped."""
    providers: list[Provider] = []
    rejected: list[str] = []
    for kind in (kind for kind in kinds if kind in WITH_ADAPTERS):
        try:
            providers.append(Provider(kind, _index_of(adapter, kind)))
        except UnavailableError as error:
            rejected.append(str(error))
    if not providers:
        none = f"This onnxruntime has no provider that runs on adapters, so that {adapter!r} cannot be used."
        raise UnavailableError(" ".join(rejected) or none)
    return Candidates((*providers, Provider("cpu", threads=threads)), tuple(rejected))


def _index_of(adapter: str, kind: str) -> int:
    from crbl_runtime.adapters import adapter_named, adapters  # Only here: it asks other programs.

    return adapter_named(adapter, kind, adapters()).index


def providers_here() -> tuple[str, ...]:
    """The CPU, and the other providers of this onnxruntime, best first."""
    return ("cpu", *(kind for kind in _present() if kind != "cpu"))


def register_execution_provider(name: str, library: str) -> None:
    """Load a library of execution providers, such as a vendor's for Windows ML, into this process.

    Nothing is downloaded. Afterwards `Detector(path, "windowsml:NAME")` runs on the provider of that name.

    Args:
        name: what to register it as; onnxruntime asks for the provider's own name.
        library: its path.

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
