"""How a command ends: from what it raised to its exit code, and what the user is told."""

import os
import platform
import shlex
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, ModuleType

import click

from crbl_runtime.errors import CRBLError, first_line
from crbl_runtime.installation import broken_installation, how_to_install
from crbl_runtime.standard_streams import give_up_stdout
from crbl_runtime.version import __version__

UNAVAILABLE = 3
UNEXPECTED = 70  # EX_SOFTWARE of sysexits.h.
INTERRUPTED = 130  # What shells show for a program that Ctrl-C has ended: 128 + SIGINT.
READER_GONE = 141  # 128 + SIGPIPE.
TERMINATED = 143  # 128 + SIGTERM.

OWN_PACKAGES = ("crbl_runtime", "crbl_training", "crbl_export")
# What torch, OpenCV and onnxruntime say, which have no MemoryError.
OUT_OF_MEMORY = ("out of memory", "allocate memory", "insufficient memory", "bad allocation", "bad_alloc")


class TerminatedInterrupt(KeyboardInterrupt):
    """SIGTERM: the program is to end, and may put down what it has."""


@contextmanager
def stopping_on_sigterm() -> Iterator[None]:
    """Within the block SIGTERM raises TerminatedInterrupt, as Ctrl-C raises KeyboardInterrupt."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TerminatedInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield  # Only the main thread can be told of signals.
        return
    former = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def exit_code_of(error: BaseException, name: str, extra: str) -> int:
    """Say on standard error what has ended the command `name`, and give its exit code.

    Args:
        extra: the optional dependencies that install what the command imports.
    """
    # click raises Abort for Ctrl-C, and for an EOFError, which here is one that nobody has foreseen.
    if isinstance(error, click.Abort) and error.__context__ is not None:
        error = error.__context__
    code, message = _code_and_message(error, name, extra)
    if isinstance(error, OSError) and _raised_by_printing(error):
        give_up_stdout()
    # Where standard error cannot be written either, the exit code says all that can be said.
    with suppress(OSError):
        if isinstance(error, click.ClickException):
            error.show()
        elif message:
            click.echo(message, err=True)
    return code


def _code_and_message(error: BaseException, name: str, extra: str) -> tuple[int, str]:
    match error:
        case click.ClickException():
            return error.exit_code, ""
        case KeyboardInterrupt() | click.Abort():
            stopped = TERMINATED if isinstance(error, TerminatedInterrupt) else INTERRUPTED
            return stopped, str(error) or "Stopped."
        case CRBLError():
            return error.exit_code, f"Error: {error}"
        case BrokenPipeError():
            return READER_GONE, ""
        case OSError() if _raised_by_printing(error):
            reason = error.strerror or error
            return UNAVAILABLE, f"Error: Standard output cannot be written ({reason}). Make room, or send it elsewhere."
    if isinstance(error, MemoryError) or any(words in str(error).lower() for words in OUT_OF_MEMORY):
        return UNAVAILABLE, f"Error: There is not enough memory ({first_line(error)}). Close other programs."
    # What is imported may fail in any way where its files are those of another version.
    broken = broken_installation()
    if broken is not None:
        return UNAVAILABLE, f"Error: {name} cannot run here. {broken}"
    missing = _package_at_fault(error)
    if missing is not None:
        absent = isinstance(error, ModuleNotFoundError)
        reason = "" if absent else f", which is here and cannot be used ({first_line(error)})"
        return UNAVAILABLE, f"{name} needs the package {missing}{reason}. {how_to_install(extra)}"
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename is not None else ""
        return UNAVAILABLE, f"Error: {place}{error.strerror or first_line(error)}. Mend that, then try again."
    return UNEXPECTED, _request_for_a_report(error, name)


def _raised_by_printing(error: OSError) -> bool:
    """Whether it is standard output that cannot be written: all that is printed goes through click."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(frame.f_globals.get("__name__") == click.echo.__module__ for frame in frames)


def _package_at_fault(error: BaseException) -> str | None:
    """The package of others that is missing, broken, or of a version that lacks what is imported from it."""
    if isinstance(error, ImportError):
        return None if error.name is None or error.name.startswith(OWN_PACKAGES) else error.name
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        # A folder whose files are gone can be imported, and has nothing in it.
        emptied = getattr(error.obj, "__file__", None) is None and hasattr(error.obj, "__path__")
        return error.obj.__name__ if emptied else None
    return None


def _request_for_a_report(error: BaseException, name: str) -> str:
    kind = f"{type(error).__name__}: {first_line(error)}"
    content = "\n".join(
        [
            f"{shlex.join(sys.argv)}\ncrbl {__version__}, Python {platform.python_version()}, {platform.platform()}",
            "".join(traceback.format_exception(error)),
        ]
    )
    try:
        path = _written(content, name)
    except OSError as cause:
        return (
            f"{content}\nError: {name} has failed in a way that is not foreseen ({kind}). Please report that, with "
            f"the lines above, which could not be written to a file ({cause.strerror})."
        )
    return (
        f"Error: {name} has failed in a way that is not foreseen ({kind}). Please report that, and attach {path}, "
        "which says where it happened."
    )


def _written(content: str, name: str) -> Path:
    descriptor, path = tempfile.mkstemp(prefix=f"{name}-", suffix=".txt")
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(content)
    return Path(path)
