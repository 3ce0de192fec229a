"""What users choose from, and defaults. Imports little: a command offers the choices before it loads torch."""

from dataclasses import dataclass

from crbl_export.parity.limits import Limits

# DirectML has no Conv from opset 22 on; ReduceMean and Pad take their present form from 18 on.
OPSETS = range(17, 21)
DEFAULT_OPSET = 18


@dataclass(frozen=True)
class ExportOptions:
    """How a checkpoint is exported.

    Attributes:
        opset: of ONNX, 17 to 20. heatmap: whether the file gets the output `heatmap`.
        precision: "fp32" or "fp16".
        limits: what the file may differ from PyTorch; None for the limits of the precision.
        require_directml: a node without a DirectML kernel is an error and not a warning.
    """

    opset: int = DEFAULT_OPSET
    heatmap: bool = False
    precision: str = "fp32"
    limits: Limits | None = None
    require_directml: bool = True
