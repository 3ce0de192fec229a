"""The command line that a command was started with, to be shown and repeated."""

from collections.abc import Collection

import click
from click.core import ParameterSource


def given_command(context: click.Context, without: Collection[str] = ()) -> list[str]:
    """Its words: the command's name, and the arguments and options that were given, in the order of its `--help`.

    Args:
        context: of the running command. without: names of parameters to leave out.
    """
    words = [context.command_path]
    for parameter in context.command.params:
        name = str(parameter.name)
        if name in without or context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        is_flag = isinstance(parameter, click.Option) and parameter.is_flag
        words += [parameter.opts[0]] if isinstance(parameter, click.Option) else []
        words += [] if is_flag else [str(context.params[name])]
    return words
