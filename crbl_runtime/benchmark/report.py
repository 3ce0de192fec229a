"""All measurements of some model files on this machine."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crbl_runtime.benchmark.machine import Machine, this_machine
from crbl_runtime.benchmark.measure import Measurement, logits_of, measure, prepared_self_test_images
from crbl_runtime.benchmark.model_benchmark import ModelBenchmark
from crbl_runtime.benchmark.recommendation import recommendation
from crbl_runtime.detector import Detector
from crbl_runtime.each_provider import on_each_provider

SCHEMA_VERSION = 2


@dataclass(frozen=True)
class BenchmarkReport:
    """What `crbl-bench` found out, when and on what."""

    date: str
    machine: Machine
    models: tuple[ModelBenchmark, ...]

    @property
    def passed(self) -> bool:
        """Whether something was measured of each file, and nothing computed wrongly."""
        return all(model.measurements and not model.wrong for model in self.models)

    @property
    def recommendation(self) -> tuple[str, ...]:
        """What to take, in words."""
        return recommendation(self.models)

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        values = {"schema_version": SCHEMA_VERSION, **asdict(self), "recommendation": list(self.recommendation)}
        return values | {"passed": self.passed}


def benchmark(
    models: Sequence[Path],
    provider: str,
    device_index: int,
    batch_sizes: Sequence[int],
    seconds: float,
    on_step: Callable[[], None] = lambda: None,
) -> BenchmarkReport:
    """Measure each file on each provider with each batch size.

    Args:
        provider: "all" for the CPU and every GPU provider that starts, or "auto", "directml", "cuda", "cpu".
        seconds: of timed calls, for each measurement. on_step: called after each
            measurement.

    Raises:
        ModelFileError: a file is damaged or no CRBL model.
        UnavailableError: the provider that was named does not work here.
    """

    def of_model(path: Path) -> ModelBenchmark:
        with Detector(path, "cpu", cpu_self_test=False) as detector:
            contract = detector.contract
            images = prepared_self_test_images(detector)
            of_cpu = logits_of(detector, images)

        def on_provider(kind: str) -> Iterator[Measurement]:
            for batch_size in batch_sizes:
                yield measure(path, kind, device_index, batch_size, seconds, images, of_cpu)
                on_step()

        measured = on_each_provider(provider, on_provider)
        return ModelBenchmark(
            file=path.name,
            variant=contract.variant,
            precision=contract.precision,
            image_size=contract.preprocessing.image_size,
            payload_sha256=contract.payload_sha256,
            measurements=measured.results,
            wrong=measured.wrong,
            not_measured=measured.not_started,
        )

    date = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return BenchmarkReport(date, this_machine(), tuple(map(of_model, models)))
