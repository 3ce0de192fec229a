"""Which execution provider runs a model: the first one that starts and passes the model file's self-test."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

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


def choose_provider(candidates: Sequence[Provider], sessions: ModelSessions, contract: ModelContract) -> ProviderReport:
    """Try the candidates in order, and DirectML a second time without metacommands, the driver's own kernels.

    The CPU needs no self-test: the logits that are expected were checked on it when the file was exported.

    Args:
        candidates: best first. sessions: of the model file. contract: of the same file, with its self-test.

    Raises:
        UnavailableError: no candidate works. WrongResultsError: the last one starts, but computes wrongly.
    """
    rejected: list[str] = []
    error_type: type[UnavailableError] = UnavailableError
    for provider in (attempt for candidate in candidates for attempt in _attempts(candidate)):
        try:
            if provider.kind != "cpu":
                run_self_test(provider, sessions, contract)
        except UnavailableError as error:
            # What does not start at all says the same of both attempts.
            if str(error) not in rejected:
                rejected.append(str(error))
            error_type = type(error)
            continue
        preparation = golden_image_difference(contract.preprocessing, contract.golden_image)
        return ProviderReport(provider, tuple(rejected), preparation)
    raise error_type(" ".join(rejected) + " Use provider='auto' or 'cpu'.")


def run_self_test(provider: Provider, sessions: ModelSessions, contract: ModelContract) -> None:
    """Compare a provider's logits with those in the model file: some drivers were reported to compute wrong numbers.

    Raises:
        WrongResultsError: the largest |difference| is greater than the contract allows, or NaN.
        UnavailableError: the provider does not start.
    """
    logits = sessions.run(provider, self_test_images(contract.preprocessing.image_size))[LOGIT_NAME]
    error = float(np.max(np.abs(logits.astype(np.float64) - np.array(contract.self_test.logits))))
    if not error <= contract.self_test.tolerance:
        raise WrongResultsError(
            f"{provider.kind}, device {provider.device_index}"
            f"{', without metacommands,' if provider.disable_metacommands else ''} computes wrongly: the "
            f"self-test's logits are off by {error:.2g}, allowed are {contract.self_test.tolerance:.2g}. "
            "Update the graphics driver."
        )


def _attempts(provider: Provider) -> tuple[Provider, ...]:
    return (provider, replace(provider, disable_metacommands=True)) if provider.kind == "directml" else (provider,)
