"""Which execution provider runs a model: the first one that starts and passes the model file's self-test."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from crbl_runtime.contract import LOGIT_NAME, ModelContract
from crbl_runtime.errors import UnavailableError, WrongResultsError
from crbl_runtime.execution_provider import Provider
from crbl_runtime.model_sessions import ModelSessions
from crbl_runtime.onnxruntime_boundary import VERSION
from crbl_runtime.self_test import self_test_images


@dataclass(frozen=True)
class ProviderReport:
    """Where a model runs, and whether it can decide there as where it was exported.

    Attributes:
        provider: the chosen one. rejected: why each one tried before it was rejected, a sentence each.
        preparation: why this machine prepares images to other pixels than the one where the model was exported, or
            None. It may then decide otherwise, whatever the provider.
        measured: of the provider "fastest", what was measured, when, and what was chosen for it; else None.
        removed: that the graphics device was removed or reset, and what was done then, a sentence each time.
    """

    provider: Provider
    rejected: tuple[str, ...]
    preparation: str | None = None
    measured: str | None = None
    removed: tuple[str, ...] = ()

    @property
    def fallback(self) -> str | None:
        """Why a better provider is not used, or None."""
        return " ".join(self.rejected) or None


@dataclass(frozen=True)
class TestedProviders:
    """Providers that start and compute rightly, best first, and why each other one was rejected, a sentence each."""

    working: tuple[Provider, ...]
    rejected: tuple[str, ...]


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
    error: UnavailableError | None = None
    for candidate in candidates:
        for provider in _attempts(candidate):
            error = _failure(provider, sessions, contract, cpu_self_test)
            if error is None:
                return ProviderReport(provider, tuple(rejected))
            # What does not start at all says the same of both attempts.
            if str(error) not in rejected:
                rejected.append(str(error))
    raise _none_works(candidates, rejected, error)


def working_providers(
    candidates: Sequence[Provider], sessions: ModelSessions, contract: ModelContract
) -> TestedProviders:
    """All candidates that `choose_provider` would take if they came first.

    Raises:
        UnavailableError, WrongResultsError: as `choose_provider`.
    """
    working: list[Provider] = []
    rejected: list[str] = []
    error: UnavailableError | None = None
    for candidate in candidates:
        try:
            report = choose_provider([candidate], sessions, contract)
        except UnavailableError as failure:
            error = failure
            rejected.append(str(failure))
        else:
            working.append(report.provider)
            rejected += report.rejected
    if not working:
        raise _none_works(candidates, rejected, error)
    return TestedProviders(tuple(working), tuple(rejected))


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


def _failure(
    provider: Provider, sessions: ModelSessions, contract: ModelContract, cpu_self_test: bool
) -> UnavailableError | None:
    try:
        if provider.kind != "cpu" or cpu_self_test:
            run_self_test(provider, sessions, contract)
    except UnavailableError as error:
        return error
    return None


def _none_works(
    candidates: Sequence[Provider], rejected: Sequence[str], last: UnavailableError | None
) -> UnavailableError:
    advice = ["Use the provider 'auto' or 'cpu'."] if all(each.kind != "cpu" for each in candidates) else []
    error = type(last) if last is not None else UnavailableError
    return error(" ".join([*rejected, *advice]))


def _in_words(provider: Provider) -> tuple[str, str]:
    """Its name, and what to do where it computes wrongly."""
    if provider.kind == "cpu":
        return (
            f"onnxruntime {VERSION} on the CPU",
            "Install another version of onnxruntime; if all give the same, export the model again.",
        )
    attempt = ", without metacommands," if provider.disable_metacommands else ""
    return f"{provider}{attempt}", "Update the graphics driver."


def _attempts(provider: Provider) -> Iterator[Provider]:
    yield provider
    if provider.kind == "directml":
        yield replace(provider, disable_metacommands=True)
