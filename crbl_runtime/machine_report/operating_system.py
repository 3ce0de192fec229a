"""The operating system and its build."""

import platform
import sys
from dataclasses import dataclass

from crbl_runtime.machine_report.finding import Finding
from crbl_runtime.machine_report.registry import registry_value

VERSION_KEY = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
# Windows 10, version 1903, the first one with DirectML (learn.microsoft.com: DirectML version history).
FIRST_WITH_DIRECTML = 18362


@dataclass(frozen=True)
class OperatingSystem:
    """`name` as its maker writes it; `build` tells its state: of Windows with the revision that updates raise."""

    name: str
    build: str


def operating_system() -> OperatingSystem:
    if sys.platform == "win32":
        return windows(sys.getwindowsversion().build)
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        macos = platform.mac_ver()[0]
        name = f"macOS {macos}" if macos else platform.system()
    return OperatingSystem(name, platform.release())


def windows(build: int) -> OperatingSystem:
    """Python's own name is "10" for Windows 11, too; only the build tells them apart."""
    version = registry_value(VERSION_KEY, "DisplayVersion")
    revision = registry_value(VERSION_KEY, "UBR")
    name = f"Windows {11 if build >= 22000 else platform.release()}"
    return OperatingSystem(
        f"{name} {version}" if version else name, f"{build}.{revision}" if revision is not None else str(build)
    )


def operating_system_findings(system: OperatingSystem) -> tuple[Finding, ...]:
    build = system.build.partition(".")[0]
    if not system.name.startswith("Windows") or not build.isdigit() or int(build) >= FIRST_WITH_DIRECTML:
        return ()
    return (
        Finding(
            "Windows",
            f"This is build {build}, and DirectML came with build {FIRST_WITH_DIRECTML} (Windows 10, version 1903).",
            ("Update Windows: start ms-settings:windowsupdate",),
        ),
    )
