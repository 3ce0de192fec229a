"""What all commands share: one way to start, one way to fail."""

import importlib
import sys
from typing import NoReturn

import click

from crbl_runtime.errors import CRBLError

OWN_PACKAGES = ("crbl_runtime", "crbl_training", "crbl_export")


def run_command(name: str, module: str, extra: str) -> NoReturn:
    """Import `module`, run its click command `main` under the name `name` and exit with the documented exit code.

    Args:
        name: the command's name, as the user typed it, for messages.
        module: where its click command lives; it must be called `main`.
        extra: the optional dependency set that installs what `module` imports, for the message when that is missing.
    """
    try:
        command: click.Command = importlib.import_module(module).main
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith(OWN_PACKAGES):
            raise
        click.echo(f'{name} needs the package {error.name}. Install it with: pip install "crbl[{extra}]"', err=True)
        sys.exit(3)
    try:
        # click gives the code of an Exit back as the result; the commands themselves return nothing.
        sys.exit(command.main(prog_name=name, standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        sys.exit(130)
    except CRBLError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
