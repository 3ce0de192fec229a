"""A whole job: images in, a folder of Parquet files out."""

import gc
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crbl_runtime import errors
from crbl_runtime.errors import CRBLError, DataError, UnavailableError
from crbl_runtime.ray.dataset import scored
from crbl_runtime.ray.installed import require_ray
from crbl_runtime.ray.listing import Places
from crbl_runtime.ray.location import Location, locate
from crbl_runtime.ray.models import ModelPaths, model_paths, open_models, payload_hashes
from crbl_runtime.ray.output import begin, keep_only, scored_before, write_results
from crbl_runtime.ray.source import Source, find_source, read_source

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem
    from ray.data import Dataset


@dataclass(frozen=True)
class ScoringResult:
    """What is in the folder of results.

    Attributes:
        images: rows, one an image. anomalous: of them. failed: images that could not be read or judged, see `error`.
        scored_before: of `images`, those that an earlier run had scored. files: of Parquet, sorted.
    """

    images: int
    anomalous: int
    failed: int
    scored_before: int
    files: tuple[str, ...]


def score(
    source: Places,
    model: ModelPaths,
    output: str | os.PathLike[str],
    *,
    format: str | None = None,
    image_column: str | None = None,
    columns: Sequence[str] = (),
    rows_per_file: int = 10_000,
    filesystem: "FileSystem | None" = None,
    output_filesystem: "FileSystem | None" = None,
    **scoring: Any,
) -> ScoringResult:
    """Score all images of a source, in the cluster that `ray.init` has joined, or on this machine.

    Each image has exactly one row in the result, named by `key`: also one that cannot be read, and also where workers
    die. Files appear whole, one after another. A job that was stopped goes on where it was when it is started again
    with the same arguments; images that were added to the source meanwhile are scored, too.

    Args:
        source: a folder, a file, or several; paths or URIs.
        model: a model file, or a crop and a full one, of which either finds an anomaly.
        output: a folder that is new, empty, or of the same job.
        format: "images" (files in folders and below, as crbl-predict takes them), "parquet" or "webdataset"; None for
            what the names of the source end in (.parquet, .tar), else "images".
        image_column: of Parquet, see `scored`; "bytes" where it is not given. columns: of Parquet, those to keep.
        rows_per_file: how many results are written at a time. What was not written is scored again by the next run.
        filesystem, output_filesystem: of pyarrow, where the source and the output lie; None for what their names say.
        scoring: the other arguments of `scored`: provider, workers, threads, batch_size, num_cpus, num_gpus, threshold,
            bit_depth.

    Raises:
        DataError: no images, a table without the column, an archive or a table that is damaged. UsageError: arguments
        that do not fit together, or an output of another job. OutputError: it cannot be written. UnavailableError: Ray
        or the provider is not there, or the cluster has failed. ModelFileError: as `Detector`.
    """
    require_ray()
    found = find_source(source, format, image_column, columns, filesystem)
    folder = locate(output, output_filesystem)
    before, done = scored_before(folder, begin(folder, _description(found, model, scoring)))
    dataset = read_source(found, done)
    written = frozenset() if dataset is None else _run(dataset, found, model, folder, rows_per_file, scoring)
    keep_only(folder, before | written)
    return _counted(folder, before | written, len(done))


def _description(source: Source, model: ModelPaths, scoring: dict[str, Any]) -> dict[str, Any]:
    """What decides about the rows. Another provider or number of workers does not make it another job."""
    import ray

    settings = {name: scoring[name] for name in ("threshold", "bit_depth") if scoring.get(name) is not None}
    with open_models(model_paths(model), provider="cpu", cpu_self_test=False, **settings) as detector:
        models = payload_hashes(detector)
    return {
        "source": source.places,
        "format": source.format,
        "image_column": source.image_column,
        "columns": list(source.columns),
        "models": models,
        **{name: settings.get(name) for name in ("threshold", "bit_depth")},
        # The keys of a table's rows are of Ray's making.
        "ray": ray.__version__ if source.format == "parquet" else None,
    }


def _run(
    dataset: "Dataset", source: Source, model: ModelPaths, folder: Location, rows_per_file: int, scoring: dict[str, Any]
) -> frozenset[str]:
    """Score and write; the names of the files, as Ray reports each of them once.

    Raises:
        CRBLError: an error of a worker as it was raised there; that of a damaged archive; all others as
            UnavailableError.
    """
    results = scored(dataset, model, image_column=source.image_column, filesystem=source.filesystem, **scoring)
    files = results.map_batches(
        write_results, fn_args=(folder,), batch_format="pyarrow", batch_size=rows_per_file, num_cpus=0
    )
    try:
        return frozenset(row["file"] for row in files.iter_rows())
    except Exception as error:
        text = str(error)
    # Workers of a job that has failed keep their cores as long as its error is remembered.
    del results, files
    gc.collect()
    raise _own_error(text) or _foreign_error(text, folder)


def _counted(folder: Location, names: frozenset[str], scored_before: int) -> ScoringResult:
    from pyarrow import compute, dataset

    files = [f"{folder.path}/{name}" for name in sorted(names)]
    if not files:
        raise DataError(f"No image was found to score, and {folder} has no results.")
    results = dataset.dataset(files, format="parquet", filesystem=folder.filesystem)
    return ScoringResult(
        images=results.count_rows(),
        anomalous=results.count_rows(filter=compute.field("is_anomaly")),
        failed=results.count_rows(filter=~compute.field("error").is_null()),
        scored_before=scored_before,
        files=tuple(folder.prefix + file for file in files),
    )


def _own_error(text: str) -> CRBLError | None:
    """Ray brings the text of a worker's traceback, and not the error itself."""
    found = re.findall(r"^crbl_runtime\.errors\.(\w+): (.*)$", text, re.MULTILINE)
    if not found:
        return None
    name, message = found[-1]
    own: CRBLError = getattr(errors, name)(message)
    return own


def _foreign_error(text: str, folder: Location) -> CRBLError:
    kept = f"What was written to {folder} is kept"
    reasons = re.findall(r"^[\w.]*(?:Error|Exception): .*$", text, re.MULTILINE) or text.splitlines()[:1]
    if reasons and reasons[-1].startswith("tarfile."):
        return DataError(
            f"An archive is damaged ({reasons[-1]}), and Ray does not tell which. Find it with python -m tarfile "
            f"--test FILE, replace or remove it, and start the job again. {kept}."
        )
    return UnavailableError(
        f"Ray has stopped the job ({''.join(reasons[-1:])}). {kept}: mend what Ray's messages tell of, and start the "
        "job again."
    )
