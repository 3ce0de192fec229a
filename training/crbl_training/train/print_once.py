"""A message of a training run, which several processes may be at."""

import click

from crbl_training.process_group import current_shard


def print_once(message: str) -> None:
    """Print a message, once: in a group of processes rank 0 does."""
    if current_shard().rank == 0:
        click.echo(message)
