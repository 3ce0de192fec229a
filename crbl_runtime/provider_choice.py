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
        provider: the chosen one.
        rejected: why each one tried before it was rejected, a sentence each.
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
    errors: list[UnavailableError] = []
    for candidate in candidates:
        tried = _try(candidate, sessions, contract, cpu_self_test)
        errors += tried.errors
        if tried.works is not None:
            return ProviderReport(tried.works, tuple(map(str, errors)))
    raise _none_works(candidates, errors)


def working_providers(
    candidates: Sequence[Provider], sessions: ModelSessions, contract: ModelContract
) -> TestedProviders:
    """All candidates that `choose_provider` would take if they came first.

    Raises:
        UnavailableError, WrongResultsError: as `choose_provider`.
    """
    tried = [_try(candidate, sessions, contract, cpu_self_test=True) for candidate in candidates]
    errors = [error for each in tried for error in each.errors]
    working = tuple(each.works for each in tried if each.works is not None)
    if not working:
        raise _none_works(candidates, errors)
    return TestedProviders(working, tuple(map(str, errors)))


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


@dataclass(frozen=True)
class _Tried:
    """What came of a candidate: how it works, if it does, and the errors of each attempt that failed before."""

    works: Provider | None
    errors: tuple[UnavailableError, ...]


def _try(candidate: Provider, sessions: ModelSessions, contract: ModelContract, cpu_self_test: bool) -> _Tried:
    errors: list[UnavailableError] = []
    for provider in _attempts(candidate):
        try:
            if provider.kind != "cpu" or cpu_self_test:
                run_self_test(provider, sessions, contract)
        except UnavailableError as error:
            # What does not start at all says the same of both attempts.
            if str(error) not in map(str, errors):
                errors.append(error)
        else:
            return _Tried(provider, tuple(errors))
    return _Tried(None, tuple(errors))


def _none_works(candidates: Sequence[Provider], errors: Sequence[UnavailableError]) -> UnavailableError:
    advice = ["Use the provider 'auto' or 'cpu'."] if all(each.kind != "cpu" for each in candidates) else []
    kind = type(errors[-1]) if errors else UnavailableError
    return kind(" ".join([*map(str, errors), *advice]))


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
