"""All cases: what the kernel table says that DirectML has, and some of what it says that DirectML has not."""

from typing import Any

import onnx

from windows.operators.case import OPSETS, Case

TWO_INPUTS = ("Add", "Div", "Max", "Mul", "Pow")
BY_TYPE = ("ConvInteger", "DequantizeLinear", "QLinearConv", "QuantizeLinear")
TRAPS = (
    Case("Reshape", 14, "float", "allowzero=1"),
    Case("Einsum", 12, "float", "bihw,bjhw->bij"),
    Case("Gemm", 13, "float", "its result an output, and into a Sigmoid"),
)
ABSENT = (
    Case("Abs", 13, "double"),
    Case("Compress", 11, "float"),
    Case("Conv", 22, "float"),
    Case("Det", 11, "float"),
    Case("Sigmoid", 13, "double"),
    Case("Unique", 11, "float"),
)


def cases_of_table(kernels: dict[str, Any]) -> list[Case]:
    """Every definition that the opsets select, in float32 and one or two other types.

    Args:
        kernels: "kernels" of kernels.json.
    """
    return [
        Case(operator, since_version, element, form)
        for operator, entry in kernels.items()
        for since_version in _selected(operator)
        if since_version in entry["since_versions"]
        for element in _elements(operator, entry["types"])
        for form in _forms(operator)
    ]


def _selected(operator: str) -> list[int]:
    if "." in operator:
        return [1]
    return sorted({int(onnx.defs.get_schema(operator, opset, "").since_version) for opset in OPSETS})


def _elements(operator: str, types: list[str]) -> list[str]:
    if operator == "Cast":  # With float at the other end.
        return [element for element in types if element != "float"]
    if operator in BY_TYPE:
        return types
    integers = [element for element in ("int64", "int32", "uint8") if element in types]
    return ["float", "float16", *integers[:1]]


def _forms(operator: str) -> tuple[str, ...]:
    if operator == "Cast":
        return ("from float", "to float")
    return ("one shape", "per channel", "scalar") if operator in TWO_INPUTS else ("",)
