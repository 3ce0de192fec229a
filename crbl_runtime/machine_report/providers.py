"""The execution providers of this onnxruntime, each tried, against the graphics adapters that are there."""

from collections.abc import Mapping, Sequence

from crbl_runtime.adapters.adapter import Listed
from crbl_runtime.installation import DEPENDENCIES, ONNXRUNTIME_OF_EXTRA, installed_distributions, reinstalled
from crbl_runtime.machine_report.finding import PURPOSES, Finding
from crbl_runtime.provider_trial import TriedProvider

# What computes on an adapter of each kind, and the extra that has it.
EXTRAS = {"directml": "windowsml", "cuda": "cuda"}
REMEDIES = {
    "directml": "Update the graphics driver: start ms-settings:windowsupdate-optionalupdates",
    "cuda": "Update the NVIDIA driver, and install the CUDA and the cuDNN that this onnxruntime-gpu was built for.",
}
UNTIL_THEN = "Do what the reason says. Until then the CPU is used; --provider cpu leaves out the attempt."


def provider_findings(tried: Sequence[TriedProvider], adapters: Mapping[str, Listed]) -> tuple[Finding, ...]:
    """About providers that do not work, and about cards that no provider of this onnxruntime uses.

    Without the CPU, which every other provider falls back to, nothing works.
    """
    installed = installed_distributions(DEPENDENCIES["onnxruntime"])
    failed = [_failed(each, each.reason, installed) for each in tried if each.reason is not None]
    unused = _unused_card({each.kind for each in tried}, installed, adapters)
    return (*failed, *([] if unused is None else [unused]))


def _failed(provider: TriedProvider, reason: str, installed: Sequence[str]) -> Finding:
    text = f"The provider {provider.kind} does not work: {reason}"
    if provider.kind == "cpu":
        wanted = installed[0] if installed else ONNXRUNTIME_OF_EXTRA["cpu"]
        return Finding("cpu", text, reinstalled(installed, wanted), PURPOSES)
    return Finding(provider.kind, text, (REMEDIES.get(provider.kind, UNTIL_THEN),))


def _unused_card(present: set[str], installed: Sequence[str], adapters: Mapping[str, Listed]) -> Finding | None:
    """A card that could be used with another onnxruntime than the plain one, which has the CPU alone."""
    if present != {"cpu"} or any(name != ONNXRUNTIME_OF_EXTRA["cpu"] for name in installed):
        return None
    for kind, extra in EXTRAS.items():
        usable = [adapter.name for adapter in adapters[kind].adapters if adapter.reason is None]
        if usable:
            wanted = ONNXRUNTIME_OF_EXTRA[extra]
            text = f"Plain onnxruntime computes on the CPU alone. {wanted} would use {', '.join(usable)}."
            return Finding("onnxruntime", text, reinstalled(installed, wanted))
    return None
