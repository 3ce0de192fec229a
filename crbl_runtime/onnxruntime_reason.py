"""What onnxruntime says when it refuses something, as a sentence for people."""

import os
import re

# Codes that DirectX and Windows give, and what they mean for a user (learn.microsoft.com: DXGI_ERROR, COM error codes).
DEVICE_REMOVED = (
    "the graphics device was removed or reset: update the graphics driver, start the program again, and ask for less "
    "work at a time if it happens again"
)
REMEDIES = {
    "887A0002": "there is no such adapter: name another device index",
    "887A0004": "DirectML is not supported here: it needs DirectX 12, which old cards, some virtual machines and some "
    "remote desktops do not have; update the graphics driver, or run without the remote desktop",
    "80004005": "the graphics driver failed at something that DirectML asked for: update it",
    # ERROR_GRAPHICS_INVALID_DISPLAY_ADAPTER of winerror.h, which onnxruntime gives for Windows' own software renderer.
    "C0262002": "this adapter is the software renderer of Windows, which onnxruntime does not use because the CPU is "
    "faster: install the driver of the graphics card, or name another device index",
    "80004001": "the graphics driver lacks something that DirectML needs: update it",
    "887A0005": DEVICE_REMOVED,
    "887A0006": DEVICE_REMOVED,
    "887A0007": DEVICE_REMOVED,
    "887A0020": DEVICE_REMOVED,
    "8007000E": "the memory of the graphics card or of the computer is full: close other programs, or predict fewer "
    "images at a time",
}

DEVICE_REMOVED_CODES = frozenset(code for code, remedy in REMEDIES.items() if remedy == DEVICE_REMOVED)

# "...\DmlExecutionProvider\src\x.cpp(97)\y.pyd!00007FF...: (caller: 00007FF...) Exception(1) tid(2c) 887A0004 words"
_DIRECTX = re.compile(r"tid\([0-9a-f]+\)\s+([0-9A-F]{8})\s*(.*)", re.IGNORECASE | re.DOTALL)
# A source file of the machine where onnxruntime was built, with its line and what Windows adds to it.
_BUILD_PATH = re.compile(r"(?:[A-Za-z]:)?[\\/][\w\\/.+\- ]*?\.(?:cc|cpp|cxx|h|hpp)\b(?:[:(]\d+\)?)?(?:\\\S*)?:?\s*")
_PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")


def onnxruntime_reason(error: BaseException) -> str:
    """Why onnxruntime raised `error`: without the folders of its build machine, with a remedy where the code is known.

    DirectX writes its messages in the language and the ANSI code page of the user's Windows, which onnxruntime takes
    for UTF-8: what Python then raises is a UnicodeDecodeError that holds the bytes.
    """
    text = _text(error)
    directx = _DIRECTX.search(text)
    if directx:
        return _directx_reason(directx[1].upper(), directx[2])
    lines = _BUILD_PATH.sub("", _PREFIX.sub("", text)).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def is_device_removed(error: BaseException) -> bool:
    """Whether onnxruntime raised `error` because the graphics device was removed or reset."""
    directx = _DIRECTX.search(_text(error))
    return directx is not None and directx[1].upper() in DEVICE_REMOVED_CODES


def _text(error: BaseException) -> str:
    return _decoded(error) if isinstance(error, UnicodeDecodeError) else str(error)


def _directx_reason(code: str, words: str) -> str:
    said = words.strip().splitlines()
    shown = f"{code} {said[0].strip().rstrip('.')}" if said else code
    return f"{shown}: {REMEDIES[code]}" if code in REMEDIES else shown


def _decoded(error: UnicodeDecodeError) -> str:
    return error.object.decode("mbcs" if os.name == "nt" else "utf-8", errors="replace")
