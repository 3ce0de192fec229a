"""The options that several commands have in common: which images, and on what device."""

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from crbl_runtime.command_line import READ_FILE_OR_FOLDER, READ_FOLDER
from crbl_runtime.errors import UsageError
from crbl_training.data.dataset_format import DatasetFormat
from crbl_training.options import DEVICE_KINDS, GIGABYTE, NO_TILED_RESOURCES

data_option = click.option(
    "--data",
    type=READ_FILE_OR_FOLDER,
    required=True,
    help="A folder with class folders (class_0/class_1, normal/anomaly, good/bad, OK/NG; good, scratch and dent), such "
    "folders in train and test (MVTec AD), an object of VisA, or a CSV with image_path and impurity.",
)
images_option = click.option(
    "--images",
    "image_folder",
    type=READ_FOLDER,
    help="What paths in a CSV are relative to, and where paths of another machine are looked for. Default: its folder.",
)
device_option = click.option("--device", type=click.Choice(["auto", *DEVICE_KINDS]), default="auto", show_default=True)
no_tiled_resources_option = click.option(
    NO_TILED_RESOURCES,
    is_flag=True,
    help="Make torch-directml do without tiled resources, where it computes wrongly with them. DirectML only.",
)


def in_bytes(_context: click.Context, option: click.Parameter, gigabytes: float | None) -> int | None:
    """For a callback: an option's GB as bytes, None if it was not given."""
    if gigabytes is None:
        return None
    if not math.isfinite(gigabytes):
        raise click.BadParameter(f"{gigabytes} is no number of GB.", param=option)
    return int(gigabytes * GIGABYTE)


memory_budget_option = click.option(
    "--memory-budget",
    type=click.FloatRange(0),
    callback=in_bytes,
    help="GB of prepared images that are held in memory; what is more is kept in a file in OUT/prepared_images. "
    "Default: half of the free memory.",
)


def _split_at_commas(_context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    words = tuple(word.strip() for text in given for word in text.split(","))
    if not all(words):
        raise click.BadParameter("a name is empty; expected names with commas between them.", param=option)
    return words


_FORMAT_OPTIONS = (
    click.option("--image-column", metavar="NAME", help="The CSV's column of paths. Default: by its usual names."),
    click.option("--label-column", metavar="NAME", help="The CSV's column of labels. Default: by its usual names."),
    click.option(
        "--normal-label",
        "normal_labels",
        metavar="WORD[,WORD...]",
        multiple=True,
        callback=_split_at_commas,
        help="What the CSV's labels call normal, besides 0, normal, good, OK, pass and the like.",
    ),
    click.option(
        "--anomaly-label",
        "anomaly_labels",
        metavar="WORD[,WORD...]",
        multiple=True,
        callback=_split_at_commas,
        help="What they call an anomaly, besides 1, anomaly, bad, NG, fail and the like.",
    ),
    click.option(
        "--classes",
        metavar="NORMAL,ANOMALY[,ANOMALY...]",
        multiple=True,
        callback=_split_at_commas,
        help="The folder of normal images and those of anomalies; others are left out. Default: by their usual names.",
    ),
)


def format_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say how to read its images; it takes them as one `dataset_format`."""

    @functools.wraps(command)
    def with_format(
        *,
        image_column: str | None,
        label_column: str | None,
        normal_labels: tuple[str, ...],
        anomaly_labels: tuple[str, ...],
        classes: tuple[str, ...],
        **others: Any,
    ) -> None:
        command(
            dataset_format=DatasetFormat(image_column, label_column, normal_labels, anomaly_labels, classes), **others
        )

    described: Callable[..., None] = with_format
    for option in reversed(_FORMAT_OPTIONS):
        described = option(described)
    return described


def refuse_unused_format(dataset_format: DatasetFormat, *sources: Path | None) -> None:
    """Refuse what is said about tables where there are only folders, and the other way round.

    Args:
        sources: the folders and tables that are to be read; None for those that are not given.

    Raises:
        UsageError: naming the option.
    """
    given = [source for source in sources if source is not None]
    if dataset_format.names_columns_or_labels and all(source.is_dir() for source in given):
        raise UsageError(
            "--image-column, --label-column, --normal-label and --anomaly-label are about a CSV file, and "
            f"{' and '.join(map(str, given))} is none. Leave them out; folders are named with --classes."
        )
    if dataset_format.classes and not any(source.is_dir() for source in given):
        raise UsageError(
            f"--classes names folders, and {' and '.join(map(str, given))} is none. Leave it out; the labels of a CSV "
            "file are named with --normal-label and --anomaly-label."
        )


def refuse_without_directml(device: str, no_tiled_resources: bool) -> None:
    """Refuse --no-tiled-resources beside a --device that has none; for auto, the device that is chosen decides.

    Raises:
        UsageError: the two options do not go together.
    """
    if no_tiled_resources and device not in ("auto", "directml"):
        raise UsageError(f"{NO_TILED_RESOURCES} is for DirectML only, and --device is {device}. Leave one of them out.")
