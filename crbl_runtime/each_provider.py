"""Something done on one execution provider that was named, or on all that work here."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from crbl_runtime.errors import UnavailableError, WrongResultsError
from crbl_runtime.options import ALL_PROVIDERS
from crbl_runtime.provider_candidates import providers_here

Result = TypeVar("Result")


@dataclass(frozen=True)
class ResultsByProvider(Generic[Result]):
    """What came of it.

    Attributes:
        results: of the providers that work, in order. wrong: providers that compute wrongly, and why. not_started:
            those that do not work here, and why.
    """

    results: tuple[Result, ...]
    wrong: dict[str, str]
    not_started: dict[str, str]


def providers_named(provider: str) -> tuple[str, ...]:
    """ "all" -> the CPU and every GPU provider of this onnxruntime; any other -> itself."""
    return providers_here() if provider == ALL_PROVIDERS else (provider,)


def on_each_provider(provider: str, work: Callable[[str], Iterable[Result]]) -> ResultsByProvider[Result]:
    """Do it on each; what a provider gave before it failed is among the results.

    Args:
        provider: "all", "auto", "directml", "cuda" or "cpu". work: is given a provider, and gives its results.

    Raises:
        UnavailableError: the provider that was named, alone, does not work here.
    """
    results: list[Result] = []
    wrong: dict[str, str] = {}
    not_started: dict[str, str] = {}
    for kind in providers_named(provider):
        try:
            results.extend(work(kind))
        except WrongResultsError as error:
            wrong[kind] = str(error)
        except UnavailableError as error:
            if provider != ALL_PROVIDERS:
                raise
            not_started[kind] = str(error)
    return ResultsByProvider(tuple(results), wrong, not_started)
