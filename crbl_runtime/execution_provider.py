"""An execution provider and the device that it runs on, and what users call them."""

from dataclasses import dataclass
from typing import Any

from crbl_runtime.errors import UsageError
from crbl_runtime.options import EXECUTION_PROVIDERS, REGISTERED, is_registered, provider_kinds


@dataclass(frozen=True)
class Provider:
    """An execution provider to run on.

    Attributes:
        kind: "directml", "cuda", "openvino" or "cpu"; or "windowsml:" and onnxruntime's name of a provider that is
            registered in this process, as vendors' providers of Windows ML are.
        device_index: adapter number, from 0; of a registered provider the number of its device.
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

    @property
    def registered(self) -> bool:
        """Whether it is one that a library brings, and not built into onnxruntime."""
        return is_registered(self.kind)

    @property
    def onnxruntime_name(self) -> str:
        """What onnxruntime calls it."""
        return self.kind.removeprefix(REGISTERED) if self.registered else EXECUTION_PROVIDERS[self.kind]

    def __str__(self) -> str:
        return self.kind if self.kind == "cpu" else f"{self.kind}, device {self.device_index}"

    def to_onnxruntime(self) -> tuple[str, dict[str, Any]]:
        """Name and options as onnxruntime takes them."""
        return self.onnxruntime_name, _options(self)


def require_known(kind: str) -> None:
    """Make sure that users may ask for this provider.

    Raises:
        UsageError: it is none of the names in `options.provider_kinds`, nor "windowsml:" and a name.
    """
    if kind not in provider_kinds() and not is_registered(kind):
        raise UsageError(
            f"The provider is {kind!r}, expected {', '.join(provider_kinds())}, or {REGISTERED}NAME for one that is "
            "registered with onnxruntime."
        )


def _options(provider: Provider) -> dict[str, Any]:
    match provider.kind:
        case "directml":
            # Without device_id another adapter path (DXCore) is taken.
            metacommands = {"disable_metacommands": "true"} if provider.disable_metacommands else {}
            return {"device_id": provider.device_index, **metacommands}
        case "cuda":
            # TF32 has 10 bits of mantissa where the reference has 23.
            return {"device_id": provider.device_index, "use_tf32": 0}
        case "openvino":
            # Device 0 is the CPU, then come Intel's GPUs, which compute in half precision unless told otherwise.
            device = f"GPU.{provider.device_index - 1}" if provider.device_index else "CPU"
            return {"device_type": device, "precision": "FP32"}
    return {}
