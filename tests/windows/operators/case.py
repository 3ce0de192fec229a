"""What is tried: an operator with a version of its definition, an element type and a form."""

from dataclasses import dataclass

# The opsets that model files of this project may have.
OPSETS = range(17, 21)


@dataclass(frozen=True)
class Case:
    """One model.

    Attributes:
        operator: as in kernels.json, of other domains than ONNX's own as "domain.Operator".
        since_version: the opset in which this definition of the operator first appeared.
        element: the type that the kernel table's types are about, as ONNX spells it in small letters.
        form: what else distinguishes the model from others of the operator, such as the shape of a second input.
    """

    operator: str
    since_version: int
    element: str
    form: str = ""
