"""Every node of a graph compared with the kernel table and the known traps."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import onnx
from onnx import TensorProto, numpy_helper, shape_inference

from crbl_export.copied import copied
from crbl_export.directml.kernel_table import KernelTable, kernel_table
from crbl_export.first_onnxruntime import opset_of
from crbl_export.folded_casts import folded_casts
from crbl_runtime.contract import BATCH_DIMENSION
from crbl_runtime.onnx_messages import ONNX_DOMAINS

# Seen to be fused: each of these with Sigmoid (docs/directml_operators.md), and Gemm with each of the activations.
FUSED_WITH_ACTIVATION = frozenset({"BatchNormalization", "Conv", "Gemm", "MatMul"})
ACTIVATIONS = frozenset({"Sigmoid", "Relu", "LeakyRelu", "Elu", "Tanh", "Softplus", "HardSigmoid", "Softsign", "Selu"})
MOST_EINSUM_INPUTS = 2
MOST_AXES = 8
# The type parameter that the table's types are about, where it is not the one of the first input.
TYPE_PARAMETER = {"QuantizeLinear": "T2", "DequantizeLinear": "T1"}


@dataclass(frozen=True)
class Finding:
    """A node that would leave the GPU, or keep the model from loading, and why. `node` is empty for the whole file."""

    node: str
    operator: str
    reason: str


@dataclass(frozen=True)
class DirectMLReport:
    """What the check found.

    Attributes:
        nodes: how many were checked: all but `folded_casts`, which no provider gets to run.
        opset: of ONNX's own operators. source: of the kernel table.
    """

    nodes: int
    opset: int
    source: str
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether the whole graph stays on the GPU as far as the table tells."""
        return not self.findings

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return asdict(self) | {"passed": self.passed, "findings": [asdict(finding) for finding in self.findings]}


def check_directml(model: onnx.ModelProto) -> DirectMLReport:
    """Check a model as the runtime runs it on DirectML: with the batch fixed.

    Raises:
        onnx.shape_inference.InferenceError: shapes or types of the graph contradict each other.
    """
    table = kernel_table()
    fixed = shape_inference.infer_shapes(with_fixed_batch(model), check_type=True, strict_mode=True, data_prop=True)
    opset = opset_of(fixed)
    values = _values(fixed)
    findings = list(_whole_file(fixed, opset, table))
    folded = folded_casts(fixed.graph)
    for number, node in enumerate(fixed.graph.node):
        if folded.keys() & set(node.output):
            continue
        name = node.name or f"{node.op_type}_{number}"
        reasons = [*_kernel_reasons(node, opset, values, table), *_trap_reasons(node, fixed.graph, values)]
        findings += [Finding(name, node.op_type, reason) for reason in reasons]
    return DirectMLReport(len(fixed.graph.node) - len(folded), opset, table.source, tuple(findings))


def with_fixed_batch(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with the batch dimension set to 1, as a free dimension override does it."""
    fixed = copied(model)
    for value in (*fixed.graph.input, *fixed.graph.output):
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.dim_param == BATCH_DIMENSION:
                dimension.dim_value = 1
    return fixed


def _whole_file(model: onnx.ModelProto, opset: int, table: KernelTable) -> Iterator[Finding]:
    if opset > table.max_opset:
        yield Finding("", "", f"opset {opset}, DirectML has kernels up to {table.max_opset}")
    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in model.graph.initializer):
        yield Finding("", "", "weights in other files, expected all in one")


def _kernel_reasons(
    node: onnx.NodeProto, opset: int, values: dict[str, onnx.ValueInfoProto], table: KernelTable
) -> Iterator[str]:
    own = node.domain in ONNX_DOMAINS
    kernel = table.kernels.get(node.op_type if own else f"{node.domain}.{node.op_type}")
    if kernel is None:
        yield "DirectML has no kernel for this operator"
        return
    if not own:
        return
    schema = onnx.defs.get_schema(node.op_type, opset, "")
    if schema.since_version not in kernel.since_versions:
        known = ", ".join(map(str, sorted(kernel.since_versions)))
        yield f"defined since opset {schema.since_version}, DirectML has kernels since {known}"
    parameter = TYPE_PARAMETER.get(node.op_type, schema.inputs[0].type_str if schema.inputs else "")
    formal = [*zip(schema.inputs, node.input, strict=False), *zip(schema.outputs, node.output, strict=False)]
    for argument, name in formal:
        if argument.type_str == parameter and name in values:
            element = _element_type(values[name])
            if element not in kernel.types:
                yield f"{name} is {element}, DirectML takes {', '.join(sorted(kernel.types))}"


def _trap_reasons(
    node: onnx.NodeProto, graph: onnx.GraphProto, values: dict[str, onnx.ValueInfoProto]
) -> Iterator[str]:
    attributes = {attribute.name: attribute for attribute in node.attribute}
    if node.op_type == "Einsum":
        yield from _einsum_reasons(attributes["equation"].s.decode())
    if node.op_type == "Reshape" and "allowzero" in attributes and attributes["allowzero"].i:
        yield from _allowzero_reasons(node.input[1], graph)
    if node.op_type == "Cast" and attributes["to"].i == TensorProto.BOOL:
        yield from _to_bool_reasons(node.input[0], values)
    if node.op_type in FUSED_WITH_ACTIVATION and node.output[0] in {value.name for value in graph.output}:
        activations = [user.op_type for user in graph.node if node.output[0] in user.input]
        if ACTIVATIONS & set(activations):
            yield "its result is an output and goes into an activation too: DirectML fuses the two and loses the output"
    for name in node.output:
        if name in values and not _is_fixed(values[name]):
            yield f"the shape of {name} is not known with the batch fixed"


def _einsum_reasons(equation: str) -> Iterator[str]:
    """DirectML computes the products with one axis a letter, and has eight axes."""
    terms = equation.partition("->")[0].split(",")
    letters = {letter for letter in equation if letter.isalpha()}
    if len(terms) > MOST_EINSUM_INPUTS or "..." in equation or len(letters) > MOST_AXES:
        yield (
            f"the equation '{equation}' does not run on DirectML, which takes up to {MOST_EINSUM_INPUTS} inputs, "
            f"{MOST_AXES} letters and no ellipsis; write it as MatMul"
        )


def _to_bool_reasons(name: str, values: dict[str, onnx.ValueInfoProto]) -> Iterator[str]:
    """DirectML's bool is its uint8, to which it rounds towards 0."""
    if name in values and _element_type(values[name]) in ("float", "float16"):
        yield f"{name} is cast to bool, where DirectML makes false of fractions below 1; compare it with 0"


def _allowzero_reasons(target: str, graph: onnx.GraphProto) -> Iterator[str]:
    constants = {tensor.name: tensor for tensor in graph.initializer}
    if target not in constants or -1 in numpy_helper.to_array(constants[target]):
        yield "allowzero=1 and a -1 in the target keep the whole model from loading (80070057 Invalid parameter)"


def _values(model: onnx.ModelProto) -> dict[str, onnx.ValueInfoProto]:
    graph = model.graph
    values = {value.name: value for value in (*graph.input, *graph.output, *graph.value_info)}
    for tensor in graph.initializer:
        values[tensor.name] = onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
    return values


def _element_type(value: onnx.ValueInfoProto) -> str:
    return str(TensorProto.DataType.Name(value.type.tensor_type.elem_type)).lower()


def _is_fixed(value: onnx.ValueInfoProto) -> bool:
    tensor = value.type.tensor_type
    return tensor.HasField("shape") and all(dimension.HasField("dim_value") for dimension in tensor.shape.dim)
