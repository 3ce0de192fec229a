"""Paths and URIs: which file system they lead to, and what it calls the place."""

import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from crbl_runtime.errors import UsageError

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

# A scheme has two letters at least: C:/images is a path of Windows.
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://([^/]*)(.*)", re.DOTALL)
# Of s3://bucket/images the bucket is the first folder; of hdfs://host/images the host is none.
_WITH_HOST = ("hdfs", "viewfs")


@dataclass(frozen=True)
class Location:
    """A file or a folder.

    Attributes:
        filesystem: of pyarrow; None for this machine. path: what it calls the place, such as "bucket/images".
        prefix: what stands before a path in results, such as "s3://"; nothing for this machine.
    """

    filesystem: "FileSystem | None"
    path: str
    prefix: str = ""

    def __str__(self) -> str:
        return self.prefix + self.path


def locate(place: str | os.PathLike[str], filesystem: "FileSystem | None" = None) -> Location:
    """Where a path or a URI leads.

    Args:
        filesystem: where it lies; None for what a URI says, and for a path this machine.

    Raises:
        UsageError: the URI names no file system that pyarrow knows.
    """
    text = os.fsdecode(place)
    match = _URI.fullmatch(text)
    if match is None:
        return Location(filesystem, text.rstrip("/")) if filesystem else Location(None, str(Path(text).absolute()))
    scheme, host, below = match.groups()
    if scheme.lower() == "file" and filesystem is None:
        return Location(None, str(Path(below).absolute()))
    path = below if scheme.lower() in (*_WITH_HOST, "file") else host + below
    return Location(filesystem or _filesystem(scheme, host), path.rstrip("/"), text[: len(text) - len(path)])


@cache
def _filesystem(scheme: str, host: str) -> "FileSystem":
    from pyarrow.fs import FileSystem

    try:
        return FileSystem.from_uri(f"{scheme}://{host}/")[0]
    except (ValueError, OSError) as error:
        raise UsageError(
            f"{scheme}://{host} cannot be opened ({error}). Give a path, a URI that pyarrow knows (s3, gs, abfs, "
            "hdfs), or a pyarrow filesystem beside it."
        ) from error
