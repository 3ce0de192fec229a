"""The column that holds the images of a dataset: the bytes of files, or where files are."""

from typing import TYPE_CHECKING, Any

from crbl_runtime.errors import DataError

if TYPE_CHECKING:
    import pyarrow

BYTES = "bytes"
PATH = "path"


def require_image_column(schema: "pyarrow.Schema", name: str, source: str) -> None:
    """Make sure that a column is there and can hold images.

    Raises:
        DataError: naming the columns that are there, or the types that can be read.
    """
    if name not in schema.names:
        raise DataError(
            f"{source} has no column {name!r}. It has {', '.join(map(repr, schema.names)) or 'none'}; give the one "
            "with the images as image_column."
        )
    kind = schema.field(name).type
    if not (holds_bytes(kind) or holds_paths(kind) or _holds_records(kind)):
        raise DataError(
            f"{source} has the type {kind} in its column {name!r}, expected the bytes of image files (binary), records "
            "with the field 'bytes', or paths (string). Images that something else has decoded are not taken: read "
            "the files with ray.data.read_binary_files."
        )


def holds_bytes(kind: "pyarrow.DataType") -> bool:
    """Whether the values are the bytes of files."""
    from pyarrow import types

    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def holds_paths(kind: "pyarrow.DataType") -> bool:
    """Whether the values are paths or URIs."""
    from pyarrow import types

    return bool(types.is_string(kind) or types.is_large_string(kind))


def _holds_records(kind: "pyarrow.DataType") -> bool:
    """As the datasets of Hugging Face have them: bytes, or a path, or both."""
    from pyarrow import types

    return bool(types.is_struct(kind)) and kind.get_field_index(BYTES) >= 0


def images_of(column: "pyarrow.ChunkedArray") -> list[bytes | str | None]:
    """The bytes of each file, or its path or URI; None where there is neither."""
    values: list[Any] = column.to_pylist()
    if not _holds_records(column.type):
        return values
    return [None if value is None else value[BYTES] or value.get(PATH) for value in values]
