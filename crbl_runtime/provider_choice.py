"""Which execution provider runs a model: the first one that starts and passes the model file's self-test."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnxruntime

from crbl_runtime.contract import LOGIT_NAME, ModelContract
from crbl_runtime.errors import UnavailableError, WrongResultsError
from crbl_runtime.golden_image import golden_image_difference
from crbl_runtime.model_sessions import ModelSessions
from crbl_runtime.self_test import self_test_images
from crbl_runtime.session import Provider


@dataclass(frozen=True)
class ProviderReport:
    """Where a model runs, and whether it can decide there as where it was exported.

    Attributes:
        provider: the chosen one. rejected: why each one tried before it was rejected, a sentence each.
        preparation: why this machine prepares images to other pixels than the one where the model was exported, or
            None. It may then decide otherwise, whatever the provider.
    """

    provider: Provider
    rejected: tuple[str, ...]
    preparation: str | None = None

    @property
    def fallback(self) -> str | None:
        """Why a better provider is not used, or None."""
        return " ".join(self.rejected) or None


def choose_provider(
    candidates: Sequence[Provider], sessions: ModelSessions, contract: ModelContract, *, cpu_self_test: bool = True
) -> ProviderReport:
    """Try the candidates in order, and DirectML a second time without metacommands, the driver's own kernels.

    Each has to pass the self-test, the CPU too: that the file was right on the machine where it was exported does not
    tell what another build of onnxruntime makes of it on another processor.

    Args:
        candidates: best first. sessions: of the model file. contract: of the same file, with its self-test.
        cpu_self_test: see `Detector`.

    Raises:
        UnavailableError: no candidate works. WrongResultsError: the last one starts, but computes wrongly.
    """
    rejected: list[str] = []
    error_type: type[UnavailableError] = UnavailableError
    for provider in (attempt for candidate in candidates for attempt in _attempts(candidate)):
        try:
            if provider.kind != "cpu" or cpu_self_test:
                run_self_test(provider, sessions, contract)
        except UnavailableError as error:
            # What does not start at all says the same of both attempts.
            if str(error) not in rejected:
                rejected.append(str(error))
            error_type = type(error)
            continue
        preparation = golden_image_difference(contract.preprocessing, contract.golden_image)
        return ProviderReport(provider, tuple(rejected), preparation)
    if all(candidate.kind != "cpu" for candidate in candidates):
        rejected.append("Use the provider 'auto' or 'cpu'.")
    raise error_type(" ".join(rejected))


def run_self_test(provider: Provider, sessions: ModelSessions, contract: ModelContract) -> None:
    """Compare a provider's logits with those in the model file: some drivers were reported to compute wrong numbers.

    It runs at every load: it takes less time than loading, and where it was passed need not be remembered.

    Raises:
        WrongResultsError: the largest |difference| is greater than the contract allows, or NaN.
        UnavailableError: the provider does not start.
    """
    images = self_test_images(contract.preprocessing.image_size)
    # One image at a time takes the CPU less time, and memory, than all at once.
    batches = np.split(images, len(images)) if provider.kind == "cpu" else [images]
    logits = np.concatenate([sessions.run(provider, batch)[LOGIT_NAME] for batch in batches])
    error = float(np.max(np.abs(logits.astype(np.float64) - np.array(contract.self_test.logits))))
    if not error <= contract.self_test.tolerance:
        name, remedy = _in_words(provider)
        raise WrongResultsError(
            f"{name} computes wrongly: the self-test's logits are off by {error:.2g}, allowed are "
            f"{contract.self_test.tolerance:.2g}. {remedy}"
        )


def _in_words(provider: Provider) -> tuple[str, str]:
    """Its name, and what to do where it computes wrongly."""
    if provider.kind == "cpu":
        return (
            f"onnxruntime {onnxruntime.__version__} on the CPU",
            "Install another version of onnxruntime; if all give the same, export the model again.",
        )
    attempt = ", without metacommands," if provider.disable_metacommands else ""
    return f"{provider.kind}, device {provider.device_index}{attempt}", "Update the graphics driver."


def _attempts(provider: Provider) -> tuple[Provider, ...]:
    return (provider, replace(provider, disable_metacommands=True)) if provider.kind == "directml" else (provider,)
