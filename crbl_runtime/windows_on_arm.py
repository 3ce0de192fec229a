"""What is possible on Windows on arm64, where not every package is made for the processor."""

import os
import platform
import sys
import sysconfig

FOR_ARM64 = (
    "This Python is for Windows on arm64. Predicting works where OpenCV is installed, which has no package for it; "
    "onnxruntime-windowsml has DirectML there. Training needs an x64 Python 3.11, which Windows runs on arm64 too."
)
EMULATED = "This Python for x64 is emulated on arm64: {}."
AS_ON_X64 = "onnxruntime-windowsml and torch-directml can be installed"
FROM_3_12 = "pip installs onnxruntime-windowsml, and no torch-directml, which Python 3.11 for x64 can have"


def about_this_processor() -> str | None:
    """A sentence or two where this is a Windows on arm64, else None. Nothing of it was tried on such a computer."""
    identifier = os.environ.get("PROCESSOR_IDENTIFIER", "")
    return about_processor(sysconfig.get_platform(), platform.machine(), identifier, sys.version_info[:2])


def about_processor(built_for: str, machine: str, identifier: str, python: tuple[int, int]) -> str | None:
    """The same for any computer.

    Args:
        built_for: sysconfig.get_platform(), "win-amd64" or "win-arm64" on Windows. machine: platform.machine(), which
            is "AMD64" in an emulated Python until 3.11 and "ARM64" from 3.12 on. identifier: the environment variable
            PROCESSOR_IDENTIFIER, which begins with "ARM" on arm64. python: the version.
    """
    if built_for == "win-arm64":
        return FOR_ARM64
    if built_for == "win-amd64" and (machine == "ARM64" or identifier.startswith("ARM")):
        return EMULATED.format(AS_ON_X64 if python < (3, 12) else FROM_3_12)
    return None
