"""crbl-predict: images in, decisions out."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crbl_runtime.atomic_file import require_writable
from crbl_runtime.command_line import (
    WRITTEN_PATH,
    adapter_option,
    bit_depth_option,
    device_index_option,
    provider_option,
    review_page_option,
)
from crbl_runtime.commands.image_list import ImageList, list_images, names
from crbl_runtime.commands.image_result import ImageResult, table_header
from crbl_runtime.commands.result_counts import ResultCounts
from crbl_runtime.commands.result_files import ResultFiles
from crbl_runtime.commands.result_formats import Print, json_array, json_lines, table
from crbl_runtime.commands.result_lines import path_width
from crbl_runtime.commands.result_names import ResultNames
from crbl_runtime.commands.threshold_option import parse_thresholds
from crbl_runtime.counted import counted
from crbl_runtime.csv_file import csv_as_it_grows
from crbl_runtime.errors import ImageError, UsageError
from crbl_runtime.file_patterns import matches
from crbl_runtime.held_signals import signals_held
from crbl_runtime.report.size import REPORT_FILE, require_showable

if TYPE_CHECKING:
    from crbl_runtime.commands.open_models import OpenModels


@click.command(
    epilog="""Examples:

    \b
      crbl-predict crop.onnx images/
      crbl-predict crop.onnx full.onnx "line 2/**/*.png" --csv results.csv
      find images -name "*.jpg" -print0 | crbl-predict crop.onnx - --jsonl > results.jsonl
      crbl-predict crop.onnx images/ --heatmaps overlays --copy-anomalies anomalies
      crbl-predict crop.onnx full.onnx images/ --report report
    """
)
@click.argument("arguments", metavar="MODEL... PATHS...", nargs=-1, required=True)
@click.option(
    "--recursive/--no-recursive",
    default=True,
    show_default=True,
    help="Whether the folders in a folder are searched.",
)
@click.option(
    "--threshold",
    "threshold_texts",
    metavar="P",
    multiple=True,
    help="Above this probability, 0 to 1, an image is anomalous, in place of the model file's threshold. With two "
    "models say for which: crop=P, full=P, or both by giving the option twice.",
)
@provider_option
@device_index_option
@adapter_option
@click.option(
    "--workers",
    type=click.IntRange(0, 256),
    default=0,
    show_default="one for each core",
    help="Threads that decode images, and on the CPU predict them.",
)
@bit_depth_option
@click.option("--csv", "csv_path", type=WRITTEN_PATH, help="Write the results to this CSV file.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as one JSON array.")
@click.option("--jsonl", "as_json_lines", is_flag=True, help="Print each result as a line of JSON, at once.")
@click.option(
    "--heatmaps",
    metavar="DIR",
    type=WRITTEN_PATH,
    help="Write each image with its heatmap to this folder, as PNG. Needs a model exported with --heatmap.",
)
@click.option(
    "--copy-anomalies", "copies", metavar="DIR", type=WRITTEN_PATH, help="Copy the anomalous images to this folder."
)
@review_page_option
@click.option("--fail-on-anomaly", is_flag=True, help="Exit with 1 if any image is anomalous.")
def main(
    arguments: tuple[str, ...],
    recursive: bool,
    threshold_texts: tuple[str, ...],
    provider: str,
    device_index: int,
    adapter: str | None,
    workers: int,
    bit_depth: int | None,
    csv_path: Path | None,
    as_json: bool,
    as_json_lines: bool,
    heatmaps: Path | None,
    copies: Path | None,
    report_folder: Path | None,
    fail_on_anomaly: bool,
) -> None:
    """Predict images with one model file (.onnx), or with a crop and a full model together.

    PATHS are images, folders of images, patterns such as "images/*.png", and "-" for a list of paths on standard
    input. With two models an image is anomalous when either of them finds an anomaly.
    """
    if as_json and as_json_lines:
        raise UsageError("--json and --jsonl are two forms of the same output. Give one of them.")
    named = [name for argument in arguments for name in matches(argument)]
    models = [Path(name) for name in named if _is_model(name)]
    sources = [name for name in named if not _is_model(name)]
    folders = [folder for folder in (heatmaps, copies) if folder is not None]
    images = list_images(sources, folders, recursive=recursive)
    _require_models(models, sources)
    thresholds = parse_thresholds(threshold_texts, len(models))
    result_names = ResultNames.below(images.roots)
    if csv_path is not None:
        _require_output(csv_path, [*models, *images.images])
    for folder in folders:
        require_writable(folder / result_names.name(images.images[0]))
    report = _report_file(report_folder, len(images.images)) if report_folder is not None else None

    from crbl_runtime.commands.open_models import open_models
    from crbl_runtime.onnxruntime_boundary import print_errors_only

    print_errors_only()
    with open_models(
        models,
        thresholds,
        provider=provider,
        device_index=device_index,
        adapter=adapter,
        workers=workers,
        bit_depth=bit_depth,
    ) as opened:
        without_heatmap = opened.require_heatmaps() if heatmaps is not None else []
        files = ResultFiles(result_names, heatmaps, copies, opened.bit_depths)
        counts = ResultCounts()
        if as_json_lines:
            printing = json_lines()
        elif as_json:
            printing = json_array()
        else:
            printing = table(path_width(images.images), counts)
        with _stop_explained(counts, len(images.images), [path for path in (csv_path, report) if path is not None]):
            _predict_all(opened, images, files, csv_path, report, printing, counts)
    for line in counts.failure_lines():
        click.echo(line, err=True)
    if without_heatmap:
        click.echo(f"No heatmaps of {' and '.join(without_heatmap)}: the model has none.", err=True)
    for line in [*images.lines(), *([f"Report: {report}"] if report is not None else [])]:
        click.echo(line, err=as_json or as_json_lines)
    _exit_with(counts, fail_on_anomaly)


def _is_model(name: str) -> bool:
    return Path(name).suffix.lower() == ".onnx"


def _require_models(models: Sequence[Path], sources: Sequence[str]) -> None:
    if not models:
        raise UsageError(
            "0 model files (.onnx) were named, expected one, or a crop and a full one. Taken for images, or folders "
            f"of them: {names(sources)}."
        )
    if len(models) > 2:
        raise UsageError(f"{len(models)} model files (.onnx) were named, expected one, or a crop and a full one.")
    for path in models:
        if not path.is_file():
            raise UsageError(f"There is no model file {path}. Name a file that crbl-export wrote.")


def _require_output(csv_path: Path, inputs: Sequence[Path]) -> None:
    if csv_path.exists() and csv_path.resolve() in {path.resolve() for path in inputs}:
        raise UsageError(f"--csv {csv_path} would replace a file that is to be read. Name another one.")
    require_writable(csv_path)


def _report_file(folder: Path, images: int) -> Path:
    """The page to write: UsageError for too many images, OutputError where it cannot be written."""
    require_showable(images)
    require_writable(folder / REPORT_FILE)
    return folder / REPORT_FILE


@contextmanager
def _stop_explained(counts: ResultCounts, images: int, written: Sequence[Path]) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as stop:
        kept = f"; they are in {' and '.join(map(str, written))}" if written and counts.results else ""
        stopped = f"Stopped after {counts.results} of {counted(images, 'image')}{kept}."
        raise type(stop)("\n".join([*counts.failure_lines(), stopped])) from stop


def _predict_all(
    models: "OpenModels",
    images: ImageList,
    files: ResultFiles,
    csv_path: Path | None,
    report: Path | None,
    printing: AbstractContextManager[Print],
    counts: ResultCounts,
) -> None:
    """Predict images. Each result goes everywhere as soon as it is there, and stays, whatever stops the others."""
    from tqdm import tqdm

    from crbl_runtime.commands.review_report import review_page_as_it_grows

    with ExitStack() as stack:
        table_to = csv_as_it_grows(csv_path, table_header(models.variants)) if csv_path is not None else None
        write_row = stack.enter_context(table_to) if table_to is not None else None
        page = review_page_as_it_grows(report, models, images.lines()) if report is not None else None
        add_to_page = stack.enter_context(page) if page is not None else None
        print_result = stack.enter_context(printing)
        results = stack.enter_context(closing(models.predict(images.images)))
        for found in tqdm(results, desc="Predicting", total=len(images.images), unit="", leave=False, disable=None):
            # A result is in all outputs or in none.
            with signals_held():
                result = _with_files(found, files)
                if write_row is not None:
                    write_row(result.to_row(len(models.variants)))
                if add_to_page is not None:
                    add_to_page(result)
                print_result(result)
                counts.add(result)


def _with_files(result: ImageResult, files: ResultFiles) -> ImageResult:
    """The result, once its files are written; or that the image cannot be read any more."""
    try:
        files.write(result)
    except ImageError as error:
        return ImageResult.failed(result.path, error)
    return result


def _exit_with(counts: ResultCounts, fail_on_anomaly: bool) -> None:
    if counts.exit_code:
        raise click.exceptions.Exit(counts.exit_code)
    if fail_on_anomaly and counts.anomalous:
        raise click.exceptions.Exit(1)
