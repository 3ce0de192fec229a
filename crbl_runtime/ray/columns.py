"""The columns of a result, one row an image."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from crbl_runtime.errors import DataError
from crbl_runtime.prediction import CombinedPrediction, Prediction

if TYPE_CHECKING:
    import pyarrow

    from crbl_runtime.predict_many import ImageFailure

KEY = "key"
"""Names an image: its path or URI, or that of the file which it is in and its place there."""

# Names of pyarrow's types.
OF_AN_IMAGE = {
    "is_anomaly": "bool",
    "label": "string",
    "notes": "list<string>",
    "bit_depth_unclear": "bool",
    "error": "string",
}
OF_A_MODEL = {
    "is_anomaly": "bool",
    "probability": "double",
    "logit": "double",
    "calibrated_probability": "double",
    "threshold": "double",
    "region_found": "bool",
    "box": "list<int32>",
    "provider": "string",
    "fallback": "string",
    "device_removed": "string",
    "preparation": "string",
}
MODEL_SHA256 = "model_sha256"


def prefixes(variants: Sequence[str]) -> tuple[str, ...]:
    """What the columns of each model begin with: nothing for one, `crop_` and `full_` for two."""
    return ("",) if len(variants) == 1 else tuple(f"{variant}_" for variant in variants)


def column_types(variants: Sequence[str]) -> dict[str, str]:
    """The names and types of the columns that scoring adds, for one model or two."""
    types = dict(OF_AN_IMAGE)
    for prefix in prefixes(variants):
        types |= {f"{prefix}{name}": kind for name, kind in OF_A_MODEL.items()}
        types[f"{prefix}{MODEL_SHA256}"] = "string"
    return types


def require_free_columns(names: Sequence[str], variants: Sequence[str]) -> None:
    """Make sure that a dataset has no column of a name that a result needs.

    Raises:
        DataError: it has.
    """
    taken = [name for name in names if name in column_types(variants)]
    if taken:
        raise DataError(
            f"The dataset has columns of its own that are named as those of results: {', '.join(taken)}. Rename or "
            "drop them first."
        )


def result_columns(
    results: "Sequence[Prediction | CombinedPrediction | ImageFailure]", hashes: dict[str, str]
) -> "pyarrow.Table":
    """One row for each result, also for an image that has failed.

    Args:
        hashes: the SHA-256 of the payload of each model, by its variant.
    """
    import pyarrow

    variants = tuple(hashes)
    names = [f"{prefix}{MODEL_SHA256}" for prefix in prefixes(variants)]
    of_models = dict(zip(names, hashes.values(), strict=True))
    rows = [_row(result, variants) | of_models for result in results]
    schema = pyarrow.schema([(name, _type(kind)) for name, kind in column_types(variants).items()])
    return pyarrow.Table.from_pylist(rows, schema)


def _row(result: "Prediction | CombinedPrediction | ImageFailure", variants: Sequence[str]) -> dict[str, Any]:
    if isinstance(result, Prediction):
        return _of_a_model(result, "") | _of_an_image(result)
    if isinstance(result, CombinedPrediction):
        of_models = {
            name: value
            for variant in variants
            for name, value in _of_a_model(getattr(result, variant), f"{variant}_").items()
        }
        return of_models | _of_an_image(result.crop) | {"is_anomaly": result.is_anomaly, "label": result.label}
    return {"error": str(result)}


def _of_an_image(prediction: Prediction) -> dict[str, Any]:
    return {name: getattr(prediction, name, None) for name in OF_AN_IMAGE}


def _of_a_model(prediction: Prediction, prefix: str) -> dict[str, Any]:
    return {f"{prefix}{name}": getattr(prediction, name) for name in OF_A_MODEL}


def _type(name: str) -> Any:
    import pyarrow

    if name.startswith("list<"):
        return pyarrow.list_(pyarrow.type_for_alias(name.removeprefix("list<").removesuffix(">")))
    return pyarrow.type_for_alias(name)
