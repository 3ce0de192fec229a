"""The images of files, of Parquet or of WebDataset -> a dataset of Ray with their keys."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from crbl_runtime.errors import DataError, UsageError
from crbl_runtime.image_folder import IMAGE_SUFFIXES
from crbl_runtime.ray.columns import KEY
from crbl_runtime.ray.dataset import ROWS_AT_A_TIME
from crbl_runtime.ray.image_column import BYTES, require_image_column
from crbl_runtime.ray.keys import Digests, not_among
from crbl_runtime.ray.listing import Places, find_files, format_of, locate_all

if TYPE_CHECKING:
    import pyarrow
    from pyarrow.fs import FileSystem
    from ray.data import Dataset

MOST_BLOCKS = 10_000
"""Ray keeps account of each block on the machine that started the job."""

# What ray.data.read_parquet calls the columns that it adds.
PATH, ROW_HASH = "path", "row_hash"


@dataclass(frozen=True)
class Source:
    """What is to be scored.

    Attributes:
        places: as they were given, in full. format: "images", "parquet" or "webdataset".
        files: as `filesystem`, None for this machine, calls them. prefix: what stands before their paths in keys.
        image_column: of the dataset. columns: of Parquet, those that the result is to keep.
    """

    places: list[str]
    format: str
    files: list[str]
    filesystem: "FileSystem | None"
    prefix: str
    image_column: str
    columns: tuple[str, ...]


def find_source(
    places: Places,
    format: str | None,
    image_column: str | None,
    columns: Sequence[str],
    filesystem: "FileSystem | None",
) -> Source:
    """List the files of a source, and look into the first table, before the cluster does any work.

    Raises:
        DataError: there are no such files, or a table lacks a column. UsageError: an argument does not fit the format.
    """
    locations = locate_all(places, filesystem)
    format = format_of(locations, format)
    if format != "parquet" and (image_column is not None or columns):
        raise UsageError(f"image_column and columns are of Parquet tables, and the source's format is {format}.")
    files = find_files(locations, format)
    name = {"images": KEY, "webdataset": BYTES, "parquet": image_column or BYTES}[format]
    first = locations[0]
    source = Source(list(map(str, locations)), format, files, first.filesystem, first.prefix, name, tuple(columns))
    if format == "parquet":
        _check_table(source)
    return source


def read_source(source: Source, done: Digests) -> "Dataset | None":
    """The images that are not `done`, with their keys; None where none is left, as far as that can be known before."""
    if source.format == "images":
        return _read_images(source, done)
    read = {"parquet": _read_parquet, "webdataset": _read_webdataset}[source.format]
    dataset = read(source)
    if len(done):
        import ray

        dataset = dataset.map_batches(_left, fn_args=(ray.put(done),), batch_format="pyarrow")
    return dataset.repartition(target_num_rows_per_block=ROWS_AT_A_TIME)


def _read_images(source: Source, done: Digests) -> "Dataset | None":
    """The paths alone: a worker opens the files, so that one that cannot be opened is a row and not the job's end."""
    import pyarrow
    import ray

    keys = pyarrow.array([source.prefix + file for file in source.files], pyarrow.string())
    keys = keys.filter(pyarrow.array(not_among(keys, done)))
    if not len(keys):
        return None
    size = max(ROWS_AT_A_TIME, math.ceil(len(keys) / MOST_BLOCKS))
    tables = [pyarrow.table({KEY: keys.slice(start, size)}) for start in range(0, len(keys), size)]
    return ray.data.from_arrow(tables)


def _read_parquet(source: Source) -> "Dataset":
    import ray

    try:
        dataset = ray.data.read_parquet(
            source.files, filesystem=source.filesystem, include_paths=True, include_row_hash=True
        )
    except (OSError, ValueError) as error:  # Ray looks into some of the files.
        raise DataError(f"A table cannot be read as Parquet ({error}). Write it again, or remove it.") from error
    wanted = [source.image_column, *source.columns, PATH, ROW_HASH]
    return dataset.select_columns(wanted).map_batches(
        _with_key, fn_args=(source.prefix,), batch_format="pyarrow", batch_size=ROWS_AT_A_TIME
    )


def _with_key(table: "pyarrow.Table", prefix: str) -> "pyarrow.Table":
    """A table has no name for its rows; its file and a hash of the row's number in it are one."""
    import pyarrow

    places = zip(table[PATH].to_pylist(), table[ROW_HASH].to_pylist(), strict=True)
    keys = pyarrow.array([f"{prefix}{path}#{row:016x}" for path, row in places], pyarrow.string())
    return table.drop_columns([PATH, ROW_HASH]).append_column(KEY, keys)


def _read_webdataset(source: Source) -> "Dataset":
    import ray

    dataset = ray.data.read_webdataset(
        source.files, filesystem=source.filesystem, decoder=None, suffixes=_is_image, include_paths=True
    )
    return dataset.flat_map(_members, fn_args=(source.prefix,))


def _is_image(suffix: str) -> bool:
    return PurePosixPath(f"image.{suffix}").suffix.lower() in IMAGE_SUFFIXES


def _members(sample: dict[str, Any], prefix: str) -> Iterator[dict[str, Any]]:
    """Each image of a sample, most often one; named by its archive and its name in there."""
    for suffix, content in sample.items():
        if _is_image(suffix) and isinstance(content, bytes):
            yield {KEY: f"{prefix}{sample[PATH]}/{sample['__key__']}.{suffix}", BYTES: content}


def _left(table: "pyarrow.Table", done: Any) -> "pyarrow.Table":
    import pyarrow
    import ray

    return table.filter(pyarrow.array(not_among(table[KEY], ray.get(done))))


def _check_table(source: Source) -> None:
    from pyarrow import parquet

    first = source.prefix + source.files[0]
    try:
        schema = parquet.read_schema(source.files[0], filesystem=source.filesystem)
    except (OSError, ValueError) as error:
        raise DataError(f"{first} cannot be read as Parquet ({error}). Write it again, or remove it.") from error
    require_image_column(schema, source.image_column, first)
    missing = [name for name in source.columns if name not in schema.names]
    if missing:
        raise DataError(f"{first} has no column {', '.join(missing)}. It has {', '.join(schema.names)}.")
    clashing = {PATH, ROW_HASH, KEY} & {source.image_column, *source.columns}
    if clashing:
        raise UsageError(f"Columns named {', '.join(sorted(clashing))} cannot be kept. Rename them in the tables.")
