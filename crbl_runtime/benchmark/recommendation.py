"""What to do with what was measured, in words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from crbl_runtime.benchmark.measure import Measurement
from crbl_runtime.benchmark.model_benchmark import ModelBenchmark

ONE_AT_A_TIME = 1
# Medians that differ by less are taken for equal: machines are noisy.
CLEARLY = 1.15


@dataclass(frozen=True)
class Choice:
    """A measurement, with the file it is of."""

    file: str
    precision: str
    measurement: Measurement

    @property
    def speed(self) -> float:
        """Images a second."""
        return self.measurement.images_per_second


def recommendation(models: Sequence[ModelBenchmark]) -> tuple[str, ...]:
    """Sentences on which provider, batch size and file to take, for each variant that was measured."""
    variants = list(dict.fromkeys(model.variant for model in models))
    return tuple(
        sentence
        for variant in variants
        for sentence in _of_variant(variant, [model for model in models if model.variant == variant])
    )


def _of_variant(variant: str, models: Sequence[ModelBenchmark]) -> Iterator[str]:
    choices = [Choice(model.file, model.precision, each) for model in models for each in model.measurements]
    one = [choice for choice in choices if choice.measurement.batch_size == ONE_AT_A_TIME]
    if one:
        best = max(one, key=lambda choice: choice.speed)
        provider = best.measurement.provider
        yield (
            f"{variant}, one image at a time: {provider}, {best.measurement.latency.p50:.2f} ms an image"
            f"{_of_file(best, models)}. {_how(provider, one)}"
        )
    if choices:
        best = max(choices, key=lambda choice: choice.speed)
        yield (
            f"{variant}, many images: {best.measurement.provider}, {best.measurement.batch_size} at a time, "
            f"{best.speed:.0f} images/s{_of_file(best, models)}."
        )
    yield from _precisions(variant, choices)
    for model in models:
        for kind in model.wrong:
            yield f"{variant}: do not use {kind} for {model.file}, which computes wrongly; update its driver."


def _of_file(choice: Choice, models: Sequence[ModelBenchmark]) -> str:
    return f", with {choice.file} ({choice.precision})" if len(models) > 1 else ""


def _how(provider: str, one: Sequence[Choice]) -> str:
    """How a program gets that provider."""
    providers = {choice.measurement.provider for choice in one}
    if len(providers) == 1:
        return "No other provider was measured." if provider == "cpu" else "The provider 'auto' takes it."
    slower = [choice for choice in one if choice.measurement.provider != provider]
    times = max(choice.speed for choice in one) / max(choice.speed for choice in slower)
    if times < CLEARLY:
        return "The others are about as fast."
    if provider == "cpu":
        return f"It is {times:.1f} times as fast as a GPU here: ask for the provider 'cpu', or 'fastest'."
    return f"It is {times:.1f} times as fast as the next one; the provider 'auto' takes it."


def _precisions(variant: str, choices: Sequence[Choice]) -> Iterator[str]:
    """Whether half precision is worth it, where both were measured."""
    fastest: dict[str, Choice] = {}
    for choice in choices:
        if choice.precision not in fastest or choice.speed > fastest[choice.precision].speed:
            fastest[choice.precision] = choice
    if len(fastest) < 2:
        return
    full, half = fastest["fp32"], fastest["fp16"]
    ratio = half.speed / full.speed
    word = "as fast as" if 1 / CLEARLY < ratio < CLEARLY else f"{ratio:.2f} times as fast as"
    yield (
        f"{variant}: fp16 has half the size and is {word} fp32; its logits are off by "
        f"{half.measurement.largest_error:.1e}, those of fp32 by {full.measurement.largest_error:.1e}."
    )
