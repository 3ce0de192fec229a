"""What users choose from, and defaults. Imports little: a command offers the choices before it loads torch."""

from dataclasses import dataclass

from crbl_export.parity.limits import Limits
from crbl_runtime.errors import UsageError

DEFAULT_OPSET = 18

PRECISIONS = ("fp32", "fp16")


@dataclass(frozen=True)
class ExportOptions:
    """How a checkpoint is exported.

    Attributes:
        opset: of ONNX, 17 to 20.
        heatmap: whether the file gets the output `heatmap`.
        precision: of the stored weights, "fp32" or "fp16". All is computed in float32.
        limits: what the file may differ from PyTorch; None for the default ones.
        require_directml: a node without a DirectML kernel is an error and not a warning.

    Raises:
        UsageError: the precision is none of these.
    """

    opset: int = DEFAULT_OPSET
    heatmap: bool = False
    precision: str = "fp32"
    limits: Limits | None = None
    require_directml: bool = True

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise UsageError(f"The precision is {self.precision!r}, expected {' or '.join(PRECISIONS)}.")
