"""What a model file records about itself."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from crbl_export.first_onnxruntime import first_onnxruntime, opset_of
from crbl_export.model_file import ModelFile
from crbl_runtime.contract import HEATMAP_NAME, ModelContract
from crbl_runtime.errors import ModelFileError

REPORT_SUFFIX = ".parity.json"


@dataclass(frozen=True)
class ModelFacts:
    """All that a model card is made of.

    Attributes:
        name: of the file, without folders. size: in bytes. sha256: of the content.
        opset, ir_version: of ONNX. onnxruntime: the first release that loads the file, None where it is not known.
        heatmap: (height, width) of the heatmap in cells, None where the file has none.
    """

    name: str
    size: int
    sha256: str
    contract: ModelContract
    opset: int
    ir_version: int
    onnxruntime: str | None
    heatmap: tuple[int, int] | None

    @property
    def report_name(self) -> str:
        """Of the parity report that lies beside the file."""
        return Path(self.name).with_suffix(REPORT_SUFFIX).name

    @property
    def training(self) -> dict[str, Any]:
        """Provenance of the weights."""
        return self.contract.training

    def recorded(self, *keys: str) -> dict[str, Any]:
        """A dict within the provenance, by the keys that lead to it; empty where the file has none there."""
        found: Any = self.training
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else {}

    @property
    def leaked_images(self) -> int:
        """How many validation images are in the training set, or nearly so."""
        return _sum_of(self.recorded("leakage"), "identical", "near_identical")

    @property
    def anomalous_images(self) -> int:
        """How many validation images show an anomaly."""
        return _sum_of(self.recorded("validation"), "missed_anomaly", "true_anomaly")

    @property
    def versions(self) -> list[tuple[str, Any, Any]]:
        """Package, its version at training or conversion, its version at export; None where it was not in use."""
        # A converted checkpoint records python and torch beside everything else.
        beside = {key: self.training[key] for key in ("python", "torch") if key in self.training}
        trained = self.recorded("versions") | beside
        exported = self.contract.export.get("versions")
        exported = exported if isinstance(exported, dict) else {}
        packages = sorted({*trained, *exported})
        return [(package, trained.get(package), exported.get(package)) for package in packages]


def read_facts(content: bytes, name: str) -> ModelFacts:
    """The facts of a model file's content.

    Raises:
        ModelFileError: it is no ONNX file, no CRBL model, or has a contract that this version does not know.
    """
    file = ModelFile.from_bytes(content, name)
    return ModelFacts(
        name=name,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        contract=file.contract,
        opset=opset_of(file.graph),
        ir_version=file.graph.ir_version,
        onnxruntime=first_onnxruntime(file.graph),
        heatmap=_heatmap_size(file.graph),
    )


def read_model_file(path: Path) -> ModelFacts:
    """The facts of a model file.

    Raises:
        ModelFileError: see `read_facts`; or the file cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read ({error.strerror}). Name a file of crbl-export.") from error
    return read_facts(content, path.name)


def _heatmap_size(model: onnx.ModelProto) -> tuple[int, int] | None:
    output = next((output for output in model.graph.output if output.name == HEATMAP_NAME), None)
    if output is None:
        return None
    _, height, width = (dimension.dim_value for dimension in output.type.tensor_type.shape.dim)
    return height, width


def _sum_of(counts: dict[str, Any], *keys: str) -> int:
    return sum(counts[key] for key in keys if isinstance(counts.get(key), int))
