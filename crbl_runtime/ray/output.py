"""The folder of results: Parquet files that appear whole, and a note of what job they are of.

A job that is started again skips the images that are in them. Where a worker died, a file may have been written that
Ray then had written once more, under another name if its rows were bundled otherwise; only the files that Ray reported
as written are kept, and of those that a stopped job left only such as have no image in common. So each image has one
row, however often it was scored.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crbl_runtime.atomic_file import write_bytes
from crbl_runtime.errors import DataError, OutputError, UsageError
from crbl_runtime.ray.columns import KEY
from crbl_runtime.ray.keys import Digests, digests
from crbl_runtime.ray.location import Location

if TYPE_CHECKING:
    import pyarrow
    from pyarrow.fs import FileSystem

# Programs that read a folder of Parquet pass over names that begin with an underscore.
JOB_FILE = "_crbl_job.json"
SCHEMA_VERSION = 2
_RESULT = re.compile(r"scores-[0-9a-f]{32}\.parquet")


def begin(folder: Location, job: Mapping[str, Any]) -> frozenset[str]:
    """Make the folder ready for a job, new or to be continued.

    Args:
        job: what makes it another job, as JSON types.

    Returns:
        The names of the files with results that are there.

    Raises:
        UsageError: the folder holds the results of another job, or something else. OutputError: it cannot be written.
    """
    described = {"schema_version": SCHEMA_VERSION, **job}
    with _output_errors(folder):
        names = _names(folder)
        found = _read_job(folder) if JOB_FILE in names else None
        if found is None and names:
            raise UsageError(
                f"{folder} is not empty, and there is no {JOB_FILE} in it, with which a job could be continued. Name "
                "a new or an empty folder."
            )
        if found is not None and found != described:
            differing = sorted(name for name in found.keys() | described if found.get(name) != described.get(name))
            raise UsageError(
                f"{folder} holds the results of another job: it differs in {', '.join(differing)}. Name a new folder, "
                "or remove this one."
            )
        if found is None:
            _write(folder, JOB_FILE, json.dumps(described, indent=2).encode())
    return frozenset(filter(_RESULT.fullmatch, names))


def scored_before(folder: Location, names: Iterable[str]) -> tuple[frozenset[str], Digests]:
    """Which files with results are to be kept, and the sorted digests of the keys in them.

    Of files that have an image in common only the first is kept: a job that was stopped may have left what a worker
    wrote that died, beside what Ray had written in its place.

    Raises:
        DataError: a file cannot be read.
    """
    parts = {name: _keys(folder, name) for name in sorted(names)}
    different, counts = np.unique(np.concatenate([digests(()), *parts.values()]), return_counts=True)
    doubled = different[counts > 1]
    taken: set[bytes] = set()
    for name, part in list(parts.items()):
        common = set(part[np.isin(part, doubled)].tolist())
        if common & taken:
            del parts[name]
        else:
            taken |= common
    return frozenset(parts), np.sort(np.concatenate([digests(()), *parts.values()]))


def _keys(folder: Location, name: str) -> Digests:
    from pyarrow import parquet

    try:
        keys = parquet.read_table(f"{folder.path}/{name}", columns=[KEY], filesystem=folder.filesystem)[KEY]
    except (OSError, ValueError) as error:
        raise DataError(
            f"{folder}/{name} cannot be read ({error}). Remove it and start the job again: its images are scored once "
            "more."
        ) from error
    return digests(keys.to_pylist())


def write_results(table: "pyarrow.Table", folder: Location) -> "pyarrow.Table":
    """Write a file with results, whole or not at all; the same rows have the same name.

    Returns:
        One row: the name of the file.

    Raises:
        OutputError: it cannot be written.
    """
    import pyarrow
    from pyarrow import parquet

    if not table.num_rows:
        return pyarrow.table({"file": pyarrow.array([], pyarrow.string())})
    table = table.select([KEY, *(name for name in table.column_names if name != KEY)])
    name = f"scores-{hashlib.sha256(digests(table[KEY].to_pylist()).tobytes()).hexdigest()[:32]}.parquet"
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(table, sink)
    with _output_errors(folder):
        _write(folder, name, sink.getvalue().to_pybytes())
    return pyarrow.table({"file": [name]})


def keep_only(folder: Location, names: frozenset[str]) -> None:
    """Remove the files with results that are not among `names`: what workers left that died, or of a stopped job.

    Raises:
        OutputError: some of `names` are gone, or the others cannot be removed.
    """
    with _output_errors(folder):
        there = set(_names(folder))
        gone = sorted(names - there)
        if gone:
            raise OutputError(
                f"{len(gone)} files of this job are gone from {folder}, such as {gone[0]}. Let only one job at a time "
                "write there, and start this one again."
            )
        for name in filter(_RESULT.fullmatch, there - names):
            _filesystem(folder).delete_file(f"{folder.path}/{name}")


def _names(folder: Location) -> list[str]:
    """Of the files and folders in it; none where there is no such folder. Without hidden ones, unfinished files too."""
    from pyarrow.fs import FileSelector

    infos = _filesystem(folder).get_file_info(FileSelector(folder.path, allow_not_found=True))
    return [info.base_name for info in infos if not info.base_name.startswith(".")]


def _read_job(folder: Location) -> dict[str, Any]:
    path = f"{folder.path}/{JOB_FILE}"
    with _filesystem(folder).open_input_stream(path) as stream:
        content = stream.read()
    try:
        job = json.loads(content)
    except ValueError:
        job = None
    if not isinstance(job, dict):
        raise UsageError(f"{path} is damaged. Name a new folder, or remove this one.")
    return job


def _write(folder: Location, name: str, content: bytes) -> None:
    if folder.filesystem is None:
        write_bytes(Path(folder.path, name), content)
        return
    # Not every file system hides a file until it is whole.
    unfinished = f"{folder.path}/.{name}.{secrets.token_hex(4)}"
    folder.filesystem.create_dir(folder.path, recursive=True)
    with folder.filesystem.open_output_stream(unfinished) as stream:
        stream.write(content)
    folder.filesystem.move(unfinished, f"{folder.path}/{name}")


def _filesystem(folder: Location) -> "FileSystem":
    from pyarrow.fs import LocalFileSystem

    return folder.filesystem or LocalFileSystem()


@contextmanager
def _output_errors(folder: Location) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be read or written ({error}). Get leave to write there, or name another folder."
        ) from error
