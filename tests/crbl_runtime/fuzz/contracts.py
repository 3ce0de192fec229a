"""Contracts that are nearly right, in a model file with the hash that belongs to it."""

import json
from copy import deepcopy
from functools import cache
from typing import Any

import numpy as np
import onnx
from changed_bytes import changed_bytes
from models import open_and_predict, right_model, with_right_hash

from crbl_runtime.contract import METADATA_KEY, ModelContract
from crbl_runtime.preprocessing import PreprocessingSpec

STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 0.5, -0.0, 1e308, 10**400, -(10**30), 2**63, float("nan"), float("inf")),
    *("", "crop", "a", "0" * 64, "\0", "\ud800", "한국어", "x" * 10_000, "1e400", "nan", "\n=cmd", "<script>"),
    *([], {}, [[]], [None], {"": 0}, ["a", "b"], [0, 0, 0], [1e400] * 3, [0.1] * 5, [float("nan")] * 3, {"a": {}}),
    *(32, 64, 97, 4096, 4097, 255, 256, 10, 12),
)

CALIBRATION = {
    "method": "platt",
    "slope": 1.25,
    "intercept": -2.0,
    "images": 40,
    "anomalies": 12,
    "data_hash": "0" * 64,
}


@cache
def right_contract() -> str:
    model = onnx.load_model_from_string(right_model())
    return str(next(entry.value for entry in model.metadata_props if entry.key == METADATA_KEY))


def run_case(number: int) -> None:
    """Read one contract and, where that is accepted, use the file that it is in.

    Raises:
        CRBLError: it was refused.
    """
    random = np.random.default_rng([number, 1])
    text = _text(random)
    ModelContract.from_json(text, "contract.onnx")
    model = onnx.load_model_from_string(right_model())
    for entry in model.metadata_props:
        if entry.key == METADATA_KEY:
            entry.value = text
    open_and_predict(with_right_hash(model.SerializeToString()), random)


def _text(random: np.random.Generator) -> str:
    if random.integers(4) == 0:
        right = right_contract().encode()
        return changed_bytes(right, [right], random).decode("utf-8", "replace")
    values = json.loads(right_contract())
    if random.integers(2):
        values["calibration"] = dict(CALIBRATION)
    for _ in range(random.integers(1, 4)):
        _change(values, random)
    if random.integers(2):
        values["preprocessing_hash"] = _hash_of(values.get("preprocessing"))
    text = json.dumps(values)
    match int(random.integers(20)):
        case 0:
            return text.replace("null", "[" * 100_000 + "]" * 100_000, 1)
        case 1:
            return text.replace("0.5", "9" * 5_000, 1)
        case 2:
            return text[:-1] + ', "threshold": 1}'
    return text


def _change(values: Any, random: np.random.Generator) -> None:
    """Change one value, at any depth."""
    inner = list(values) if isinstance(values, dict) else range(len(values))
    if not len(inner):
        return
    key = inner[int(random.integers(len(inner)))]
    if isinstance(values[key], dict | list) and values[key] and random.integers(4):
        _change(values[key], random)
        return
    match int(random.integers(8)):
        case 0:
            del values[key]
        case 1 if isinstance(values, dict):
            values[f"{key}_"] = values[key]
        case 2 if isinstance(values[key], int | float):
            values[key] = type(values[key])(values[key] * int(random.choice([-1, 0, 2, 1000])))
        case 3:
            values[key] = [deepcopy(values[key]) for _ in range(random.integers(4))]
        case _:
            values[key] = deepcopy(STRANGE[int(random.integers(len(STRANGE)))])


def _hash_of(preprocessing: Any) -> str:
    """Of a spec that can be one; else any text."""
    try:
        return PreprocessingSpec.from_dict(preprocessing).hash
    except Exception:  # what is wrong with it is found by the reader that is tested
        return "0" * 64
