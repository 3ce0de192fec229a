"""A dataset of Ray with images in it -> the same rows with the results in the images' place."""

from typing import TYPE_CHECKING, Any

from crbl_runtime.errors import UsageError
from crbl_runtime.execution_provider import require_known
from crbl_runtime.ray.columns import require_free_columns
from crbl_runtime.ray.image_column import BYTES, require_image_column
from crbl_runtime.ray.installed import require_ray
from crbl_runtime.ray.models import ModelPaths, model_paths, open_models, payload_hashes
from crbl_runtime.ray.scorer import Scorer, ScorerArguments

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem
    from ray.data import Dataset

ROWS_AT_A_TIME = 64
"""How many images a worker is given at a time, and what is done again where a worker dies."""


def scored(
    dataset: "Dataset",
    model: ModelPaths,
    *,
    image_column: str = BYTES,
    provider: str = "cpu",
    workers: int | tuple[int, int] = 2,
    threads: int = 1,
    batch_size: int = 8,
    num_cpus: float | None = None,
    num_gpus: float | None = None,
    threshold: float | None = None,
    bit_depth: int | None = None,
    filesystem: "FileSystem | None" = None,
) -> "Dataset":
    """Score the images of a dataset, in workers (actors) that have a detector each. Lazy, as all of Ray Data is.

    The rows keep their other columns, and there is one for each image, also where it cannot be read: then `error`
    tells why, and `is_anomaly` is null. See docs/scale.md for the columns. A worker that dies is started again, and
    what it was at is scored once more, without a trace in the result.

    Args:
        dataset: from ray.data.read_binary_files, read_parquet or any other source of image files. Not from read_images,
            which decodes them by itself to other pixels.
        model: a model file, or a crop and a full one, of which either finds an anomaly. Workers are sent its content.
        image_column: holds the bytes of image files, records with a field "bytes" (Hugging Face), or paths and URIs.
        provider: as for `Detector`; each worker checks that it computes rightly there.
        workers: how many, or (at least, at most) of them.
        threads: of each worker. More than one pays where it waits for files of an object store.
        batch_size: images that a GPU is given at a time.
        num_cpus: cores of each worker. None for one, or less where that would leave none for reading and writing,
            without which Ray Data waits for ever.
        num_gpus: graphics cards of each worker; None for one with the provider "cuda", else none.
        threshold: in place of the model file's, 0 to 1; for one model only. bit_depth: as for `Detector`.
        filesystem: where paths of the image column lie; None for what each of them says.

    Raises:
        DataError: the column is missing or of another type, as far as Ray knows before it runs; later the dataset
            raises it. UnavailableError: Ray is not there. UsageError, ModelFileError: as `Detector`.
    """
    require_ray()
    import pyarrow
    import ray
    from ray.data import ActorPoolStrategy

    least, most = (workers, workers) if isinstance(workers, int) else workers
    if not 1 <= least <= most:
        raise UsageError(f"workers is {workers}, expected at least 1, or (at least, at most) of them.")
    require_known(provider)
    paths = model_paths(model)
    settings: dict[str, Any] = {"batch_size": batch_size, "workers": threads, "threads": 1, "bit_depth": bit_depth}
    if threshold is not None:
        settings["threshold"] = threshold
    # Here only to refuse what no worker could use: without the provider, which this machine need not have.
    with open_models(paths, provider="cpu", cpu_self_test=False, **settings) as detector:
        variants = tuple(payload_hashes(detector))
    schema = dataset.schema(fetch_if_missing=False)
    if schema is not None and isinstance(schema.base_schema, pyarrow.Schema):
        require_image_column(schema.base_schema, image_column, "The dataset")
        require_free_columns([name for name in schema.names if name != image_column], variants)
    arguments = ScorerArguments(
        models=tuple((path.name, ray.put(path.read_bytes())) for path in paths),
        detector={"provider": provider, **settings},
        image_column=image_column,
        filesystem=filesystem,
    )
    return dataset.map_batches(
        Scorer,
        fn_constructor_args=(arguments,),
        batch_format="pyarrow",
        batch_size=ROWS_AT_A_TIME,
        compute=ActorPoolStrategy(min_size=least, max_size=most),
        num_cpus=_cores(most) if num_cpus is None else num_cpus,
        num_gpus=float(provider == "cuda") if num_gpus is None else num_gpus,
    )


def _cores(workers: int) -> float:
    """Of each worker: one where that leaves any, else so little that half of what could be taken is left.

    Reading takes a whole core. Beside the workers there may be those of a job that failed, whose cores Ray gives back
    only when nobody remembers its error any more.
    """
    import ray

    if not ray.is_initialized():
        ray.init()
    cores = ray.cluster_resources().get("CPU", 0.0)
    return 1.0 if cores > workers else round(max(cores - 1, 0.0) / (2 * workers), 3)
