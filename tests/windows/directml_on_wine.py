"""Lets DirectML start on Wine's own Direct3D 12, which lacks one call that DirectML makes first.

`install()` answers ID3D12Device5::EnumerateMetaCommands (slot 59 of the device's table of functions, see Microsoft's
d3d12.h) with S_OK and no metacommands. Without it DirectML's provider fails to start, as with a broken driver.

What runs then is what Wine can translate to its software GPU: Conv, MatMul, Sigmoid, reductions and more, but no
elementwise Add, Sub, Mul or Div of two tensors of one packed shape (80004005), so no whole EfficientNet.
"""

import ctypes
import uuid
from typing import Any

_installed: list[Any] = []  # Python would free them while DirectML still calls them.

FEATURE_LEVEL_11_0 = 0xB000
ENUMERATE_META_COMMANDS = 59
PAGE_READWRITE = 4


def install() -> None:
    """Change the table of functions, which all devices of this process share.

    Raises:
        OSError: there is no Direct3D 12 device; it needs a display and a Vulkan driver.
    """
    windll: Any = ctypes.WinDLL  # type: ignore[attr-defined]
    pointer = ctypes.c_void_p
    device = pointer()
    interface = (ctypes.c_char * 16).from_buffer_copy(uuid.UUID("189819f1-1db6-4b57-be54-1821339b85f7").bytes_le)
    result = windll("d3d12").D3D12CreateDevice(None, FEATURE_LEVEL_11_0, interface, ctypes.byref(device))
    if result < 0:
        raise OSError(f"D3D12CreateDevice failed: {result & 0xFFFFFFFF:08x}")
    functions = ctypes.cast(device, ctypes.POINTER(pointer))[0]
    assert functions is not None
    slot = functions + ENUMERATE_META_COMMANDS * ctypes.sizeof(pointer)
    kind: Any = ctypes.WINFUNCTYPE(ctypes.c_long, pointer, pointer, pointer)  # type: ignore[attr-defined]
    answer = kind(_no_meta_commands)
    protect = windll("kernel32").VirtualProtect
    protect.argtypes = [pointer, ctypes.c_size_t, ctypes.c_uint32, ctypes.POINTER(ctypes.c_uint32)]
    former = ctypes.c_uint32()
    if not protect(slot, ctypes.sizeof(pointer), PAGE_READWRITE, ctypes.byref(former)):
        raise OSError("VirtualProtect failed: the device's table of functions cannot be written.")
    pointer.from_address(slot).value = ctypes.cast(answer, pointer).value
    protect(slot, ctypes.sizeof(pointer), former, ctypes.byref(former))
    _installed.extend([device, answer])


def _no_meta_commands(device: int, count: int, descriptions: int) -> int:
    ctypes.c_uint32.from_address(count).value = 0
    return 0
