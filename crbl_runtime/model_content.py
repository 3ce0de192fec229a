"""What a model file may hold, found out before onnxruntime sees any of it.

A graph is a program, and onnxruntime reads other files, runs loops and takes any memory where one says so. So a file
may hold what crbl-export writes and nothing else; what is under its hash is no proof, for whoever writes a file can
write the hash, too.
"""

from collections.abc import Iterator
from functools import partial
from math import prod

import numpy as np

from crbl_runtime.contract import METADATA_KEY
from crbl_runtime.errors import ModelFileError
from crbl_runtime.model_shapes import MOST_AXES, RULES, ShapeError, check_shapes, shown
from crbl_runtime.onnx_messages import MODEL, ONNX_DOMAINS, OTHER_FILE
from crbl_runtime.options import OPSETS
from crbl_runtime.protobuf_wire import Reader, Values, WireFormatError, only

# crbl-export's files have 39 MB, in half precision 19. protobuf itself ends at 2 GiB.
LARGEST_MODEL_FILE = 128 * 2**20
# Of all messages in a file. Those of crbl-export have 9,000.
MOST_VALUES = 100_000
# The lowest ones that the opsets can have.
IR_VERSIONS = range(8, 10)

OPERATORS = frozenset(RULES)

# Bytes of one element, by ONNX's number of its type: the types that weights, axes and shapes have.
ELEMENT_BYTES = {
    1: 4,  # float32
    2: 1,  # uint8
    6: 4,  # int32
    7: 8,  # int64
    9: 1,  # bool
    10: 2,  # float16
    11: 8,  # float64
}

# The field beside raw_data that a tensor of a type may be in, and the bytes of an element there; 0 where they vary.
_TYPED_DATA = {
    1: ("float_data", 4),
    2: ("int32_data", 0),
    6: ("int32_data", 0),
    7: ("int64_data", 0),
    9: ("int32_data", 0),
    10: ("int32_data", 0),
}

_shown = partial(shown, longest=60)

_GET_ANOTHER = "Name a file that crbl-export wrote, or export the model again."


def check_model_size(size: int, source: str) -> None:
    """Make sure that a file is small enough to be read.

    Args:
        size: of the file, in bytes. source: its name, for messages.

    Raises:
        ModelFileError: it is larger than any model file.
    """
    if size > LARGEST_MODEL_FILE:
        raise ModelFileError(
            f"{source} has {size:,} bytes, expected at most {LARGEST_MODEL_FILE:,}: crbl-export's files have less than "
            f"a third of that. {_GET_ANOTHER}"
        )


def check_model_content(content: bytes, source: str) -> None:
    """Make sure that a file holds what crbl-export writes, and nothing that reads other files, nests or calls code.

    It is one ONNX model of the opsets 17 to 20, of ONNX's own operators, and of those only the ones in `OPERATORS`,
    with all its weights in it, each as large as it says. One image takes no more memory and work than in a real one.
    The check takes time and memory for the graph, and none for weights.

    Args:
        content: of the file. source: its name, for messages.

    Raises:
        ModelFileError: it holds something else, or is no ONNX model.
    """
    check_model_size(len(content), source)
    if content[4:8] == b"ORTM":
        raise ModelFileError(
            f"{source} is in onnxruntime's own format (ORT), expected ONNX. Name the .onnx file that crbl-export wrote."
        )
    try:
        model = Reader(MOST_VALUES).read(memoryview(content), MODEL)
    except WireFormatError as error:
        raise ModelFileError(f"{source} is no CRBL model, or is damaged: it {error}. {_GET_ANOTHER}") from error
    if not any(entry.get("key") == [METADATA_KEY] for entry in model.get("metadata_props", [])):
        raise ModelFileError(
            f"{source} is no CRBL model: it has no '{METADATA_KEY}' metadata. Name a file that crbl-export wrote."
        )
    finding = next(_findings(model), None)
    if finding is not None:
        raise ModelFileError(f"{source} {finding}. {_GET_ANOTHER}")
    try:
        check_shapes(model["graph"][0])
    except ShapeError as error:
        raise ModelFileError(f"{source} {error}. {_GET_ANOTHER}") from error


