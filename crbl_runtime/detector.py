"""From an image to a decision, with a model file and nothing else."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.contract import (
    HEATMAP_NAME,
    INPUT_NAME,
    LOGIT_NAME,
    METADATA_KEY,
    PROBABILITY_NAME,
    ModelContract,
)
from crbl_runtime.decision import is_anomaly
from crbl_runtime.errors import ModelFileError, NotFiniteError, UnavailableError, UsageError, WrongResultsError
from crbl_runtime.image import ImageInput
from crbl_runtime.preprocessing import PreparedImage, prepare
from crbl_runtime.self_test import self_test_images
from crbl_runtime.session import Provider, Session, candidate_providers, logger, without_metacommands

SIGNATURE = {INPUT_NAME: "tensor(uint8)", PROBABILITY_NAME: "tensor(float)", LOGIT_NAME: "tensor(float)"}


@dataclass(frozen=True)
class Prediction:
    """What the model says of one image.

    Attributes:
        probability: of an anomaly, 0 to 1. logit: its log odds.
        is_anomaly: probability > threshold. label: the decision's name.
        variant: "crop" or "full".
        region_found: False where no object was found and the whole image used.
        box: (x, y, width, height) of the predicted region in the decoded image, in pixels.
        provider: where it ran: "directml", "cuda" or "cpu".
        fallback: why a better provider was not used, or None.
        heatmap: float32 [h, w] over the region, cells that sum to logit - bias; None where the file has none.
    """

    probability: float
    logit: float
    is_anomaly: bool
    label: str
    threshold: float
    variant: str
    region_found: bool
    box: tuple[int, int, int, int]
    provider: str
    fallback: str | None
    heatmap: NDArray[np.float32] | None


class Detector:
    """A model file, ready to predict images. Thread-safe.

    Args:
        path: a model file written by crbl-export.
        provider: "auto" (DirectML before CUDA before the CPU), "directml", "cuda" or "cpu". Under "auto" a provider
            that does not work is passed over, and `fallback` and the log say why; one asked for by name raises.
        device_index: adapter number, from 0.
        batch_size: how many images `predict_many` gives the network at a time.
        threads: CPU threads, 0 for onnxruntime's choice.

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
    ) -> None:
        if batch_size < 1:
            raise UsageError(f"batch_size is {batch_size}, expected at least 1.")
        self.path = Path(path)
        self.batch_size = batch_size
        self._model = _read_model(self.path)
        # The CPU reads the contract, so that a file that is no CRBL model says so before any driver sees it.
        self._sessions = {("cpu", 0): self._open(Provider("cpu", threads=threads), batch=None)}
        self.contract = _read_contract(self._sessions["cpu", 0], self.path)
        self.provider, self.fallback = self._choose_provider(candidate_providers(provider, device_index, threads))
        if self.provider.kind != "cpu":
            del self._sessions["cpu", 0]
        if self.fallback is not None:
            logger.warning("%s", self.fallback)

    def predict(self, image: ImageInput) -> Prediction:
        """Predict one image: a path, the bytes of a file, a binary file object, a numpy array or a PIL image.

        Raises:
            ImageError: the image cannot be decoded. NotFiniteError: the network gives NaN or an infinite logit.
        """
        return self.predict_prepared([prepare(image, self.contract.preprocessing)])[0]

    def predict_many(self, images: Iterable[ImageInput]) -> list[Prediction]:
        """Predict images in batches; the result is what `predict` gives for each.

        Raises:
            ImageError: an image cannot be decoded.
        """
        predictions: list[Prediction] = []
        batch: list[PreparedImage] = []
        for image in images:
            batch.append(prepare(image, self.contract.preprocessing))
            if len(batch) == self.batch_size:
                predictions += self.predict_prepared(batch)
                batch = []
        return predictions + (self.predict_prepared(batch) if batch else [])

    def predict_prepared(self, images: Sequence[PreparedImage]) -> list[Prediction]:
        """Predict images that `prepare` made with this model's preprocessing, as one batch."""
        if not images:
            return []
        outputs = self._run(self.provider, np.stack([image.pixels for image in images]))
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
        self._sessions.clear()
        self._model = b""

    def __enter__(self) -> "Detector":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _prediction(
        self, image: PreparedImage, probability: float, logit: float, heatmap: NDArray[np.float32] | None
    ) -> Prediction:
        if not np.isfinite(probability) or not np.isfinite(logit):
            raise NotFiniteError(
                f"{self.path.name} gave NaN or an infinite logit on {self.provider.kind}. "
                "Try provider='cpu'; if that is well, update the graphics driver."
            )
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
            provider=self.provider.kind,
            fallback=self.fallback,
            heatmap=heatmap,
        )

    def _choose_provider(self, candidates: list[Provider]) -> tuple[Provider, str | None]:
        reasons: list[str] = []
        kind: type[UnavailableError] = UnavailableError
        for candidate in candidates:
            if candidate.kind == "cpu":
                return candidate, " ".join(reasons) or None
            for attempt in _attempts(candidate):
                try:
                    self._require_correct(attempt)
                except UnavailableError as error:
                    reasons.append(str(error))
                    kind = type(error)
                    continue
                return attempt, " ".join(reasons) or None
        raise kind(" ".join(reasons) + " Use provider='auto' or 'cpu'.")

    def _require_correct(self, provider: Provider) -> None:
        """Compare a GPU's logits with those in the file: wrong numbers were reported on some drivers."""
        expected = np.array(self.contract.self_test.logits)
        images = self_test_images(self.contract.preprocessing.image_size)
        found = self._run(provider, images)[LOGIT_NAME]
        error = float(np.max(np.abs(found.astype(np.float64) - expected)))
        if not error <= self.contract.self_test.tolerance:
            raise WrongResultsError(
                f"{provider.kind}, device {provider.device_index}"
                f"{', without metacommands,' if provider.disable_metacommands else ''} computes wrongly: the "
                f"self-test's logits are off by {error:.2g}, allowed are {self.contract.self_test.tolerance:.2g}. "
                "Update the graphics driver."
            )

    def _run(self, provider: Provider, images: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        if not self._sessions:
            raise UsageError("This detector was closed. Make a new one.")
        if not provider.fixed_batch:
            return self._session(provider, batch=0).run(images)
        size = 1 if len(images) == 1 else self.batch_size
        parts = [_run_padded(self._session(provider, size), part, size) for part in _split(images, size)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _session(self, provider: Provider, batch: int) -> Session:
        key = (provider.kind + ("-plain" if provider.disable_metacommands else ""), batch)
        if key not in self._sessions:
            self._sessions[key] = self._open(provider, batch or None)
        return self._sessions[key]

    def _open(self, provider: Provider, batch: int | None) -> Session:
        return Session(self._model, provider, batch, self.path.name)


def _attempts(provider: Provider) -> list[Provider]:
    return [provider, without_metacommands(provider)] if provider.kind == "directml" else [provider]


def _split(images: NDArray[np.uint8], size: int) -> list[NDArray[np.uint8]]:
    return [images[start : start + size] for start in range(0, len(images), size)]


def _run_padded(session: Session, images: NDArray[np.uint8], size: int) -> dict[str, NDArray[np.float32]]:
    missing = size - len(images)
    padded = np.concatenate([images, np.repeat(images[-1:], missing, axis=0)]) if missing else images
    return {name: output[: len(images)] for name, output in session.run(padded).items()}


def _read_model(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelFileError(
            f"The model file {path} cannot be read ({error.strerror}). Name a file that crbl-export wrote."
        ) from error
    if not content:
        raise ModelFileError(f"The model file {path} is empty. Export the model again.")
    return content


def _read_contract(session: Session, path: Path) -> ModelContract:
    text = session.metadata.get(METADATA_KEY)
    if text is None:
        raise ModelFileError(
            f"{path} is an ONNX model but no CRBL model: it has no '{METADATA_KEY}' metadata. "
            "Name a file that crbl-export wrote."
        )
    contract = ModelContract.from_json(text, str(path))
    if any(session.signature.get(name) != kind for name, kind in SIGNATURE.items()):
        raise ModelFileError(f"{path} has the inputs and outputs {session.signature}, expected {SIGNATURE}.")
    return contract
