"""Which execution providers really work here, each tried in a process of its own: a broken driver may end it."""

import base64
import json
import sys
from dataclasses import dataclass
from subprocess import TimeoutExpired

import numpy as np

from crbl_runtime.answer_of_process import ANSWER, NoAnswerError, answer_of_process
from crbl_runtime.contract import LOGIT_NAME
from crbl_runtime.errors import UnavailableError
from crbl_runtime.execution_provider import Provider
from crbl_runtime.provider_candidates import providers_here
from crbl_runtime.session import Session

SECONDS = 60
IMAGE_SIZE = 16
# The output is a mean of sigmoids.
TOLERANCE = 1e-4

# An ONNX model of opset 17: uint8 [batch, 16, 16, 3], Cast, Transpose, Conv, Sigmoid, ReduceMean, float32 [batch]. In
# the source, because tools that pack applications leave data files out. Its weights are ((n mod 7) - 3) / 256.
TRIAL_MODEL = base64.b64decode(
    """
CAgSADrABQobCgVpbWFnZRIBYSIEQ2FzdCoJCgJ0bxgBoAECCiQKAWESAWIiCVRyYW5zcG9zZSoRCgRwZXJtQABAA0ABQAKgAQcKJgoBYgoBdxIBYyIE
Q29udioVCgxrZXJuZWxfc2hhcGVAA0ADoAEHCg8KAWMSAWQiB1NpZ21vaWQKOAoBZBIFbG9naXQiClJlZHVjZU1lYW4qDwoEYXhlc0ABQAJAA6ABByoP
CghrZWVwZGltcxgAoAECEgV0cmlhbCrAAwgECAMIAwgDEAFCAXdKsAMAAEC8AAAAvAAAgLsAAAAAAACAOwAAADwAAEA8AABAvAAAALwAAIC7AAAAAAAA
gDsAAAA8AABAPAAAQLwAAAC8AACAuwAAAAAAAIA7AAAAPAAAQDwAAEC8AAAAvAAAgLsAAAAAAACAOwAAADwAAEA8AABAvAAAALwAAIC7AAAAAAAAgDsA
AAA8AABAPAAAQLwAAAC8AACAuwAAAAAAAIA7AAAAPAAAQDwAAEC8AAAAvAAAgLsAAAAAAACAOwAAADwAAEA8AABAvAAAALwAAIC7AAAAAAAAgDsAAAA8
AABAPAAAQLwAAAC8AACAuwAAAAAAAIA7AAAAPAAAQDwAAEC8AAAAvAAAgLsAAAAAAACAOwAAADwAAEA8AABAvAAAALwAAIC7AAAAAAAAgDsAAAA8AABA
PAAAQLwAAAC8AACAuwAAAAAAAIA7AAAAPAAAQDwAAEC8AAAAvAAAgLsAAAAAAACAOwAAADwAAEA8AABAvAAAALwAAIC7AAAAAAAAgDsAAAA8AABAPAAA
QLwAAAC8AACAuwAAAAAAAIA7AAAAPAAAQDwAAEC8AAAAvAAAgLtaJAoFaW1hZ2USGwoZCAISFQoHEgViYXRjaAoCCBAKAggQCgIIA2IYCgVsb2dpdBIP
Cg0IARIJCgcSBWJhdGNoQgQKABAR
"""
)


@dataclass(frozen=True)
class TriedProvider:
    """An execution provider that this onnxruntime was built with.

    Attributes:
        kind: "directml", "cuda" or "cpu". reason: why it cannot be used and what to do, None where it works.
    """

    kind: str
    reason: str | None


def try_providers(device_index: int = 0) -> tuple[TriedProvider, ...]:
    """All providers of this onnxruntime that CRBL can use, the CPU first, each tried with a small model."""
    return tuple(TriedProvider(kind, _failure(kind, device_index)) for kind in providers_here())


def _failure(kind: str, device_index: int) -> str | None:
    try:
        reason: str | None = answer_of_process("-m", __name__, kind, str(device_index), seconds=SECONDS)
    except TimeoutExpired:
        return f"there was no answer within {SECONDS} seconds. Update the graphics driver."
    except UnavailableError as error:
        return f"{error} Run crbl-doctor with a Python of its own."
    except NoAnswerError as end:
        return f"trying it ended the process (exit code {end.code}). Update the graphics driver."
    return reason


def failure_in_this_process(provider: Provider) -> str | None:
    """Run the small model on a provider and on the CPU; why the provider cannot be used, or None."""
    images = (np.arange(IMAGE_SIZE * IMAGE_SIZE * 3) % 256).astype(np.uint8).reshape(1, IMAGE_SIZE, IMAGE_SIZE, 3)
    try:
        logits = [
            Session(TRIAL_MODEL, each, 1, "a small model").run(images)[LOGIT_NAME]
            for each in (provider, Provider("cpu"))
        ]
    except UnavailableError as error:
        return str(error)
    difference = float(np.max(np.abs(logits[0] - logits[1])))
    if not difference <= TOLERANCE:
        return f"it computes wrongly: a small model's result is off by {difference:.2g}. Update the graphics driver."
    return None


if __name__ == "__main__":
    kind, index = sys.argv[1:]
    reason = failure_in_this_process(Provider(kind) if kind == "cpu" else Provider(kind, int(index)))
    print(f"\n{ANSWER}{json.dumps(reason)}", flush=True)
