"""A model file that is loaded on an execution provider: prepared images in, predictions out."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.contract import HEATMAP_NAME, LOGIT_NAME, PROBABILITY_NAME
from crbl_runtime.decision import is_anomaly
from crbl_runtime.errors import NotFiniteError
from crbl_runtime.execution_provider import Provider
from crbl_runtime.golden_image import golden_image_difference
from crbl_runtime.inference import Inference
from crbl_runtime.model_file import read_contract, read_model
from crbl_runtime.model_sessions import ModelSessions
from crbl_runtime.prediction import Prediction
from crbl_runtime.preprocessing import PreparedImage
from crbl_runtime.provider_candidates import Candidates, candidate_providers
from crbl_runtime.provider_choice import ProviderReport, choose_provider

logger = logging.getLogger("crbl_runtime")


class LoadedModel:
    """A model file on the provider that was chosen for it. Thread-safe.

    Args:
        path: the file. The others are those of `Detector`.

    Raises:
        ModelFileError, UnavailableError, WrongResultsError, UsageError: as `Detector`.
    """

    def __init__(
        self,
        path: Path,
        provider: str,
        device_index: int,
        adapter: str | None,
        batch_size: int,
        threads: int,
        verify: str,
        cpu_self_test: bool,
    ) -> None:
        self.path = path
        file = read_model(path, verify)
        self.sessions = ModelSessions(file.content, path.name, batch_size)
        # The CPU reads the contract, so that a file that is no CRBL model is refused before any driver sees it.
        session = self.sessions.session(Provider("cpu", threads=threads))
        self.contract = read_contract(session, file)
        self.has_heatmap = HEATMAP_NAME in session.signature
        report = self._choose(candidate_providers(provider, device_index, threads, adapter), provider, cpu_self_test)
        preparation = golden_image_difference(self.contract.preprocessing, self.contract.golden_image)
        self._inference = Inference(self.sessions, self.contract, replace(report, preparation=preparation))
        self.sessions.close_others(report.provider)
        for reason in (report.fallback, report.measured, preparation):
            if reason is not None:
                logger.warning("%s", reason)

    def _choose(self, candidates: Candidates, provider: str, cpu_self_test: bool) -> ProviderReport:
        if provider == "fastest":
            from crbl_runtime.fastest import choose_fastest  # Only here: it asks other programs for the adapters.

            report = choose_fastest(candidates.providers, self.sessions, self.contract)
        else:
            report = choose_provider(candidates.providers, self.sessions, self.contract, cpu_self_test=cpu_self_test)
        return replace(report, rejected=(*candidates.rejected, *report.rejected))

    @property
    def report(self) -> ProviderReport:
        """Where the model runs and why, and whether it can decide there as where it was exported."""
        return self._inference.report

    def run(
        self, images: Sequence[PreparedImage], threshold: float | None = None, threads: int | None = None
    ) -> list[Prediction | NotFiniteError]:
        """Predict images as one batch.

        Args:
            images: prepared with this model's preprocessing. threshold: in place of the file's. threads: of the CPU for
                this call, None for those that the model was loaded with.

        Returns:
            the prediction of each image, or the error of one for which the network gives NaN or an infinite logit.

        Raises:
            UnavailableError: the provider has stopped working. UsageError: the model was closed.
        """
        if not images:
            return []
        outputs, report = self._inference.run(np.stack([image.pixels for image in images]), threads)
        heatmaps = outputs.get(HEATMAP_NAME)
        return [
            self._prediction(
                image,
                float(outputs[PROBABILITY_NAME][number]),
                float(outputs[LOGIT_NAME][number]),
                heatmaps[number] if heatmaps is not None else None,
                threshold,
                report,
            )
            for number, image in enumerate(images)
        ]

    def _prediction(
        self,
        image: PreparedImage,
        probability: float,
        logit: float,
        heatmap: NDArray[np.float32] | None,
        threshold: float | None,
        report: ProviderReport,
    ) -> Prediction | NotFiniteError:
        if not np.isfinite(probability) or not np.isfinite(logit):
            return self._not_finite(report.provider)
        used = self.contract.threshold if threshold is None else threshold
        calibration = self.contract.calibration
        anomalous = is_anomaly(probability, used)
        return Prediction(
            probability=probability,
            logit=logit,
            calibrated_probability=calibration.probability(logit) if calibration is not None else None,
            is_anomaly=anomalous,
            label=self.contract.labels[int(anomalous)],
            threshold=used,
            threshold_given=threshold is not None,
            variant=self.contract.variant,
            region_found=image.region_found,
            box=image.box,
            notes=image.notes,
            bit_depth_unclear=image.bit_depth_unclear,
            provider=report.provider.kind,
            fallback=report.fallback,
            device_removed=" ".join(report.removed) or None,
            preparation=report.preparation,
            heatmap=heatmap,
        )

    def _not_finite(self, provider: Provider) -> NotFiniteError:
        remedy = (
            "The file is as it was exported, so its network cannot judge this image. Look at the image; if it is "
            "like those that the model was trained on, train the model again."
            if provider.kind == "cpu"
            else "Try the provider 'cpu'; if that works, update the graphics driver."
        )
        return NotFiniteError(f"{self.path.name} gave NaN or an infinite logit on {provider.kind}. {remedy}")
