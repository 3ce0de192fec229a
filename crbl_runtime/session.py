"""One onnxruntime session on one execution provider, which never falls back to another one in silence."""

import logging
import threading
from collections import defaultdict
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from crbl_runtime.contract import BATCH_DIMENSION, INPUT_NAME
from crbl_runtime.errors import ModelFileError, UnavailableError, UsageError
from crbl_runtime.forked import exit_without_destructors, in_each_forked_child
from crbl_runtime.onnxruntime_reason import onnxruntime_reason
from crbl_runtime.options import EXECUTION_PROVIDERS

logger = logging.getLogger("crbl_runtime")

# Two sessions at a time on one DirectML device were reported to crash; the lock is the process's.
_device_locks: defaultdict[tuple[str, int], threading.Lock] = defaultdict(threading.Lock)
# One that another thread held at a fork would stay locked in the child.
in_each_forked_child(_device_locks.clear)
in_each_forked_child(exit_without_destructors)


@dataclass(frozen=True)
class Provider:
    """An execution provider to run on.

    Attributes:
        kind: "directml", "cuda" or "cpu". device_index: adapter number, from 0.
        disable_metacommands: DirectML only; uses its own shaders where the driver's are wrong.
        threads: CPU threads of one session, 0 for onnxruntime's choice.
    """

    kind: str
    device_index: int = 0
    disable_metacommands: bool = False
    threads: int = 0

    @property
    def fixed_batch(self) -> bool:
        """DirectML is several times faster, and fuses the graph into one node, where the batch is fixed."""
        return self.kind == "directml"

    def to_onnxruntime(self) -> tuple[str, dict[str, Any]]:
        """Name and options as onnxruntime takes them."""
        options: dict[str, Any] = {}
        if self.kind == "directml":
            # Without device_id another adapter path (DXCore) is taken.
            options = {"device_id": self.device_index}
            if self.disable_metacommands:
                options["disable_metacommands"] = "true"
        if self.kind == "cuda":
            # TF32 has 10 bits of mantissa where the reference has 23.
            options = {"device_id": self.device_index, "use_tf32": 0}
        return EXECUTION_PROVIDERS[self.kind], options


def candidate_providers(kind: str, device_index: int, threads: int) -> list[Provider]:
    """The providers to try, best first.

    Args:
        kind: "auto" (every GPU provider this onnxruntime has, then the CPU), "directml", "cuda" or "cpu".
        device_index: of a GPU. threads: of the CPU.

    Raises:
        UsageError: the kind is unknown, or the index is negative.
        UnavailableError: this onnxruntime has no such provider.
    """
    if device_index < 0:
        raise UsageError(f"The device index is {device_index}, expected the number of an adapter, from 0.")
    if kind != "auto" and kind not in EXECUTION_PROVIDERS:
        raise UsageError(f"The provider is {kind!r}, expected auto, {', '.join(EXECUTION_PROVIDERS)}.")
    present = _present_providers()
    if kind == "auto":
        return [_provider(name, device_index, threads) for name in present]
    if kind not in present:
        remedy = {
            "directml": "On Windows install onnxruntime-directml (x64) or onnxruntime-windowsml (arm64, x64), and make "
            "sure that plain onnxruntime, which overwrites its files, is not installed beside it.",
            "cuda": "Install onnxruntime-gpu in place of onnxruntime.",
        }.get(kind, "Install onnxruntime again.")
        raise UnavailableError(f"This onnxruntime has no {kind} provider (it has: {', '.join(present)}). {remedy}")
    return [_provider(kind, device_index, threads)]


def providers_here() -> tuple[str, ...]:
    """The CPU, and the GPU providers of this onnxruntime, best first."""
    return ("cpu", *(kind for kind in _present_providers() if kind != "cpu"))


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
        try:
            with self._turn():
                self._session = onnxruntime.InferenceSession(
                    model,
                    sess_options=_session_options(provider, batch),
                    providers=[provider.to_onnxruntime()],
                    # Else onnxruntime prints 'EP Error' and goes on with the CPU.
                    enable_fallback=0,
                )
        except Exception as error:  # onnxruntime's own types share no base but Exception
            reason = onnxruntime_reason(error)
            if provider.kind == "cpu":
                raise ModelFileError(f"{source} cannot be loaded as an ONNX model ({reason}).") from error
            raise UnavailableError(
                f"{source} does not start on {provider.kind}, device {provider.device_index} ({reason})."
            ) from error
        active = self._session.get_providers()[0]
        if active != EXECUTION_PROVIDERS[provider.kind]:
            raise UnavailableError(
                f"{provider.kind}, device {provider.device_index}, was asked for, but onnxruntime chose {active}. "
                "Is there a working graphics driver?"
            )

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

    def run(self, images: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """uint8 [N, size, size, 3] -> all outputs by name.

        Raises:
            UnavailableError: a GPU's driver does not run the model.
        """
        names = [output.name for output in self._session.get_outputs()]
        try:
            with self._turn():
                results = self._session.run(names, {INPUT_NAME: images})
        except Exception as error:  # onnxruntime's own types share no base but Exception
            if self.provider.kind == "cpu":
                raise
            raise UnavailableError(
                f"{self._source} does not run on {self.provider.kind}, device {self.provider.device_index} "
                f"({onnxruntime_reason(error)})."
            ) from error
        return dict(zip(names, results, strict=True))

    def _turn(self) -> AbstractContextManager[object]:
        if self.provider.kind != "directml":
            return nullcontext()
        return _device_locks[self.provider.kind, self.provider.device_index]


def _present_providers() -> list[str]:
    """Those that this onnxruntime was built with, best first."""
    available = onnxruntime.get_available_providers()
    return [kind for kind, name in EXECUTION_PROVIDERS.items() if name in available]


def _provider(kind: str, device_index: int, threads: int) -> Provider:
    return Provider(kind, threads=threads) if kind == "cpu" else Provider(kind, device_index)


def _session_options(provider: Provider, batch: int | None) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if provider.kind == "directml":
        # Both are asked for by the provider's documentation.
        options.enable_mem_pattern = False
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    if provider.threads:
        options.intra_op_num_threads = provider.threads
    if batch is not None:
        options.add_free_dimension_override_by_name(BATCH_DIMENSION, batch)
    return options
