"""From an image to a decision, with a model file and nothing else."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.compared_by_value import ComparedByValue
from crbl_runtime.contract import (
    HEATMAP_NAME,
    INPUT_NAME,
    LOGIT_NAME,
    METADATA_KEY,
    PROBABILITY_NAME,
    ModelContract,
)
from crbl_runtime.decision import is_anomaly
from crbl_runtime.errors import ModelFileError, NotFiniteError, UsageError
from crbl_runtime.image import ImageInput
from crbl_runtime.model_sessions import ModelSessions
from crbl_runtime.path_length import too_long
from crbl_runtime.payload import check_payload
from crbl_runtime.preprocessing import PreparedImage, prepare
from crbl_runtime.provider_choice import choose_provider
from crbl_runtime.session import Provider, Session, candidate_providers, logger

SIGNATURE = {INPUT_NAME: "tensor(uint8)", PROBABILITY_NAME: "tensor(float)", LOGIT_NAME: "tensor(float)"}


@dataclass(frozen=True, eq=False)
class Prediction(ComparedByValue):
    """What the model gives for one image. Two are equal where all values are, those of the heatmap included.

    Attributes:
        probability: of an anomaly, 0 to 1. logit: its log odds, ln(p / (1 - p)).
        is_anomaly: probability > threshold. label: the name of that decision.
        threshold: of the model file, 0 to 1. variant: "crop" or "full".
        region_found: False where no object was found and the whole image was used.
        box: (x, y, width, height) in pixels: the part of the decoded image that the network saw.
        notes: what of the image's file has no part in its pixels, such as "its ICC profile was ignored".
        provider: where the model ran: "directml", "cuda" or "cpu".
        fallback: why a better provider was not used, or None.
        bit_depth_unclear: whether the image has 16 bits a sample, stays below 16384, and neither it nor the model nor
            the detector's `bit_depth` says how many bits it uses: of 10, 12 or 14 bits it was seen too dark.
        preparation: why this machine prepares images otherwise than the one where the model was exported, or None.
        heatmap: float32 [h, w] over the box, cells that sum to logit - bias; None where the model file has none.
    """

    probability: float
    logit: float
    is_anomaly: bool
    label: str
    threshold: float
    variant: str
    region_found: bool
    box: tuple[int, int, int, int]
    notes: tuple[str, ...]
    bit_depth_unclear: bool
    provider: str
    fallback: str | None
    preparation: str | None
    heatmap: NDArray[np.float32] | None


class Detector:
    """A model file, ready to predict images. Thread-safe, and usable in children of a fork, which load it once more.

    To pickle and to copy it is its path and arguments: the file is read again, which takes as long as making a
    detector. So give it to a pool of processes once, in its initializer, and not with every image.

    Args:
        path: a model file written by crbl-export.
        provider: "auto" (DirectML before CUDA before the CPU), "directml", "cuda" or "cpu". Under "auto" a provider
            that does not work is rejected, and `provider_report` and the log tell why; one asked for by name raises.
        device_index: adapter number, from 0.
        batch_size: how many images `predict_many` gives the network at a time.
        threads: CPU threads, 0 for onnxruntime's choice.
        bit_depth: how many bits 16-bit images use that do not declare it: 8, 10, 12, 14 or 16; None for what the model
            file says.
        cpu_self_test: whether the CPU has to pass the file's self-test, as a GPU always has to. False is for programs
            that compare the file's results themselves.

    Raises:
        ModelFileError: the file is missing, damaged, no CRBL model, or of a contract this version does not know.
        UnavailableError: the provider asked for is not there or does not start. WrongResultsError: it computes wrongly.
        UsageError: an argument is out of range.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        provider: str = "auto",
        *,
        device_index: int = 0,
        batch_size: int = 8,
        threads: int = 0,
        bit_depth: int | None = None,
        cpu_self_test: bool = True,
    ) -> None:
        # To open the file again, wherever the process is by then. Each argument is here.
        self._arguments: dict[str, Any] = {
            "path": Path(path).absolute(),
            "provider": provider,
            "device_index": device_index,
            "batch_size": batch_size,
            "threads": threads,
            "bit_depth": bit_depth,
            "cpu_self_test": cpu_self_test,
        }
        if batch_size < 1:
            raise UsageError(f"batch_size is {batch_size}, expected at least 1.")
        self.path = Path(path)
        self.batch_size = batch_size
        content = _read_model(self.path)
        payload_sha256 = check_payload(content, self.path.name)
        self._sessions = ModelSessions(content, self.path.name, batch_size)
        # The CPU reads the contract, so that a file that is no CRBL model is refused before any driver sees it.
        session = self._sessions.session(Provider("cpu", threads=threads))
        self.contract = _read_contract(session, self.path, payload_sha256)
        self.preprocessing = self.contract.preprocessing
        if bit_depth is not None:
            self.preprocessing = replace(self.preprocessing, bit_depth=bit_depth)
        candidates = candidate_providers(provider, device_index, threads)
        self.provider_report = choose_provider(candidates, self._sessions, self.contract, cpu_self_test=cpu_self_test)
        self._sessions.close_others(self.provider)
        for reason in (self.provider_report.fallback, self.provider_report.preparation):
            if reason is not None:
                logger.warning("%s", reason)

    @property
    def provider(self) -> Provider:
        """Where the model runs."""
        return self.provider_report.provider

    def predict(self, image: ImageInput) -> Prediction:
        """Predict one image: a path, the bytes of a file, a binary file object, a numpy array or a PIL image.

        Raises:
            ImageError: the image cannot be decoded. NotFiniteError: the network gives NaN or an infinite logit.
            UsageError: the detector was closed.
        """
        return self.predict_prepared([prepare(image, self.preprocessing)])[0]

    def predict_many(self, images: Iterable[ImageInput]) -> list[Prediction]:
        """Predict images in batches; the result is what `predict` gives for each, in the same order.

        Raises:
            ImageError: an image cannot be decoded. NotFiniteError, UsageError: as `predict`.
        """
        predictions: list[Prediction] = []
        batch: list[PreparedImage] = []
        for image in images:
            batch.append(prepare(image, self.preprocessing))
            if len(batch) == self.batch_size:
                predictions += self.predict_prepared(batch)
                batch = []
        return predictions + self.predict_prepared(batch)

    def predict_prepared(self, images: Sequence[PreparedImage]) -> list[Prediction]:
        """Predict images that `prepare` made with this model's preprocessing, as one batch.

        Raises:
            NotFiniteError, UsageError: as `predict`.
        """
        if not images:
            return []
        outputs = self._sessions.run(self.provider, np.stack([image.pixels for image in images]))
        heatmaps = outputs.get(HEATMAP_NAME)
        return [
            self._prediction(
                image,
                float(outputs[PROBABILITY_NAME][number]),
                float(outputs[LOGIT_NAME][number]),
                heatmaps[number] if heatmaps is not None else None,
            )
            for number, image in enumerate(images)
        ]

    def close(self) -> None:
        """Give the model's memory back. The detector cannot be used afterwards."""
        self._sessions.close()

    def __enter__(self) -> "Detector":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle and copy.

        Raises:
            UsageError: the detector was closed.
        """
        self._sessions.require_open()
        return _open_again, (type(self), self._arguments, self.contract.payload_sha256)

    def _prediction(
        self, image: PreparedImage, probability: float, logit: float, heatmap: NDArray[np.float32] | None
    ) -> Prediction:
        if not np.isfinite(probability) or not np.isfinite(logit):
            remedy = (
                "The file is as it was exported, so its network cannot judge this image. Look at the image; if it is "
                "like those that the model was trained on, train the model again."
                if self.provider.kind == "cpu"
                else "Try the provider 'cpu'; if that works, update the graphics driver."
            )
            raise NotFiniteError(f"{self.path.name} gave NaN or an infinite logit on {self.provider.kind}. {remedy}")
        anomalous = is_anomaly(probability, self.contract.threshold)
        return Prediction(
            probability=probability,
            logit=logit,
            is_anomaly=anomalous,
            label=self.contract.labels[int(anomalous)],
            threshold=self.contract.threshold,
            variant=self.contract.variant,
            region_found=image.region_found,
            box=image.box,
            notes=image.notes,
            bit_depth_unclear=image.bit_depth_unclear,
            provider=self.provider.kind,
            fallback=self.provider_report.fallback,
            preparation=self.provider_report.preparation,
            heatmap=heatmap,
        )


def _open_again(kind: type[Detector], arguments: dict[str, Any], payload_sha256: str) -> Detector:
    """What unpickles and copies a detector.

    Raises:
        ModelFileError: the file is another one than it was. And as `Detector`.
    """
    detector = kind(**arguments)
    found = detector.contract.payload_sha256
    if found != payload_sha256:
        detector.close()
        raise ModelFileError(
            f"{detector.path} is another model than the detector that was pickled or copied had: the SHA-256 of its "
            f"payload is {found[:12]}…, it was {payload_sha256[:12]}…. Make a new Detector."
        )
    return detector


def _read_model(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        remedy = too_long(path, error) or "Name a file that crbl-export wrote."
        raise ModelFileError(f"The model file {path} cannot be read ({error.strerror}). {remedy}") from error
    if not content:
        raise ModelFileError(f"The model file {path} is empty. Export the model again.")
    return content


def _read_contract(session: Session, path: Path, payload_sha256: str | None) -> ModelContract:
    text = session.metadata.get(METADATA_KEY)
    if text is None:
        raise ModelFileError(
            f"{path} is an ONNX model but no CRBL model: it has no '{METADATA_KEY}' metadata. "
            "Name a file that crbl-export wrote."
        )
    contract = ModelContract.from_json(text, str(path))
    if contract.payload_sha256 != payload_sha256:
        raise ModelFileError(f"{path} has a contract that was written by another program. Export the model again.")
    if any(session.signature.get(name) != kind for name, kind in SIGNATURE.items()):
        raise ModelFileError(f"{path} has the inputs and outputs {session.signature}, expected {SIGNATURE}.")
    return contract
