"""The execution providers that onnxruntime has registered, with the devices that each would use.

Only a process of its own is asked: where DirectML is there and cannot start, the question ends the process.
"""

import json
from dataclasses import dataclass
from subprocess import TimeoutExpired
from typing import Any

from crbl_runtime.answer_of_process import ANSWER, NoAnswerError, answer_of_process
from crbl_runtime.errors import UnavailableError, first_line

SECONDS = 60


@dataclass(frozen=True)
class RegisteredDevice:
    """A device of a provider, by onnxruntime's names; `windowsml:PROVIDER` asks for the provider.

    Attributes:
        type: "CPU", "GPU" or "NPU".
    """

    provider: str
    vendor: str
    type: str


@dataclass(frozen=True)
class RegisteredProviders:
    """The devices; `unknown` is why they cannot be told, or None."""

    devices: tuple[RegisteredDevice, ...]
    unknown: str | None = None


def registered_providers() -> RegisteredProviders:
    try:
        answer = answer_of_process("-m", __name__, seconds=SECONDS)
    except TimeoutExpired:
        return RegisteredProviders((), f"there was no answer within {SECONDS} seconds")
    except NoAnswerError as end:
        return RegisteredProviders(
            (), f"asking ended the process (exit code {end.code}), as where DirectML cannot start"
        )
    except UnavailableError as error:
        return RegisteredProviders((), str(error))
    return RegisteredProviders(tuple(RegisteredDevice(**device) for device in answer["devices"]), answer["unknown"])


def in_this_process() -> dict[str, Any]:
    """The same as JSON types."""
    from crbl_runtime.onnxruntime_boundary import VERSION, all_registered_devices, print_errors_only

    print_errors_only()
    try:
        devices = all_registered_devices()
    except AttributeError:
        return {"devices": [], "unknown": f"onnxruntime {VERSION} cannot tell; 1.23 and newer can"}
    except Exception as error:  # onnxruntime's own types share no base but Exception
        return {"devices": [], "unknown": first_line(error)}
    return {
        "devices": [
            {"provider": each.ep_name, "vendor": each.ep_vendor, "type": each.device.type.name} for each in devices
        ],
        "unknown": None,
    }


if __name__ == "__main__":
    print(f"\n{ANSWER}{json.dumps(in_this_process())}", flush=True)
