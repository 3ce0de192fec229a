"""Paths that Windows says do not exist because they are too long."""

import errno
import os
from pathlib import Path

# MAX_PATH is 260 with the NUL at the end (learn.microsoft.com: Maximum Path Length Limitation).
LONGEST_PATH = 259
# Of NTFS, in UTF-16 units.
LONGEST_NAME = 255


def readable_path(path: Path) -> Path:
    """The path itself; on Windows, where it is longer than LONGEST_PATH, in the form that is read at any length.

    A name in it that is longer than LONGEST_NAME cannot be read in any form.
    """
    if os.name != "nt":
        return path
    absolute = os.path.normpath(path.absolute())  # Without "..": in the other form it is a name like any other.
    return Path(extended(absolute)) if _utf16_units(absolute) > LONGEST_PATH else path


def extended(absolute: str) -> str:
    r"""An absolute Windows path without "." and "..", as \\?\C:\... or, of a share, as \\?\UNC\server\share\...

    Source: learn.microsoft.com, Naming Files, Paths, and Namespaces: Win32 File Namespaces.
    """
    if absolute.startswith(("\\\\?\\", "\\\\.\\")):
        return absolute
    return "\\\\?\\UNC" + absolute[1:] if absolute.startswith("\\\\") else "\\\\?\\" + absolute


def too_long(path: Path, error: OSError | ValueError) -> str | None:
    """A sentence about the length of a path that Windows gave this error for, or None where that cannot be the reason.

    Other systems say by themselves that a name is too long.
    """
    if os.name != "nt" or getattr(error, "errno", None) not in (errno.ENOENT, errno.EINVAL):
        return None
    absolute = path.absolute()
    name = max((_utf16_units(part) for part in absolute.parts), default=0)
    if name > LONGEST_NAME:
        return f"A name in it is too long: {name} characters, where {LONGEST_NAME} are allowed."
    length = _utf16_units(str(absolute))
    if length > LONGEST_PATH and not str(absolute).startswith("\\\\?\\"):
        return (
            f"The path has {length} characters, and Windows takes {LONGEST_PATH} unless long paths are enabled "
            "(LongPathsEnabled in the registry): enable them, or use a shorter folder."
        )
    return None


def _utf16_units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
