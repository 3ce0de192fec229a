"""A model file with another contract or graph, written as an export writes it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import onnx

from crbl_runtime.contract import METADATA_KEY, ModelContract
from crbl_runtime.payload import UNKNOWN_SHA256, with_payload_sha256


def rewritten(content: bytes, change: Callable[[onnx.GraphProto], None] | None = None, **contract: Any) -> bytes:
    """The file with a changed graph and other values in its contract, and with the hash that belongs to it."""
    model = onnx.load_model_from_string(content)
    if change is not None:
        change(model.graph)
    (entry,) = (entry for entry in model.metadata_props if entry.key == METADATA_KEY)
    values = replace(ModelContract.from_json(entry.value, "model"), payload_sha256=UNKNOWN_SHA256, **contract)
    entry.value = values.to_json()
    return with_payload_sha256(model.SerializeToString(deterministic=True))
