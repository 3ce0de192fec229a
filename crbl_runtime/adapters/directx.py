"""The adapters that Windows lists for DirectX, and so for DirectML."""

import os
from subprocess import TimeoutExpired
from typing import Any

from crbl_runtime import directx_adapters
from crbl_runtime.adapters.adapter import Adapter, Listed
from crbl_runtime.answer_of_process import NoAnswerError, answer_of_program

SECONDS = 60


def directx_listing() -> Listed:
    """Asks a process of its own, since a broken driver may end it; a packed application has none, and asks itself."""
    if os.name != "nt":
        return Listed((), "DirectML is for Windows.")
    try:
        answer = answer_of_program(directx_adapters, directx_adapters.list_adapters, SECONDS)
    except TimeoutExpired:
        return Listed((), f"Windows did not list them within {SECONDS} seconds. Update the graphics driver.")
    except NoAnswerError as end:
        return Listed((), f"Listing them ended the process (exit code {end.code}). Update the graphics driver.")
    return directx_listed(answer)


def directx_listed(answer: dict[str, Any]) -> Listed:
    """From what `directx_adapters.list_adapters` gives."""
    if answer["error"] is not None:
        return Listed((), f"Windows could not list them ({answer['error']}). Update the graphics driver.")
    if answer["none"] is not None:
        return Listed((), f"DirectX is {answer['none']}. Install the driver of the graphics card.")
    return Listed(tuple(Adapter("directml", **adapter) for adapter in answer["adapters"]))
