"""The one or two model files of crbl-predict, opened once for all images."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crbl_runtime.combined_detector import CombinedDetector
from crbl_runtime.commands.image_result import ImageResult
from crbl_runtime.commands.threshold_option import threshold_for
from crbl_runtime.detector import Detector
from crbl_runtime.errors import UsageError
from crbl_runtime.predict_many import ImageFailure
from crbl_runtime.prediction import CombinedPrediction, Prediction


@dataclass(frozen=True)
class OpenModels:
    """Models that are ready to predict images.

    Attributes:
        detectors: one of each model, in the order in which they were named.
        together: of two models, what decodes each image once for both. threshold: of one model, in place of its own.
    """

    detectors: tuple[Detector, ...]
    together: CombinedDetector | None
    threshold: float | None

    @property
    def variants(self) -> list[str]:
        """The variant of each model, in order."""
        return [detector.contract.variant for detector in self.detectors]

    @property
    def bit_depths(self) -> dict[str, int | None]:
        """How many bits of 16 each variant reads, see `decode`."""
        return {detector.contract.variant: detector.preprocessing.bit_depth for detector in self.detectors}

    def require_heatmaps(self) -> list[str]:
        """Make sure that there is a model with a heatmap.

        Returns:
            the variants that have none.

        Raises:
            UsageError: no model has one.
        """
        without = [detector for detector in self.detectors if not detector.has_heatmap]
        if len(without) == len(self.detectors):
            files = " and ".join(detector.path.name for detector in without)
            raise UsageError(
                f"--heatmaps needs a model with a heatmap, and {files} has none. Export the model again with "
                "crbl-export --heatmap, or leave --heatmaps out."
            )
        return [detector.contract.variant for detector in without]

    def predict(self, images: Sequence[Path]) -> Generator[ImageResult, None, None]:
        """The result of each image, in order; threads work ahead until the iterator is closed."""
        results: Any = (
            self.together.predict_many(images, on_error="return")
            if self.together is not None
            else self.detectors[0].predict_many(images, on_error="return", threshold=self.threshold)
        )
        with closing(results):
            for path, result in zip(images, results, strict=True):
                yield self._result(path, result)

    def _result(self, path: Path, result: Prediction | CombinedPrediction | ImageFailure) -> ImageResult:
        if isinstance(result, ImageFailure):
            return ImageResult.failed(path, result)
        if isinstance(result, Prediction):
            return ImageResult(path, (result,))
        by_variant = {each.variant: each for each in (result.crop, result.full)}
        return ImageResult(path, tuple(by_variant[variant] for variant in self.variants))


@contextmanager
def open_models(paths: Sequence[Path], thresholds: Mapping[str, float], **arguments: Any) -> Iterator[OpenModels]:
    """Within the block the models are open.

    Args:
        paths: one model, or a crop and a full one in either order. thresholds: see `parse_thresholds`.
        arguments: those of `Detector`, for each.

    Raises:
        CRBLError: a file is no model, the models do not go together, or what was asked for is not there; see
            `Detector` and `CombinedDetector`.
    """
    if len(paths) == 1:
        with Detector(paths[0], **arguments) as detector:
            yield OpenModels((detector,), None, threshold_for(detector.contract.variant, thresholds))
        return
    first, second = paths
    given = {f"{variant}_threshold": threshold for variant, threshold in thresholds.items()}
    with CombinedDetector(first, second, **{**given, **arguments}) as together:
        detectors = sorted((together.crop, together.full), key=lambda detector: paths.index(detector.path))
        yield OpenModels(tuple(detectors), together, None)
