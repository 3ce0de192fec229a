"""What a child process made by fork does with things that only work in the process that made them.

The threads of onnxruntime are not copied into a forked child, but what they belong to is. To run a session, or to end
it, waits for those threads: the child hangs when it exits at the latest, or is killed by SIGSEGV (onnxruntime, issues
9800 and 31961). So a child neither runs nor ends what it inherited; it leaves it where it is and opens its own.
"""

import ctypes
import os
from collections.abc import Callable


def in_each_forked_child(action: Callable[[], object]) -> None:
    """Let every child that is forked from now on, and their children, call `action` before anything else.

    At that time no other thread runs in the child. Windows has no fork, and nothing to do.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=action)


def never_end(value: object) -> None:
    """Keep an object to the very end of the process: modules and what they hold are cleared before it."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(value))


def exit_without_destructors() -> None:
    """Let this process end, once Python has ended, without the destructors that libraries registered until now.

    Newer onnxruntimes (1.32 was seen) have threads as soon as they are imported, and a static destructor that waits for
    them. The exit status stays. `on_exit` is the GNU C library's; where there is none, nothing is changed.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "on_exit"):
        # The last that is registered runs first.
        library.on_exit(library._exit, None)
