"""What a worker does: from images to results, with a detector of its own."""

import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from crbl_runtime.csv_file import path_from_text
from crbl_runtime.errors import CRBLError, ImageReadError
from crbl_runtime.ray.columns import require_free_columns, result_columns
from crbl_runtime.ray.image_column import holds_paths, images_of, require_image_column
from crbl_runtime.ray.location import Location, locate
from crbl_runtime.ray.models import open_models, payload_hashes

if TYPE_CHECKING:
    import pyarrow
    from pyarrow.fs import FileSystem

    from crbl_runtime.combined_detector import CombinedDetector
    from crbl_runtime.detector import Detector


@dataclass(frozen=True)
class ScorerArguments:
    """What every worker is sent.

    Attributes:
        models: the name of each model file, and its content as an object of Ray. detector: arguments of the detector.
        image_column: see `image_column`. filesystem: where its paths lie; None for what each path says.
    """

    models: tuple[tuple[str, Any], ...]
    detector: dict[str, Any]
    image_column: str
    filesystem: "FileSystem | None"


class Scorer:
    """A detector that is made when its worker starts, and used for all images that the worker is given."""

    def __init__(self, arguments: ScorerArguments) -> None:
        import cv2

        # A worker has cores of its own and leaves the others alone.
        cv2.setNumThreads(1)
        self._arguments = arguments
        # An error here Ray would answer with other workers, and report as the death of a worker in the end.
        self._failure: CRBLError | None = None
        try:
            self._detector = _open(arguments)
        except CRBLError as failure:
            self._failure = failure

    def __call__(self, table: "pyarrow.Table") -> "pyarrow.Table":
        """Put the columns of results in the place of the images' bytes; a column of paths stays.

        Raises:
            DataError: the column is not there, or of another type. And what making the detector has raised.
        """
        if self._failure is not None:
            raise self._failure
        name = self._arguments.image_column
        require_image_column(table.schema, name, "The dataset")
        hashes = payload_hashes(self._detector)
        require_free_columns([each for each in table.schema.names if each != name], tuple(hashes))
        images = images_of(table[name])
        results = list(self._detector.predict_many(map(self._opened, images), on_error="return"))
        for number, image in enumerate(images):
            if image is None:
                results[number] = ImageReadError(f"There is no image: the column {name!r} is empty in this row.")
        added = result_columns(results, hashes)
        kept = table if holds_paths(table.schema.field(name).type) else table.drop_columns([name])
        for field in added.schema:
            kept = kept.append_column(field, added[field.name])
        return kept

    def _opened(self, image: bytes | str | None) -> Any:
        if not isinstance(image, str):
            return image
        location = locate(image, self._arguments.filesystem)
        if location.filesystem:
            return FileOfStore(location)
        # A name that is no UTF-8 stands in a column as in all tables of this project.
        return location.path if os.path.lexists(location.path) else path_from_text(location.path)


class FileOfStore:
    """A binary file that is opened when it is first read, by the thread that reads it."""

    def __init__(self, location: Location) -> None:
        self.name = str(location)
        self._location = location
        self._stream: Any = None

    def read(self, size: int) -> bytes:
        """At most `size` bytes.

        Raises:
            ImageReadError: the file cannot be opened or read.
        """
        assert self._location.filesystem is not None
        try:
            if self._stream is None:
                self._stream = self._location.filesystem.open_input_stream(self._location.path)
            content: bytes = self._stream.read(size)
        except (OSError, ValueError) as error:
            raise ImageReadError(
                f"{self.name}: cannot be read ({error}). Check that it is there and who may read it."
            ) from error
        return content


def _open(arguments: ScorerArguments) -> "Detector | CombinedDetector":
    """The model files come along: a path of the machine that started the job may lead nowhere here."""
    import ray

    with TemporaryDirectory() as folder:
        paths = [Path(folder, str(number), name) for number, (name, _) in enumerate(arguments.models)]
        for path, (_, content) in zip(paths, arguments.models, strict=True):
            path.parent.mkdir()
            path.write_bytes(ray.get(content))
        return open_models(paths, **arguments.detector)
