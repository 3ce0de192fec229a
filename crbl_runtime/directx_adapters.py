"""The graphics adapters that this Windows lists: `python directx_adapters.py` prints them as one line of JSON.

It is a program, so that a driver that crashes ends nothing else.
"""
# Standard library only, in the syntax of Python 3.8, as setup_directml.py, which runs it.

from __future__ import annotations

import ctypes
import json
import sys
import uuid
from collections.abc import Iterator
from typing import Any

# Interfaces, places in their tables of functions, and constants: Microsoft's dxgi.h, d3d12.h and d3dcommon.h.
DXGI_FACTORY_1 = "770aae78-f26f-4dba-a829-253c83d1b387"
DXGI_DEVICE = "54ec77fa-1377-44e6-8c32-88fd5f44c84c"
D3D12_DEVICE = "189819f1-1db6-4b57-be54-1821339b85f7"
RELEASE, ENUM_ADAPTERS_1, CHECK_INTERFACE_SUPPORT, GET_DESC_1 = 2, 12, 9, 10
NOT_FOUND, UNSUPPORTED = 0x887A0002, 0x887A0004
FEATURE_LEVEL_11_0 = 0xB000
SOFTWARE = 2
BASIC_RENDER_DRIVER = 0x1414, 0x8C  # Of Microsoft, without the flag.


class NoDirectXError(Exception):
    """This Windows has no adapter at all, and why."""


class AdapterDescription(ctypes.Structure):
    """DXGI_ADAPTER_DESC1."""

    _fields_ = [
        ("description", ctypes.c_wchar * 128),
        ("vendor", ctypes.c_uint32),
        ("device", ctypes.c_uint32),
        ("subsystem", ctypes.c_uint32),
        ("revision", ctypes.c_uint32),
        ("memory", ctypes.c_size_t * 3),
        ("luid", ctypes.c_uint32 * 2),
        ("flags", ctypes.c_uint32),
    ]


def list_adapters() -> dict[str, Any]:
    """What this program prints.

    Returns:
        "adapters": a dict for each, in the order of EnumAdapters1, whose numbers are those that onnxruntime's DirectML
            provider takes as device_id (dml_provider_factory.cc): "index", "name", "driver" (the version of its
            user-mode driver, or None) and "reason" (why it has no DirectX 12 to compute with, or None).
        "none": why this Windows has no adapter at all, or None.
        "error": why they could not be listed, or None.
    """
    try:
        return {"adapters": list(_described()), "none": None, "error": None}
    except NoDirectXError as error:
        return {"adapters": [], "none": str(error), "error": None}
    except Exception as error:  # Whatever this Windows lacks: the caller is told, and decides.
        return {"adapters": [], "none": None, "error": f"{type(error).__name__}: {error}"}


def _described() -> Iterator[dict[str, Any]]:
    for index, (adapter, description) in enumerate(_adapters()):
        yield {
            "index": index,
            "name": description.description.strip(),
            "driver": _driver_version(adapter),
            "reason": _why_unusable(adapter, description),
        }


def _adapters() -> Iterator[tuple[ctypes.c_void_p, AdapterDescription]]:
    factory = _factory()
    number = 0
    while True:
        adapter, description = ctypes.c_void_p(), AdapterDescription()
        result = _method(factory, ENUM_ADAPTERS_1, ctypes.c_uint32, ctypes.c_void_p)(
            factory, number, ctypes.byref(adapter)
        )
        if result & 0xFFFFFFFF == NOT_FOUND:
            break
        _require(result, "EnumAdapters1")
        _require(_method(adapter, GET_DESC_1, ctypes.c_void_p)(adapter, ctypes.byref(description)), "GetDesc1")
        yield adapter, description
        _method(adapter, RELEASE)(adapter)
        number += 1
    _method(factory, RELEASE)(factory)


def _factory() -> ctypes.c_void_p:
    factory = ctypes.c_void_p()
    try:
        dxgi = _library("dxgi")
    except OSError as error:
        raise NoDirectXError(f"not part of this Windows ({error})") from error
    result = dxgi.CreateDXGIFactory1(_interface(DXGI_FACTORY_1), ctypes.byref(factory))
    if result & 0xFFFFFFFF == UNSUPPORTED:
        raise NoDirectXError(f"without any adapter ({UNSUPPORTED:08X})")
    _require(result, "CreateDXGIFactory1")
    return factory


def _driver_version(adapter: ctypes.c_void_p) -> str | None:
    """As the device manager shows it; the four numbers are 16 bits each."""
    version = ctypes.c_uint64()
    check = _method(adapter, CHECK_INTERFACE_SUPPORT, ctypes.c_void_p, ctypes.c_void_p)
    if check(adapter, _interface(DXGI_DEVICE), ctypes.byref(version)) < 0:
        return None
    return ".".join(str(version.value >> shift & 0xFFFF) for shift in (48, 32, 16, 0))


def _why_unusable(adapter: ctypes.c_void_p, description: AdapterDescription) -> str | None:
    if description.flags & SOFTWARE or (description.vendor, description.device) == BASIC_RENDER_DRIVER:
        return "computed in software"
    device = ctypes.c_void_p()
    result = _library("d3d12").D3D12CreateDevice(
        adapter, FEATURE_LEVEL_11_0, _interface(D3D12_DEVICE), ctypes.byref(device)
    )
    if result < 0:
        return f"without DirectX 12 ({result & 0xFFFFFFFF:08X})"
    _method(device, RELEASE)(device)
    return None


def _library(name: str) -> Any:
    return getattr(ctypes, "WinDLL")(name)  # noqa: B009 - other systems have no such name to check


def _interface(identifier: str) -> Any:
    return (ctypes.c_char * 16).from_buffer_copy(uuid.UUID(identifier).bytes_le)


def _method(thing: ctypes.c_void_p, place: int, *arguments: Any) -> Any:
    """A function of a COM object, by its place in the object's table."""
    table = ctypes.cast(thing, ctypes.POINTER(ctypes.POINTER(ctypes.c_void_p)))[0]
    kind = getattr(ctypes, "WINFUNCTYPE")(ctypes.c_int32, ctypes.c_void_p, *arguments)  # noqa: B009
    return kind(table[place])


def _require(result: int, what: str) -> None:
    if result < 0:
        raise OSError(f"{what} answers {result & 0xFFFFFFFF:08X}")


if __name__ == "__main__":
    # Before the answer stands what the caller looks for: what a driver prints may come before.
    print("\n" + "".join(sys.argv[1:]) + json.dumps(list_adapters()))
