"""Processes that start with the trainer imported: most of what a short one costs is importing torch."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.process import BaseProcess

# Windows has no fork: there each process imports what it needs.
_METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
_CONTEXT = multiprocessing.get_context(_METHOD)
if _METHOD == "forkserver":
    # Into a process that does nothing else, so that no thread of torch is running when it is forked.
    _CONTEXT.set_forkserver_preload(["public_commands", "crbl_training.train.folds"])


def start_forked(function: Callable[..., object], *arguments: object) -> BaseProcess:
    """Start a function, which a module of its own must hold, in a new process."""
    process = _CONTEXT.Process(target=function, args=arguments)
    process.start()
    return process
