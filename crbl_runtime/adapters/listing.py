"""All adapters of this machine."""

import logging

from crbl_runtime.adapters.adapter import Adapter, Listed
from crbl_runtime.adapters.directx import directx_listing
from crbl_runtime.adapters.nvidia import nvidia_listing

logger = logging.getLogger("crbl_runtime")


def adapters() -> tuple[Adapter, ...]:
    """All adapters, usable or not, in the order of their kinds and numbers. It may take seconds.

    Of a kind that has none, or whose adapters could not be listed, the log says why.
    """
    found = listed_adapters()
    for kind, listed in found.items():
        if listed.problem is not None:
            logger.info("No adapter for %s: %s", kind, listed.problem)
    return tuple(adapter for listed in found.values() for adapter in listed.adapters)


def listed_adapters() -> dict[str, Listed]:
    """The adapters by kind, and why a kind has none."""
    return {"directml": directx_listing(), "cuda": nvidia_listing()}
