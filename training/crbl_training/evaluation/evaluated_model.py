"""A checkpoint or an ONNX model, seen as what they have in common: both give images logits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from crbl_runtime.calibration import Calibration
from crbl_runtime.detector import Detector
from crbl_runtime.errors import UsageError
from crbl_runtime.prediction import Prediction
from crbl_runtime.preprocessing import PreprocessingSpec, prepare
from crbl_runtime.report.reviewed import ReviewedModel
from crbl_training.checkpoint import LABELS, Checkpoint, load_checkpoint
from crbl_training.data.prepared_dataset import PreparedDataset
from crbl_training.devices.device import ChosenDevice, choose_device
from crbl_training.evaluation.explained_images import ExplainedImages, Region
from crbl_training.evaluation.heatmaps import predict_logits_and_heatmaps
from crbl_training.evaluation.metrics import predict_logits
from crbl_training.file_names import CHECKPOINT_SUFFIXES
from crbl_training.options import NO_TILED_RESOURCES


@dataclass(frozen=True)
class EvaluatedModel:
    """A model to be measured.

    Attributes:
        training: provenance of the weights, with their hash.
        calibration: how its logits become probabilities, or None.
        labels: the names of the two decisions, normal first.
        device: where it runs, as text. rejected: why no better device was used.
        logits: its logits, float32 [N], of images that were prepared with `preprocessing`.
        explain: the same with regions and heatmaps, which of a checkpoint takes longer.
    """

    variant: str
    preprocessing: PreprocessingSpec
    threshold: float
    threshold_source: str
    labels: tuple[str, str]
    calibration: Calibration | None
    training: dict[str, Any]
    device: str
    rejected: tuple[str, ...]
    logits: Callable[[PreparedDataset], Tensor]
    explain: Callable[[PreparedDataset], ExplainedImages]

    def reviewed(self, file: str, threshold: float, threshold_source: str) -> ReviewedModel:
        """As the review page shows it. Args: file: its name. threshold: that it is measured at."""
        fallback = " ".join(self.rejected) or None
        return ReviewedModel(self.variant, file, self.labels, threshold, threshold_source, self.device, fallback)

    def known_images(self, data_hash: str) -> str | None:
        """A warning about metrics on these images if the training saw them or may have, None where it did not."""
        if data_hash == self.training.get("train_data_hash"):
            return "The model was trained on these very images: the metrics say nothing about others."
        if data_hash == self.training.get("validation_data_hash"):
            return (
                "These are the validation images of the training, which chose the best epoch and perhaps the "
                "threshold and the calibration: expect a little less of others."
            )
        if self.training.get("held_out_data_hash") not in (None, data_hash):
            return (
                "The training with --split-test learned from some test images of its data: of those only the images in "
                "its held_out.csv were not seen."
            )
        if self.calibration is not None and data_hash == self.calibration.data_hash:
            return "The model was calibrated on these very images: expect a little less of its calibration on others."
        return None


@contextmanager
def open_model(
    path: Path,
    device: str = "auto",
    device_index: int = 0,
    *,
    tiled_resources: bool = True,
    bit_depth: int | None = None,
) -> Iterator[EvaluatedModel]:
    """The model of a .onnx file through the runtime, or of a checkpoint through PyTorch.

    Args:
        device: "auto", "directml", "cuda" or "cpu".
        device_index: adapter number, from 0.
        tiled_resources: see `choose_device`; a .onnx file has no use for False.
        bit_depth: see `PreprocessingSpec`; None for what the model says.

    Raises:
        UsageError: the name ends in none of .onnx, .pth and .safetensors, or a .onnx file is to do without tiled
            resources. ModelFileError, CheckpointError, UnavailableError, and UsageError, too: see `Detector`,
            `load_checkpoint` and `choose_device`.
    """
    if path.suffix.lower() == ".onnx" and not tiled_resources:
        raise UsageError(
            f"{NO_TILED_RESOURCES} is for checkpoints, which PyTorch runs, and the model is {path}, which onnxruntime "
            "runs. Leave the option out."
        )
    if path.suffix.lower() == ".onnx":
        with Detector(path, device, device_index=device_index, bit_depth=bit_depth) as detector:
            yield _from_onnx(detector)
    elif path.suffix.lower() in CHECKPOINT_SUFFIXES:
        checkpoint = load_checkpoint(path)
        if bit_depth is not None:
            checkpoint = replace(checkpoint, preprocessing=replace(checkpoint.preprocessing, bit_depth=bit_depth))
        yield _from_checkpoint(checkpoint, choose_device(device, device_index, tiled_resources=tiled_resources))
    else:
        raise UsageError(f"The model is {path}, expected a name that ends in .onnx, .pth or .safetensors.")


def _from_onnx(detector: Detector) -> EvaluatedModel:
    def predictions(images: PreparedDataset) -> Iterator[Prediction]:
        # Read from the files again, because decoding and preparing by the runtime are part of what is measured.
        paths = tqdm(images.paths, desc="Predicting", unit="", leave=False, disable=None)
        return detector.predict_many(paths)

    def logits(images: PreparedDataset) -> Tensor:
        return torch.tensor([prediction.logit for prediction in predictions(images)])

    def explain(images: PreparedDataset) -> ExplainedImages:
        found = list(predictions(images))
        maps = [prediction.heatmap for prediction in found if prediction.heatmap is not None]
        return ExplainedImages(
            torch.tensor([prediction.logit for prediction in found]),
            tuple(Region(prediction.box, prediction.region_found) for prediction in found),
            np.stack(maps) if maps else None,
        )

    contract = detector.contract
    return EvaluatedModel(
        variant=contract.variant,
        preprocessing=detector.preprocessing,
        threshold=contract.threshold,
        threshold_source=contract.threshold_source,
        labels=contract.labels,
        calibration=contract.calibration,
        training=contract.training,
        device=f"onnxruntime, {detector.provider.kind}",
        rejected=detector.provider_report.rejected,
        logits=logits,
        explain=explain,
    )


def _from_checkpoint(checkpoint: Checkpoint, chosen: ChosenDevice) -> EvaluatedModel:
    device = chosen.torch_device()
    model = checkpoint.build_model().to(device)

    def logits(images: PreparedDataset) -> Tensor:
        return predict_logits(model, images.images, checkpoint.preprocessing, device)

    def explain(images: PreparedDataset) -> ExplainedImages:
        spec = checkpoint.preprocessing
        explained, heatmaps = predict_logits_and_heatmaps(model, images.images, spec, device)
        return ExplainedImages(explained, tuple(_region(path, spec) for path in images.paths), heatmaps)

    return EvaluatedModel(
        variant=checkpoint.variant.name,
        preprocessing=checkpoint.preprocessing,
        threshold=checkpoint.threshold,
        threshold_source=checkpoint.threshold_source,
        labels=LABELS,
        calibration=checkpoint.calibration,
        training={"checkpoint_hash": checkpoint.hash, **checkpoint.provenance},
        device=f"PyTorch, {chosen.kind}: {chosen.description}",
        rejected=chosen.rejected,
        logits=logits,
        explain=explain,
    )


def _region(path: Path, spec: PreprocessingSpec) -> Region:
    prepared = prepare(path, spec)
    return Region(prepared.box, prepared.region_found)
