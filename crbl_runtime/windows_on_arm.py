"""What is possible on Windows on arm64, where not every package is made for the processor."""

import os
import platform
import sys
import sysconfig


def about_this_processor() -> str | None:
    """A sentence or two where this is a Windows on arm64, else None. Nothing of it was tried on such a computer."""
    if os.name != "nt":
        return None
    if sysconfig.get_platform() == "win-arm64":
        return (
            "This Python is for Windows on arm64. Predicting works where OpenCV is installed, which has no package "
            "for it; onnxruntime-windowsml has DirectML there. Training needs an x64 Python 3.11, which Windows runs "
            "on arm64 too."
        )
    if platform.machine() == "ARM64" or os.environ.get("PROCESSOR_IDENTIFIER", "").startswith("ARM"):
        directml = (
            "onnxruntime-directml and torch-directml can be installed"
            if sys.version_info < (3, 12)
            else "pip installs onnxruntime-windowsml, and no torch-directml, which Python 3.11 for x64 can have"
        )
        return f"This Python for x64 is emulated on arm64: {directml}."
    return None
