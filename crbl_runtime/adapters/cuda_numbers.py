"""The NVIDIA cards by CUDA's own numbers: `python -I cuda_numbers.py` prints their UUIDs as JSON.

nvidia-smi counts by slot, CUDA from the fastest card on, and without those that CUDA_VISIBLE_DEVICES leaves out; only
CUDA's driver library knows. It is a program, so that a driver that crashes ends nothing else.
"""

import ctypes
import json
import os
import sys
import uuid
from typing import Any

NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE of cuda.h.


def cuda_uuids() -> list[str]:
    """As nvidia-smi writes them ("GPU-..."); the place of each is the number that onnxruntime takes as device_id.

    Raises:
        OSError: there is no such library, or it answers with an error.
    """
    cuda: Any = getattr(ctypes, "WinDLL")("nvcuda") if os.name == "nt" else ctypes.CDLL("libcuda.so.1")  # noqa: B009
    started = cuda.cuInit(0)
    if started == NO_DEVICE:
        return []
    _require(started, "cuInit")
    count = ctypes.c_int()
    _require(cuda.cuDeviceGetCount(ctypes.byref(count)), "cuDeviceGetCount")
    return [_uuid(cuda, number) for number in range(count.value)]


def _uuid(cuda: Any, number: int) -> str:
    device, identifier = ctypes.c_int(), (ctypes.c_char * 16)()
    _require(cuda.cuDeviceGet(ctypes.byref(device), number), "cuDeviceGet")
    _require(cuda.cuDeviceGetUuid(identifier, device), "cuDeviceGetUuid")
    return f"GPU-{uuid.UUID(bytes=identifier.raw)}"


def _require(result: int, what: str) -> None:
    if result != 0:
        raise OSError(f"{what} answers {result}")


def listed() -> dict[str, Any]:
    """What this program prints: "uuids", and "error", which is why they are not known, or None."""
    try:
        return {"uuids": cuda_uuids(), "error": None}
    except OSError as error:
        return {"uuids": [], "error": str(error)}


if __name__ == "__main__":
    print("\n" + "".join(sys.argv[1:]) + json.dumps(listed()))
