"""What all commands share: one way to start, one way to fail.

A command answers `--help`, a wrong option and a missing file without loading torch, ONNX or OpenCV. So its module
imports what its options need, and its function `main` imports the rest once the options are checked.
"""

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from crbl_runtime.ending import READER_GONE, exit_code_of, stopping_on_sigterm
from crbl_runtime.file_patterns import with_patterns_expanded
from crbl_runtime.options import ALL_PROVIDERS, BIT_DEPTHS, REGISTERED, is_registered, provider_kinds
from crbl_runtime.standard_streams import accept_every_character

# The types of paths that options take. What is to be read must exist.
READ_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
READ_FILE_OR_FOLDER = click.Path(exists=True, path_type=Path)
READ_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
WRITTEN_PATH = click.Path(path_type=Path)

bit_depth_option = click.option(
    "--bit-depth",
    type=click.Choice([str(bits) for bits in BIT_DEPTHS]),
    callback=lambda context, parameter, value: None if value is None else int(value),
    help="How many bits 16-bit images use that do not declare it, such as 12 where a camera's white is 4095.",
)

review_page_option = click.option(
    "--report",
    "report_folder",
    metavar="DIR",
    type=WRITTEN_PATH,
    help="Write a page to this folder, report.html, that shows all images with their heatmaps, and in which the "
    "threshold can be moved and decisions marked. It needs no network.",
)

device_index_option = click.option(
    "--device-index",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Which adapter, where there are several.",
)


if TYPE_CHECKING:
    TextType = click.ParamType[str]
else:
    TextType = click.ParamType  # In click 8.1 it is not generic.


class ProviderName(TextType):
    """The name of an execution provider: one of `names`, or of one that is registered."""

    name = "provider"

    def __init__(self, *names: str) -> None:
        self.names = names

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        return f"[{'|'.join(self.names)}|{REGISTERED}NAME]"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value in self.names or is_registered(value):
            return value
        self.fail(f"{value!r}, expected {', '.join(self.names)}, or {REGISTERED}NAME.", param, ctx)


provider_option = click.option(
    "--provider",
    type=ProviderName(*provider_kinds()),
    default="auto",
    show_default=True,
    help="fastest: the one that takes the least time, measured once. windowsml:NAME: one that is registered.",
)

adapter_option = click.option(
    "--adapter", metavar="NAME", help="Which adapter, by a part of its name, such as Radeon; see crbl-doctor."
)

provider_or_all_option = click.option(
    "--provider",
    type=ProviderName(ALL_PROVIDERS, *provider_kinds()),
    default=ALL_PROVIDERS,
    show_default=True,
    help="all: the CPU and every GPU provider that works here.",
)


def run_command(name: str, module: str, extra: str = "default") -> NoReturn:
    """Run the click command `main` of a module under the name `name` and exit with the documented exit code.

    Args:
        name: the command's name, as the user typed it, for messages.
        module: where its click command lives; it must be called `main`.
        extra: the optional dependencies that install what the command imports, for the message when that is missing.
    """
    accept_every_character()
    stdout = sys.stdout
    with stopping_on_sigterm():
        try:
            command: click.Command = importlib.import_module(module).main
            # click gives the code of an Exit back as the result; the commands themselves return nothing.
            arguments = with_patterns_expanded(sys.argv[1:])
            code = command.main(arguments, name, standalone_mode=False, windows_expand_args=False) or 0
            sys.stdout.flush()
        except SystemExit as end:
            # click alone ends so: where the reader of a pipe has gone, for which it replaces standard output.
            code = end.code if sys.stdout is stdout else READER_GONE
        except BaseException as error:
            code = exit_code_of(error, name, extra)
    sys.exit(code)
