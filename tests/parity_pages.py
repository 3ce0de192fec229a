"""What tests of the parity report share: what a page holds, and a model file that does not decide as its checkpoint."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from crbl_runtime.contract import LOGIT_NAME
from rewritten_model import rewritten


def page_data(page: Path) -> dict[str, Any]:
    """What Python filled in."""
    data: dict[str, Any] = json.loads(_element(page, "data"))
    return data


def page_pictures(page: Path) -> list[bytes]:
    """The WebP files in the page."""
    return [base64.b64decode(line.removeprefix("webp;base64,")) for line in _element(page, "pictures").splitlines()]


def with_moved_logits(model: Path, by: float) -> bytes:
    """The model file with another bias of the head, so that every logit is off by as much."""

    def move(graph: onnx.GraphProto) -> None:
        node = next(node for node in graph.node if LOGIT_NAME in node.output)
        bias = next(tensor for tensor in graph.initializer if tensor.name in node.input)
        bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + np.float32(by), bias.name))

    return rewritten(model.read_bytes(), move)


def _element(page: Path, name: str) -> str:
    found = re.search(rf'<script type="[^"]*" id="{name}">(.*?)</script>', page.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]