def _findings(model: Values) -> Iterator[str]:
    """What is wrong with a model, as it follows the name of its file."""
    yield from _version_findings(model)
    keys = [only(entry, "key") for entry in model.get("metadata_props", [])]
    if len(set(keys)) != len(keys):
        yield "has metadata with a key twice"
    graphs = model.get("graph", [])
    if not graphs:
        yield "has no graph"
    for graph in graphs:
        for tensor in graph.get("initializer", []):
            yield from _tensor_findings(tensor)
        for node in graph.get("node", []):
            yield from _operator_findings(node)


def _version_findings(model: Values) -> Iterator[str]:
    version = only(model, "ir_version")
    if version not in IR_VERSIONS:
        yield f"has the IR version {version}, expected {IR_VERSIONS[0]} to {IR_VERSIONS[-1]}"
    opsets = [(only(opset, "domain", ""), only(opset, "version")) for opset in model.get("opset_import", [])]
    for domain, _ in opsets:
        if domain not in ONNX_DOMAINS:
            yield f"uses operators of the domain {_shown(domain)}, expected ONNX's own ones alone"
    if len(opsets) != 1:
        yield f"names {len(opsets)} opsets, expected one"
    for _, opset in opsets:
        if opset not in OPSETS:
            yield f"has opset {opset}, expected {OPSETS[0]} to {OPSETS[-1]}"


def _operator_findings(node: Values) -> Iterator[str]:
    operator, domain = only(node, "op_type", ""), only(node, "domain", "")
    if domain not in ONNX_DOMAINS:
        yield f"has an operator {_shown(operator)} of the domain {_shown(domain)}, expected ONNX's own ones alone"
    if operator not in OPERATORS:
        yield f"has an operator {_shown(operator)}, which this crbl does not run; upgrade crbl if a newer one wrote it"


def _tensor_findings(tensor: Values) -> Iterator[str]:
    name = f"a tensor {_shown(only(tensor, 'name', ''))}"
    if only(tensor, "data_location", 0):
        yield f"has {name} with {OTHER_FILE}"
    kind = only(tensor, "data_type")
    if kind not in ELEMENT_BYTES:
        yield f"has {name} of the element type {kind}, expected one of numbers ({', '.join(map(str, ELEMENT_BYTES))})"
        return
    dims = tensor.get("dims", [])
    if len(dims) > MOST_AXES:
        yield f"has {name} with {len(dims)} axes, expected at most {MOST_AXES}"
        return
    elements = prod(dims)
    stored = [key for key in ("raw_data", "float_data", "int32_data", "int64_data") if key in tensor]
    if len(stored) > 1:
        yield f"has {name} whose values are there in two forms ({' and '.join(stored)})"
        return
    found = _elements(tensor, kind)
    if found != elements:
        yield f"has {name} of the shape {_shown(dims)} with {found} values, expected as many as its shape has"


def _elements(tensor: Values, kind: int) -> int | None:
    """How many values a tensor's data has; None where they are in a form that is not the one of its type."""
    raw = only(tensor, "raw_data")
    if raw is not None:
        return _whole_elements(raw, ELEMENT_BYTES[kind])
    field, size = _TYPED_DATA.get(kind, ("", 0))
    data = only(tensor, field)
    if data is None:
        return 0
    return _whole_elements(data, size) if size else _varints(data)


def _whole_elements(data: memoryview, size: int) -> int | None:
    whole, rest = divmod(len(data), size)
    return whole if not rest else None


def _varints(data: memoryview) -> int:
    """How many varints data holds: each ends with the one byte of it that is below 128."""
    return int(np.count_nonzero(np.frombuffer(data, np.uint8) < 128))
