"""How much memory a process has held at most."""

import sys
from pathlib import Path

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")


def forget_peak() -> None:
    """Let the peak begin anew, where the system can do that."""
    if CLEAR.exists():
        CLEAR.write_text("5")


def peak_memory() -> int | None:
    """In bytes; None where this system does not tell."""
    if STATUS.exists():
        (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return None
