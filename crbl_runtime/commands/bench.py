"""crbl-bench: how fast model files run on this machine, and whether they compute rightly meanwhile."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crbl_runtime.command_line import READ_FILE, device_index_option, provider_or_all_option

if TYPE_CHECKING:
    from crbl_runtime.benchmark.model_benchmark import ModelBenchmark
    from crbl_runtime.benchmark.report import BenchmarkReport

ONE_AT_A_TIME = 1


@click.command(epilog="Examples: crbl-bench crop.onnx   |   crbl-bench crop.onnx full.onnx --json")
@click.argument("models", metavar="MODEL...", type=READ_FILE, nargs=-1, required=True)
@provider_or_all_option
@device_index_option
@click.option(
    "--batch-size",
    "batch_sizes",
    type=click.IntRange(1, 1024),
    multiple=True,
    default=[ONE_AT_A_TIME, 8],
    show_default=True,
    help="Images that the network is given at a time; may be given several times.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True, max=3600),
    default=3.0,
    show_default=True,
    help="How long each provider and batch size is timed.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, to be pasted into an issue.")
def main(
    models: tuple[Path, ...],
    provider: str,
    device_index: int,
    batch_sizes: tuple[int, ...],
    seconds: float,
    as_json: bool,
) -> None:
    """Measure how fast each MODEL predicts prepared images here, on every provider, and how exactly.

    No images are needed, and nothing is printed that tells whose machine it is. Exit code 1 where a provider computes
    wrongly.
    """
    from tqdm import tqdm

    from crbl_runtime.benchmark.report import benchmark
    from crbl_runtime.each_provider import providers_named
    from crbl_runtime.onnxruntime_boundary import print_errors_only

    print_errors_only()
    sizes = tuple(dict.fromkeys(batch_sizes))
    steps = len(models) * len(providers_named(provider)) * len(sizes)
    with tqdm(total=steps, desc="Measuring", unit="", leave=False, disable=None) as bar:
        report = benchmark(models, provider, device_index, sizes, seconds, on_step=bar.update)
    click.echo(_as_json(report) if as_json else "\n".join(_lines(report)))
    if not report.passed:
        raise click.exceptions.Exit(1)


def _as_json(report: "BenchmarkReport") -> str:
    """One line for each measurement and each fact, so that an issue can hold it and people can read it."""
    values = report.to_dict()
    models = ",\n".join(_model_as_json(model) for model in values.pop("models"))
    facts = "".join(f"{json.dumps(key)}: {json.dumps(value)},\n" for key, value in values.items())
    return f'{{\n{facts}"models": [\n{models}\n]\n}}'


def _model_as_json(model: dict[str, Any]) -> str:
    measurements = ",\n".join(f"  {json.dumps(each, allow_nan=False)}" for each in model.pop("measurements"))
    facts = ",\n ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in model.items())
    return f'{{{facts},\n "measurements": [\n{measurements}\n ]}}'


def _lines(report: "BenchmarkReport") -> Iterator[str]:
    machine = report.machine
    installed = ", ".join(f"{name} {version}" for name, version in machine.onnxruntime.items())
    yield f"crbl {machine.crbl}, Python {machine.python}, {installed}, {machine.platform}, {machine.cores} cores"
    for adapter in machine.adapters:
        yield f"  {adapter}"
    for model in report.models:
        yield from _model_lines(model)
    yield from report.recommendation
    yield "Times are milliseconds of one call, without decoding images; they are of this machine, as it was just now."


def _model_lines(model: "ModelBenchmark") -> Iterator[str]:
    yield f"{model.file}: {model.variant}, {model.precision}, {model.image_size} x {model.image_size} pixels"
    yield (
        f"  {'provider':9}{'batch':>6}{'calls':>7}{'p50':>9}{'p95':>9}{'p99':>9}{'images/s':>10}{'load':>8}"
        f"{'first':>8}{'error':>9}{'from CPU':>10}"
    )
    for each in model.measurements:
        percentiles = "".join(f"{_shown(value):>9}" for value in (each.latency.p50, each.latency.p95, each.latency.p99))
        yield (
            f"  {each.provider:9}{each.batch_size:6}{each.latency.calls:7}{percentiles}{each.images_per_second:10.1f}"
            f"{each.load:8.0f}{each.first_call:8.1f}{each.largest_error:9.1e}{each.largest_difference_from_cpu:10.1e}"
        )
    for kind, reason in model.wrong.items():
        yield f"  {kind:9} wrong: {reason}"
    for kind, reason in model.not_measured.items():
        yield f"  {kind:9} not measured: {reason}"


def _shown(milliseconds: float | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds:.2f}"
