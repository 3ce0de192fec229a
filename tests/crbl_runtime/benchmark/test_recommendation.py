"""What is made of measurements."""

from crbl_runtime.benchmark.latency import Latency
from crbl_runtime.benchmark.measure import Measurement
from crbl_runtime.benchmark.model_benchmark import ModelBenchmark
from crbl_runtime.benchmark.recommendation import recommendation


def measurement(provider: str, batch_size: int, milliseconds: float) -> Measurement:
    latency = Latency(100, milliseconds, milliseconds, milliseconds)
    return Measurement(provider, batch_size, 100.0, 5.0, latency, 1000 * batch_size / milliseconds, 2e-5, 0.0)


def model(*measurements: Measurement, precision: str = "fp32", wrong: dict[str, str] | None = None) -> ModelBenchmark:
    return ModelBenchmark(f"{precision}.onnx", "crop", precision, 128, "0" * 64, measurements, wrong or {}, {})


def test_a_cpu_that_is_faster_than_the_gpu_has_to_be_asked_for() -> None:
    found = recommendation(
        [model(measurement("cpu", 1, 5.0), measurement("directml", 1, 15.0), measurement("directml", 8, 16.0))]
    )
    assert found == (
        "crop, one image at a time: cpu, 5.00 ms an image. It is 3.0 times as fast as a GPU here: ask for the provider "
        "'cpu', or 'fastest'.",
        "crop, many images: directml, 8 at a time, 500 images/s.",
    )


def test_a_gpu_that_is_faster_is_taken_anyway_and_equal_ones_are_said_to_be_so() -> None:
    (one, _) = recommendation([model(measurement("cpu", 1, 20.0), measurement("cuda", 1, 4.0))])
    assert one.endswith("It is 5.0 times as fast as the next one; the provider 'auto' takes it.")
    (one, _) = recommendation([model(measurement("cpu", 1, 20.0), measurement("cuda", 1, 19.0))])
    assert one.endswith("The others are about as fast.")


def test_two_precisions_of_a_variant_are_compared() -> None:
    found = recommendation(
        [model(measurement("directml", 1, 8.0)), model(measurement("directml", 1, 4.0), precision="fp16")]
    )
    assert "4.00 ms an image, with fp16.onnx (fp16)." in found[0]
    assert found[-1].startswith("crop: fp16 has half the size and is 2.00 times as fast as fp32;")


def test_a_provider_that_computes_wrongly_is_warned_of_and_none_that_works_is_no_advice() -> None:
    assert recommendation([model(wrong={"directml": "off"})]) == (
        "crop: do not use directml for fp32.onnx, which computes wrongly; update its driver.",
    )
