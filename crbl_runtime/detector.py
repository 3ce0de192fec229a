"""From an image to a decision, with a model file and nothing else."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, overload

from crbl_runtime.decision import require_threshold
from crbl_runtime.errors import ModelFileError, NotFiniteError, UsageError
from crbl_runtime.execution_provider import Provider
from crbl_runtime.image import MAX_PIXELS, ImageInput
from crbl_runtime.loaded_model import LoadedModel
from crbl_runtime.predict_many import ImageFailure, default_workers, predict_many, steps_on
from crbl_runtime.prediction import Prediction
from crbl_runtime.preprocessing import PreparedImage, prepare
from crbl_runtime.provider_choice import ProviderReport

if TYPE_CHECKING:
    from crbl_runtime.contract import ModelContract


class Detector:
    """A model file, ready to predict images. Thread-safe, and usable in children of a fork, which load it once more.

    To pickle and to copy it is its path and arguments: the file is read again, which takes as long as making a
    detector. So give it to a pool of processes once, in its initializer, and not with every image.

    Args:
        path: a model file written by crbl-export.
        provider: "auto" (DirectML before CUDA before the CPU), "directml", "cuda", "openvino", "cpu"; "fastest" for
            what predicts an image in the least time of those that "auto" tries, measured once and remembered; or
            "windowsml:NAME" for a provider that is registered with onnxruntime. Under "auto" and "fastest" a provider
            that does not work is rejected, and `provider_report` and the log tell why; one asked for by name raises.
        device_index: adapter number, from 0.
        adapter: in place of `device_index`, a part of the adapter's name, such as "Radeon".
        batch_size: how many images `predict_many` gives a GPU at a time.
        workers: threads of `predict_many`, 0 for as many as there are processor cores.
        threads: CPU threads of the network in `predict`, 0 for onnxruntime's choice.
        bit_depth: how many bits 16-bit images use that do not declare it: 8, 10, 12, 14 or 16; None for what the model
            file says.
        threshold: an image is anomalous when its probability is greater, 0 to 1; None for the model file's.
        max_pixels: images that declare more are refused before they are decoded.
        fast_decode: decode large JPEGs at a part of their size. That changes pixels, and with them
            `preprocessing.hash`; see docs/images.md.
        verify: "off" takes a file whose hash is not right, which somebody has edited on purpose. What it may contain is
            checked all the same.
        cpu_self_test: whether the CPU has to pass the file's self-test, as a GPU always has to. False is for programs
            that compare the file's results themselves.

    Raises:
        ModelFileError: the file is missing, damaged, no CRBL model, or of a contract this version does not know.
        UnavailableError: the provider asked for is not there or does not start.
        WrongResultsError: it computes wrongly.
        UsageError: an argument is out of range.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        provider: str = "auto",
        *,
        device_index: int = 0,
        adapter: str | None = None,
        batch_size: int = 8,
        workers: int = 0,
        threads: int = 0,
        bit_depth: int | None = None,
        threshold: float | None = None,
        max_pixels: int = MAX_PIXELS,
        fast_decode: bool = False,
        verify: str = "on",
        cpu_self_test: bool = True,
    ) -> None:
        # To open the file again, wherever the process is by then. Each argument is here.
        self._arguments: dict[str, Any] = {
            "path": Path(path).absolute(),
            "provider": provider,
            "device_index": device_index,
            "adapter": adapter,
            "batch_size": batch_size,
            "workers": workers,
            "threads": threads,
            "bit_depth": bit_depth,
            "threshold": threshold,
            "max_pixels": max_pixels,
            "fast_decode": fast_decode,
            "verify": verify,
            "cpu_self_test": cpu_self_test,
        }
        for name, least in (("batch_size", 1), ("workers", 0), ("threads", 0), ("max_pixels", 1)):
            if self._arguments[name] < least:
                raise UsageError(f"{name} is {self._arguments[name]}, expected at least {least}.")
        if threshold is not None:
            require_threshold(threshold)
        self.path = Path(path)
        self.batch_size = batch_size
        self.workers = workers or default_workers()
        self.threshold = threshold
        self.max_pixels = max_pixels
        self.model = LoadedModel(self.path, provider, device_index, adapter, batch_size, threads, verify, cpu_self_test)
        self.preprocessing = self.contract.preprocessing
        if bit_depth is not None:
            self.preprocessing = replace(self.preprocessing, bit_depth=bit_depth)
        if fast_decode:
            self.preprocessing = replace(self.preprocessing, fast_decode=True)

    @property
    def contract(self) -> "ModelContract":
        """What the model file says of itself."""
        return self.model.contract

    @property
    def has_heatmap(self) -> bool:
        """Whether predictions have a heatmap."""
        return self.model.has_heatmap

    @property
    def provider(self) -> Provider:
        """Where the model runs."""
        return self.model.report.provider

    @property
    def provider_report(self) -> ProviderReport:
        """Where the model runs and why, and whether it can decide there as where it was exported."""
        return self.model.report

    def predict(
        self,
        image: ImageInput,
        *,
        threshold: float | None = None,
        channel_order: str = "rgb",
        scale: float | None = None,
        bit_depth: int | None = None,
    ) -> Prediction:
        """Predict one image: a path, the bytes of a file, a binary file object, a numpy array or a PIL image.

        Args:
            threshold: in place of the detector's, for this image.
            channel_order: "rgb" or "bgr", the order of an array's channels.
            scale: of an array of floating-point numbers, what 1.0 means, where white is 255: 255 for values of 0 to 1.
            bit_depth: in place of the detector's, for this image.

        Raises:
            ImageError: the image cannot be decoded.
            NotFiniteError: the network gives NaN or an infinite logit.
            UsageError: the detector was closed, or an argument is out of range.
        """
        spec = self.preprocessing if bit_depth is None else replace(self.preprocessing, bit_depth=bit_depth)
        prepared = prepare(image, spec, channel_order=channel_order, scale=scale, max_pixels=self.max_pixels)
        return self.predict_prepared([prepared], threshold=threshold)[0]

    @overload
    def predict_many(
        self,
        images: Iterable[ImageInput],
        *,
        on_error: Literal["raise", "skip"] = "raise",
        threshold: float | None = None,
    ) -> Iterator[Prediction]: ...
    @overload
    def predict_many(
        self, images: Iterable[ImageInput], *, on_error: str, threshold: float | None = None
    ) -> Iterator[Prediction | ImageFailure]: ...
    def predict_many(
        self, images: Iterable[ImageInput], *, on_error: str = "raise", threshold: float | None = None
    ) -> Iterator[Prediction | ImageFailure]:
        """Predict images in threads, in the same order; what `predict` gives for each, but for rounding.

        Nothing happens before the first prediction is asked for. Images are then taken as they are needed, some more
        than were predicted, and never all at once. Where the iterator is closed, or forgotten, the threads end.

        Args:
            images: any iterable, which may have no end.
            on_error: what becomes of an image that fails: "raise" raises its error, "skip" leaves it out and logs it,
                "return" gives the error in its place.
            threshold: in place of the detector's.

        Raises:
            ImageError, NotFiniteError: an image has failed, and `on_error` is "raise".
            UsageError: as `predict`.
        """
        self.model.sessions.require_open()
        run = partial(self.model.run, threshold=self._threshold(threshold))
        steps = steps_on(self.provider.kind == "cpu", self._prepare, run, self.workers, self.batch_size)
        return predict_many(images, steps, on_error)

    def predict_prepared(self, images: Sequence[PreparedImage], *, threshold: float | None = None) -> list[Prediction]:
        """Predict images that `prepare` made with this model's preprocessing, as one batch.

        Raises:
            NotFiniteError, UsageError: as `predict`.
        """
        return [_finite(result) for result in self.model.run(images, self._threshold(threshold))]

    def close(self) -> None:
        """Give the model's memory back. The detector cannot be used afterwards."""
        self.model.sessions.close()

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
        self.model.sessions.require_open()
        return _open_again, (type(self), self._arguments, self.contract.payload_sha256)

    def _prepare(self, image: ImageInput) -> PreparedImage:
        return prepare(image, self.preprocessing, max_pixels=self.max_pixels)

    def _threshold(self, given: float | None) -> float | None:
        return self.threshold if given is None else require_threshold(given)


def _finite(result: Prediction | NotFiniteError) -> Prediction:
    if isinstance(result, NotFiniteError):
        raise result
    return result


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
