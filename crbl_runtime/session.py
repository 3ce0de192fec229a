"""One session of onnxruntime on one execution provider, which never falls back to another one in silence."""

import threading
from collections import defaultdict
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crbl_runtime import onnxruntime_boundary
from crbl_runtime.contract import BATCH_DIMENSION, INPUT_NAME
from crbl_runtime.errors import CRBLError, DeviceRemovedError, ModelFileError, UnavailableError
from crbl_runtime.execution_provider import Provider
from crbl_runtime.forked import exit_without_destructors, in_each_forked_child
from crbl_runtime.onnxruntime_reason import is_device_removed, onnxruntime_reason

# Two sessions at a time on one DirectML device were reported to crash; the lock is the process's.
_device_locks: defaultdict[tuple[str, int], threading.Lock] = defaultdict(threading.Lock)
# One that another thread held at a fork would stay locked in the child.
in_each_forked_child(_device_locks.clear)
in_each_forked_child(exit_without_destructors)


class Session:
    """A model on one provider. Thread-safe; loading and runs on one DirectML device take turns."""

    def __init__(self, model: bytes, provider: Provider, batch: int | None, source: str) -> None:
        """Load the model.

        Args:
            model: the file's content. batch: fix the batch to this size, None for any. source: name for messages.

        Raises:
            UnavailableError: the provider does not start or does not take the model.
            ModelFileError: the content is no ONNX model.
        """
        self.provider = provider
        self._source = source
        devices = _devices(provider)
        try:
            with self._turn():
                self._session = onnxruntime_boundary.open_session(
                    model,
                    [] if devices else [provider.to_onnxruntime()],
                    devices,
                    _options(provider),
                    {} if batch is None else {BATCH_DIMENSION: batch},
                )
        except Exception as error:  # onnxruntime's own types share no base but Exception
            if provider.kind == "cpu":
                reason = onnxruntime_reason(error)
                raise ModelFileError(f"{source} cannot be loaded as an ONNX model ({reason}).") from error
            raise self._unavailable(error, "start") from error
        active = self._session.get_providers()[0]
        if active != provider.onnxruntime_name:
            raise UnavailableError(
                f"{provider}, was asked for, but onnxruntime chose {active}. Is there a working graphics driver?"
            )
        self._outputs = [output.name for output in self._session.get_outputs()]

    @property
    def metadata(self) -> dict[str, str]:
        """The file's metadata.

        Raises:
            ModelFileError: it is no text.
        """
        try:
            return dict(self._session.get_modelmeta().custom_metadata_map)
        except UnicodeDecodeError as error:
            raise ModelFileError(
                f"{self._source} has metadata that is no UTF-8: it is damaged. Copy it again, or export it again."
            ) from error

    @property
    def signature(self) -> dict[str, str]:
        """Types of inputs and outputs by name, as onnxruntime writes them."""
        return {value.name: value.type for value in (*self._session.get_inputs(), *self._session.get_outputs())}

    @property
    def image_size(self) -> int | str:
        """Side of the images in pixels; a name or nothing where the file leaves it open."""
        shape = self._session.get_inputs()[0].shape
        size: int | str = shape[1] if len(shape) == 4 else ""
        return size

    def run(self, images: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """uint8 [N, size, size, 3] -> all outputs by name.

        Raises:
            UnavailableError: a GPU's driver does not run the model. DeviceRemovedError: the GPU is gone.
            ModelFileError: the CPU does not run it, which is what the file asks for, or there is no memory for it.
        """
        try:
            with self._turn():
                results = self._session.run(self._outputs, {INPUT_NAME: images})
        except Exception as error:  # onnxruntime's own types share no base but Exception
            if self.provider.kind == "cpu":
                raise ModelFileError(
                    f"{self._source} does not run on the CPU ({onnxruntime_reason(error)}). Where memory is short, "
                    "give it fewer images at a time; else export the model again."
                ) from error
            raise self._unavailable(error, "run") from error
        return dict(zip(self._outputs, results, strict=True))

    def _turn(self) -> AbstractContextManager[object]:
        if self.provider.kind != "directml":
            return nullcontext()
        return _device_locks[self.provider.kind, self.provider.device_index]

    def _unavailable(self, error: Exception, what: str) -> CRBLError:
        kind = DeviceRemovedError if is_device_removed(error) else UnavailableError
        return kind(f"{self._source} does not {what} on {self.provider} ({onnxruntime_reason(error)}).")


def _devices(provider: Provider) -> list[Any]:
    """The one device of a registered provider; none of a provider that is built into onnxruntime.

    Raises:
        UnavailableError: no such provider is registered, or it has no such device.
    """
    if not provider.registered:
        return []
    name = provider.onnxruntime_name
    try:
        devices = onnxruntime_boundary.registered_devices(name)
    except AttributeError as error:
        raise UnavailableError(
            f"onnxruntime {onnxruntime_boundary.VERSION} has no registered execution providers, which came with 1.23. "
            "Install a newer one."
        ) from error
    if provider.device_index >= len(devices):
        raise UnavailableError(
            f"The execution provider {name} has {len(devices)} devices here, so that there is no device "
            f"{provider.device_index}. Call crbl_runtime.register_execution_provider with its library first."
        )
    return [devices[provider.device_index]]


def _options(provider: Provider) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if provider.kind == "directml":
        # Both are asked for by the provider's documentation; sequential execution is onnxruntime's own default.
        options["enable_mem_pattern"] = False
    if provider.threads:
        options["intra_op_num_threads"] = provider.threads
    return options
