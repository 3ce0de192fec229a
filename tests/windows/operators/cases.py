"""All cases: what the kernel table says that DirectML has, and some of what crbl-check says that it cannot run."""

from typing import Any

import onnx

from windows.operators.case import OPSETS, Case
from windows.operators.with_activation import INTO_SIGMOID

TWO_INPUTS = ("Add", "Div", "Max", "Mul", "Pow")
ALL_TYPES = ("ConvInteger", "DequantizeLinear", "QLinearConv", "QuantizeLinear")
FORMS = {
    "Cast": ("from float", "to float"),
    "Einsum": ("ij,jk->ik", "bihw,bjhw->bij", "bii->b", "abcdefg,gh->abcdefh"),
    "Reshape": ("", "target with -1", "allowzero=1"),
    **dict.fromkeys(TWO_INPUTS, ("per channel", "one shape", "scalar")),
}
ABSENT = (
    Case("Abs", 13, "double"),
    Case("Compress", 11, "float"),
    Case("Conv", 22, "float"),
    Case("Det", 11, "float"),
    Case("Sigmoid", 13, "double"),
    Case("Unique", 11, "float"),
)
TRAPS = (
    Case("BatchNormalization", 15, "float", INTO_SIGMOID),
    Case("Cast", 13, "bool", "from float16"),
    Case("Conv", 11, "float", INTO_SIGMOID),
    Case("Einsum", 12, "float", "...ij,...jk->...ik"),
    Case("Einsum", 12, "float", "abcdefgh,hi->abcdefgi"),
    Case("Einsum", 12, "float", "ij,jk,kl->il"),
    Case("Gemm", 13, "float", INTO_SIGMOID),
    Case("GlobalAveragePool", 1, "float", INTO_SIGMOID),
    Case("MatMul", 13, "float", INTO_SIGMOID),
    Case("Reshape", 14, "float", "allowzero=1, target with -1"),
    Case("Reshape", 19, "float", "allowzero=1, target with -1"),
)


def all_cases(kernels: dict[str, Any]) -> list[Case]:
    """In the page's order: each definition that the opsets select, in float32 and one or two other types, and more.

    Args:
        kernels: "kernels" of kernels.json.
    """
    return sorted([*_of_table(kernels), *ABSENT, *TRAPS], key=lambda case: (case.operator, case.since_version))


def _of_table(kernels: dict[str, Any]) -> list[Case]:
    return [
        Case(operator, since_version, element, form)
        for operator, entry in kernels.items()
        for since_version in _selected(operator)
        if since_version in entry["since_versions"]
        for element in _elements(operator, entry["types"])
        for form in _forms(operator, element)
    ]


def _selected(operator: str) -> list[int]:
    if "." in operator:
        return [1]
    return sorted({int(onnx.defs.get_schema(operator, opset, "").since_version) for opset in OPSETS})


def _elements(operator: str, types: list[str]) -> list[str]:
    if operator == "Cast":  # With float at the other end.
        return [element for element in types if element != "float"]
    if operator in ALL_TYPES:
        return types
    integers = [element for element in ("int64", "int32", "uint8") if element in types]
    return ["float", "float16", *integers[:1]]


def _forms(operator: str, element: str) -> tuple[str, ...]:
    """All in float32; the first is enough in the other types, but Cast is about them."""
    forms = FORMS.get(operator, ("",))
    return forms if element == "float" or operator == "Cast" else forms[:1]
