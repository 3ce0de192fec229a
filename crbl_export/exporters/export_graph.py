"""The graph as torch exports it.

After the passes both have written the same graph: the same nodes in the same order, with the same attributes and
wiring. One thing is left to differ, the last bit of the weights that a BatchNorm was merged into: dynamo's optimizer
merges it, for TorchScript the simplifier does, and the two multiply in another order.
"""

from collections.abc import Callable

import onnx
import torch
from torch.torch_version import TorchVersion

from crbl_export.exporters.dynamo import export_with_dynamo
from crbl_export.exporters.torchscript import export_with_torchscript
from crbl_export.graph import ExportGraph
from crbl_export.options import DEFAULT_OPSET
from crbl_runtime.errors import UnavailableError, UsageError, first_line
from crbl_runtime.installation import how_to_install
from crbl_runtime.options import OPSETS

# Asked for 17, dynamo writes 18.
DYNAMO_OPSETS = range(18, OPSETS.stop)
DYNAMO_TORCH = "2.9"

EXPORTERS: dict[str, Callable[[ExportGraph, int], onnx.ModelProto]] = {
    "dynamo": export_with_dynamo,
    "torchscript": export_with_torchscript,
}


def exporter_for(opset: int, torch_version: str = torch.__version__) -> str:
    """ "dynamo" where this torch has a good one that writes this opset, else "torchscript".

    torch 2.9 made dynamo its default; the torch of torch-directml, 2.4.1, is older.
    """
    return "dynamo" if TorchVersion(torch_version) >= DYNAMO_TORCH and opset in DYNAMO_OPSETS else "torchscript"


def export_graph(graph: ExportGraph, opset: int, exporter: str) -> onnx.ModelProto:
    """The graph as torch exports it, with a free batch dimension.

    Args:
        exporter: a key of `EXPORTERS`.

    Raises:
        UsageError: the opset is not from 17 to 20. UnavailableError: this torch cannot export with this exporter, or
            wrote another opset than asked for.
    """
    if opset not in OPSETS:
        raise UsageError(f"The opset is {opset}, expected {OPSETS.start} to {OPSETS.stop - 1} (what DirectML runs).")
    if exporter == "dynamo" and TorchVersion(torch.__version__) < DYNAMO_TORCH:
        raise UnavailableError(
            f"torch {torch.__version__} is too old for the exporter dynamo, expected at least {DYNAMO_TORCH}. "
            "Use torchscript, or install a newer torch."
        )
    try:
        with torch.no_grad():
            model = EXPORTERS[exporter](graph.eval(), opset)
    except ModuleNotFoundError as error:
        raise UnavailableError(
            f"The exporter {exporter} needs the package {error.name}. {how_to_install('export')}"
        ) from error
    except (RuntimeError, ValueError) as error:  # torch's OnnxExporterError is a RuntimeError
        raise UnavailableError(
            f"torch {torch.__version__} cannot export opset {opset} with {exporter} ({first_line(error)}). "
            f"Ask for another opset ({DEFAULT_OPSET} is the default), or install another torch."
        ) from error
    written = {entry.domain: entry.version for entry in model.opset_import}.get("")
    if written != opset:
        raise UnavailableError(
            f"torch {torch.__version__} wrote opset {written} with {exporter}, not {opset}. Ask for {written}."
        )
    return model
