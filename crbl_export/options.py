"""What a user chooses about an export."""

from dataclasses import dataclass

from crbl_export.exporters.opsets import DEFAULT_OPSET
from crbl_export.parity.limits import Limits


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
