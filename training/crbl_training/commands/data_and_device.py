"""The options that several commands have in common: which images, and on what device."""

import click

from crbl_runtime.command_line import READ_FILE_OR_FOLDER, READ_FOLDER
from crbl_runtime.errors import UsageError
from crbl_training.options import DEVICE_KINDS, NO_TILED_RESOURCES

data_option = click.option(
    "--data",
    type=READ_FILE_OR_FOLDER,
    required=True,
    help="A folder with class_0/class_1 (or normal/anomaly, good/bad), or a CSV with image_path and impurity.",
)
images_option = click.option(
    "--images", "image_folder", type=READ_FOLDER, help="What paths in a CSV are relative to. Default: its folder."
)
device_option = click.option("--device", type=click.Choice(["auto", *DEVICE_KINDS]), default="auto", show_default=True)
no_tiled_resources_option = click.option(
    NO_TILED_RESOURCES,
    is_flag=True,
    help="Make torch-directml do without tiled resources, where it computes wrongly with them. DirectML only.",
)


def refuse_without_directml(device: str, no_tiled_resources: bool) -> None:
    """Refuse --no-tiled-resources beside a --device that has none; for auto, the device that is chosen decides.

    Raises:
        UsageError: the two options do not go together.
    """
    if no_tiled_resources and device not in ("auto", "directml"):
        raise UsageError(f"{NO_TILED_RESOURCES} is for DirectML only, and --device is {device}. Leave one of them out.")
