"""Which operators onnxruntime's DirectML provider has kernels for."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Kernel:
    """An operator's kernels: the versions of its definition and the element types of its tensors."""

    since_versions: frozenset[int]
    types: frozenset[str]


@dataclass(frozen=True)
class KernelTable:
    """All operators this project may need.

    Attributes:
        source: where the table comes from. max_opset: the highest opset the provider knows. kernels: by operator;
            operators of other domains than ONNX's own as "domain.Operator". What is absent is not supported.
    """

    source: str
    max_opset: int
    kernels: dict[str, Kernel]


@cache
def kernel_table() -> KernelTable:
    """The table carried in the package."""
    content = json.loads((files("crbl_export.directml") / "kernels.json").read_text(encoding="utf-8"))
    kernels = {
        name: Kernel(frozenset(entry["since_versions"]), frozenset(entry["types"]))
        for name, entry in content["kernels"].items()
    }
    return KernelTable(content["source"], content["max_opset"], kernels)
