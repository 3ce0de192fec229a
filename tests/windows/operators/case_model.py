"""The model of any case."""

import onnx

from windows.operators.case import Case
from windows.operators.one_node import Array, one_node_model
from windows.operators.with_activation import INTO_SIGMOID, with_activation


def case_model(case: Case) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """The model and what to feed to it, the same at every call."""
    return with_activation(case) if case.form == INTO_SIGMOID else one_node_model(case)
