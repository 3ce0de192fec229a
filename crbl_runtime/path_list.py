"""A list of paths as other programs write it: find, dir, PowerShell, an editor."""

import os
import sys
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE

from crbl_runtime.errors import UsageError

NUL = b"\0"


def read_path_list(content: bytes) -> list[str]:
    """The paths of a list, in order.

    Args:
        content: one path a line, where empty lines count for nothing; or, where there is a NUL in it, paths that each
            end with one (`find -print0`), which may then have line ends of their own. UTF-16 with a byte order mark,
            as PowerShell writes it; else, with or without one, the bytes of names as the system has them. On Windows
            that is UTF-8 or, line by line, the console's encoding; and quotation marks around a path are taken off.

    Raises:
        UsageError: it is in none of these encodings.
    """
    content = _without_utf_16(content).removeprefix(BOM_UTF8)
    paths = content.split(NUL) if NUL in content else [line.removesuffix(b"\r") for line in content.split(b"\n")]
    return [_path(path) for path in paths if path]


def _without_utf_16(content: bytes) -> bytes:
    if not content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return content
    try:
        return content.decode("utf-16").encode("utf-8", "surrogatepass")
    except UnicodeError as error:
        raise UsageError(f"The list of images begins as UTF-16 and is none ({error}). Write it as UTF-8.") from error


def _path(line: bytes) -> str:
    if sys.platform != "win32":
        return os.fsdecode(line)
    candidates = [text.strip('"') for text in _decoded(line)]
    if not candidates:
        raise UsageError(f"A line of the list of images is neither UTF-8 nor of this console: {line!r}. Use UTF-8.")
    # Code pages of one byte a character decode everything, rightly or not.
    return next((text for text in candidates if os.path.lexists(text)), candidates[0])


def _decoded(line: bytes) -> list[str]:
    """A line in each encoding that it can be in; on Windows."""
    texts = []
    for encoding in ("utf-8", *_code_pages()):
        try:
            texts.append(line.decode(encoding))
        except (UnicodeError, LookupError):  # LookupError: a code page that Python does not have.
            continue
    return texts


def _code_pages() -> tuple[str, ...]:
    """Of the console, in which `dir` writes to a pipe, and of programs without one."""
    if sys.platform != "win32":
        return ()
    import ctypes

    kernel32 = ctypes.WinDLL("kernel32")
    return (f"cp{kernel32.GetConsoleOutputCP() or kernel32.GetOEMCP()}", "mbcs")
