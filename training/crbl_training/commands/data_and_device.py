"""The options that several commands have in common: which images, and on what device."""

import click

from crbl_runtime.command_line import READ_FILE_OR_FOLDER, READ_FOLDER
from crbl_training.options import DEVICE_KINDS

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
