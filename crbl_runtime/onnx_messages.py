"""What a model file may hold: the messages of ONNX, as far as crbl-export writes them.

Numbers and names are those of onnx/onnx.proto, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. What would run
other code, read other files or nest without an end is not allowed; the rest is left out because no CRBL model has it.
"""

from crbl_runtime.protobuf_wire import Field, Message

OTHER_FILE = "data in another file, expected all of them in this one"
ONNX_DOMAINS = ("", "ai.onnx")

_GRAPH = "a graph of its own (a branch or a loop)"
_SPARSE = "a sparse tensor"

_METADATA = Message("metadata", {1: Field("key", "text"), 2: Field("value", "text")})

_TENSOR = Message(
    "a tensor",
    {
        1: Field("dims", "integers"),
        2: Field("data_type", "integer"),
        4: Field("float_data", "bytes"),
        5: Field("int32_data", "bytes"),
        7: Field("int64_data", "bytes"),
        8: Field("name", "text"),
        9: Field("raw_data", "bytes"),
        12: Field("doc_string", "text"),
        14: Field("data_location", "integer"),
        16: Field("metadata_props", _METADATA, repeated=True),
    },
    {3: "a segment, expected all of its data", 13: OTHER_FILE},
)

_ATTRIBUTE = Message(
    "an attribute",
    {
        1: Field("name", "text"),
        3: Field("i", "integer"),
        4: Field("s", "bytes"),
        8: Field("ints", "integers"),
        13: Field("doc_string", "text"),
        20: Field("type", "integer"),
    },
    {
        2: "a fraction",
        5: "a tensor, expected weights among the initializers",
        6: _GRAPH,
        7: "fractions",
        9: "texts",
        10: "tensors, expected weights among the initializers",
        11: _GRAPH,
        21: "a reference to a function's attribute",
        22: _SPARSE,
        23: _SPARSE,
    },
)

_NODE = Message(
    "a node",
    {
        1: Field("input", "text", repeated=True),
        2: Field("output", "text", repeated=True),
        3: Field("name", "text"),
        4: Field("op_type", "text"),
        5: Field("attribute", _ATTRIBUTE, repeated=True),
        6: Field("doc_string", "text"),
        7: Field("domain", "text"),
        9: Field("metadata_props", _METADATA, repeated=True),
    },
    {8: "an overload of a function", 10: "a device of its own"},
)

_DIMENSION = Message(
    "a dimension",
    {1: Field("dim_value", "integer"), 2: Field("dim_param", "text"), 3: Field("denotation", "text")},
)
_SHAPE = Message("a shape", {1: Field("dim", _DIMENSION, repeated=True)})
_TENSOR_TYPE = Message("a type", {1: Field("elem_type", "integer"), 2: Field("shape", _SHAPE)})
_TYPE = Message(
    "a type",
    {1: Field("tensor_type", _TENSOR_TYPE), 6: Field("denotation", "text")},
    dict.fromkeys((4, 5, 7, 8, 9), "values that are no tensors"),
)
_VALUE = Message(
    "a value",
    {
        1: Field("name", "text"),
        2: Field("type", _TYPE),
        3: Field("doc_string", "text"),
        4: Field("metadata_props", _METADATA, repeated=True),
    },
)

_GRAPH_MESSAGE = Message(
    "a graph",
    {
        1: Field("node", _NODE, repeated=True),
        2: Field("name", "text"),
        5: Field("initializer", _TENSOR, repeated=True),
        10: Field("doc_string", "text"),
        11: Field("input", _VALUE, repeated=True),
        12: Field("output", _VALUE, repeated=True),
        16: Field("metadata_props", _METADATA, repeated=True),
    },
    {13: "declared values within it, expected inputs and outputs alone", 14: "a quantization", 15: _SPARSE},
)

_OPSET = Message("an opset", {1: Field("domain", "text"), 2: Field("version", "integer")})

MODEL = Message(
    "a model",
    {
        1: Field("ir_version", "integer"),
        2: Field("producer_name", "text"),
        3: Field("producer_version", "text"),
        4: Field("domain", "text"),
        5: Field("model_version", "integer"),
        6: Field("doc_string", "text"),
        7: Field("graph", _GRAPH_MESSAGE),
        8: Field("opset_import", _OPSET, repeated=True),
        14: Field("metadata_props", _METADATA, repeated=True),
    },
    {20: "a training graph of its own", 25: "functions of its own", 26: "devices of its own"},
)
