"""A crop and a full model together: an image is anomalous when either of them finds it so."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Literal, overload

from crbl_runtime.decision import combined_is_anomaly, require_threshold
from crbl_runtime.detector import Detector
from crbl_runtime.errors import NotFiniteError, UsageError
from crbl_runtime.image import ImageInput
from crbl_runtime.predict_many import ImageFailure, predict_many, steps_on
from crbl_runtime.prediction import CombinedPrediction, Prediction
from crbl_runtime.preprocessing import PreparedImage, decode_for, prepare_decoded

Pair = tuple[PreparedImage, PreparedImage]


class CombinedDetector:
    """A crop and a full model, ready to predict images. Each image is decoded once, for both.

    What is said of `Detector` is true here: threads may share it, it may be pickled, and it is to be closed.

    Args:
        crop: one model file.
        full: the other one; the two may be given in either order.
        provider: as for `Detector`.
        crop_threshold: in place of the crop file's own, 0 to 1.
        full_threshold: in place of the full file's own, 0 to 1.
        arguments: the other arguments of `Detector`, for both.

    Attributes:
        crop: the detector of the crop model.
        full: the detector of the full model.

    Raises:
        UsageError: the models are of one variant, or decode images in two ways; or as `Detector`.
        ModelFileError, UnavailableError, WrongResultsError: as `Detector`.
    """

    def __init__(
        self,
        crop: str | os.PathLike[str],
        full: str | os.PathLike[str],
        provider: str = "auto",
        *,
        crop_threshold: float | None = None,
        full_threshold: float | None = None,
        **arguments: Any,
    ) -> None:
        if "threshold" in arguments:
            raise UsageError("threshold is of one model; give crop_threshold, full_threshold or both.")
        for threshold in (crop_threshold, full_threshold):
            if threshold is not None:
                require_threshold(threshold)
        with ExitStack() as opened:
            detectors = [opened.enter_context(Detector(path, provider, **arguments)) for path in (crop, full)]
            self.crop, self.full = _crop_and_full(detectors)
            _require_one_decoding(self.crop, self.full)
            opened.pop_all()
        self._thresholds = crop_threshold, full_threshold

    def predict(
        self, image: ImageInput, *, channel_order: str = "rgb", scale: float | None = None
    ) -> CombinedPrediction:
        """Predict one image; see `Detector.predict`.

        Raises:
            ImageError, NotFiniteError, UsageError: as `Detector.predict`.
        """
        (result,) = self._run([self._prepare(image, channel_order, scale)])
        if isinstance(result, NotFiniteError):
            raise result
        return result

    @overload
    def predict_many(
        self, images: Iterable[ImageInput], *, on_error: Literal["raise", "skip"] = "raise"
    ) -> Iterator[CombinedPrediction]: ...
    @overload
    def predict_many(
        self, images: Iterable[ImageInput], *, on_error: str
    ) -> Iterator[CombinedPrediction | ImageFailure]: ...
    def predict_many(
        self, images: Iterable[ImageInput], *, on_error: str = "raise"
    ) -> Iterator[CombinedPrediction | ImageFailure]:
        """Predict images in threads, lazily and in order; see `Detector.predict_many`.

        Raises:
            ImageError, NotFiniteError: an image has failed, and `on_error` is "raise".
            UsageError: as `predict`.
        """
        detectors = (self.crop, self.full)
        for detector in detectors:
            detector.model.sessions.require_open()
        on_cpu = all(detector.provider.kind == "cpu" for detector in detectors)
        steps = steps_on(on_cpu, self._prepare, self._run, self.crop.workers, self.crop.batch_size)
        return predict_many(images, steps, on_error)

    def close(self) -> None:
        """Give the memory of both models back."""
        self.crop.close()
        self.full.close()

    def __enter__(self) -> "CombinedDetector":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _prepare(self, image: ImageInput, channel_order: str = "rgb", scale: float | None = None) -> Pair:
        decoded = decode_for(
            image,
            self.crop.preprocessing,
            channel_order=channel_order,
            scale=scale,
            max_pixels=self.crop.max_pixels,
        )
        return prepare_decoded(decoded, self.crop.preprocessing), prepare_decoded(decoded, self.full.preprocessing)

    def _run(self, images: Sequence[Pair], threads: int | None = None) -> list[CombinedPrediction | NotFiniteError]:
        crop_threshold, full_threshold = self._thresholds
        of_crop = self.crop.model.run([crop for crop, _ in images], crop_threshold, threads)
        of_full = self.full.model.run([full for _, full in images], full_threshold, threads)
        return [self._combined(crop, full) for crop, full in zip(of_crop, of_full, strict=True)]

    def _combined(
        self, crop: Prediction | NotFiniteError, full: Prediction | NotFiniteError
    ) -> CombinedPrediction | NotFiniteError:
        if isinstance(crop, NotFiniteError):
            return crop
        if isinstance(full, NotFiniteError):
            return full
        anomalous = combined_is_anomaly(crop.is_anomaly, full.is_anomaly)
        return CombinedPrediction(anomalous, self.crop.contract.labels[int(anomalous)], crop, full)


def _crop_and_full(detectors: Sequence[Detector]) -> tuple[Detector, Detector]:
    by_variant = {detector.contract.variant: detector for detector in detectors}
    if set(by_variant) != {"crop", "full"}:
        variants = " and ".join(sorted(by_variant))
        raise UsageError(f"Both models are of the variant {variants}, expected a crop and a full one.")
    return by_variant["crop"], by_variant["full"]


def _require_one_decoding(crop: Detector, full: Detector) -> None:
    depths = crop.preprocessing.bit_depth, full.preprocessing.bit_depth
    if depths[0] != depths[1]:
        raise UsageError(
            f"The crop model was exported for a bit depth of {depths[0]}, the full model for {depths[1]}. Give the "
            "bit depth of your 16-bit images."
        )
