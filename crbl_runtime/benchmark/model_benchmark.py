"""What was measured of one model file."""

from dataclasses import dataclass

from crbl_runtime.benchmark.measure import Measurement


@dataclass(frozen=True)
class ModelBenchmark:
    """One model file.

    Attributes:
        file: its name, without folders. measurements: by provider, and by batch size within it.
        wrong: providers that fail the self-test, and why. not_measured: those that do not start.
    """

    file: str
    variant: str
    precision: str
    image_size: int
    payload_sha256: str
    measurements: tuple[Measurement, ...]
    wrong: dict[str, str]
    not_measured: dict[str, str]
