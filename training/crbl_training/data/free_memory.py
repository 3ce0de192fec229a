"""How much memory is free, for the whole machine or, in a container, below its limit."""

import ctypes
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from crbl_runtime.errors import UnavailableError, first_line

# Where a hierarchy of control groups is mounted, and its files: limits, use, and the part of the use that is files
# which the kernel drops when memory runs short.
_VERSION_2 = ("sys/fs/cgroup", ("memory.max", "memory.high"), "memory.current", "inactive_file")
_VERSION_1 = ("sys/fs/cgroup/memory", ("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file")


def free_memory() -> int:
    """Bytes that this process can still take without swapping.

    Raises:
        UnavailableError: this system does not tell.
    """
    try:
        if sys.platform == "win32":
            return _windows()
        if sys.platform == "darwin":
            told = subprocess.run(["/usr/bin/vm_stat"], capture_output=True, text=True, check=True).stdout
            return macos_free_memory(told)
        return linux_free_memory(Path("/"))
    except (OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
        raise UnavailableError(
            f"How much memory is free is not to be found out here ({first_line(error)}). Give --memory-budget in GB."
        ) from error


def linux_free_memory(root: Path) -> int:
    """What the kernel calls available, or less where a control group of this process leaves less.

    https://docs.kernel.org/admin-guide/cgroup-v2.html and .../cgroup-v1/memory.html describe the files.

    Args:
        root: the folder that has proc and sys.

    Raises:
        OSError, ValueError, KeyError: the kernel's files are missing or unlike those.
    """
    fields = _fields((root / "proc/meminfo").read_text())
    return max(0, min([fields["MemAvailable:"] * 1024, *_below_limits(root)]))


def macos_free_memory(vm_stat: str) -> int:
    """Pages that are free, speculative, purgeable or inactive, from the text that vm_stat prints.

    Raises:
        ValueError, KeyError: the text is another one.
    """
    size = re.search(r"page size of (\d+) bytes", vm_stat)
    if size is None:
        raise ValueError("vm_stat prints no page size")
    pages = {name: int(count) for name, count in re.findall(r"^Pages (\w+):\s+(\d+)\.$", vm_stat, re.MULTILINE)}
    return int(size[1]) * sum(pages[name] for name in ("free", "inactive", "speculative", "purgeable"))


def _below_limits(root: Path) -> Iterator[int]:
    """For each control group that has this process and a limit: how many bytes are left below it."""
    groups = root / "proc/self/cgroup"
    for line in groups.read_text().splitlines() if groups.is_file() else []:
        _, controllers, group = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        mount, limits, used, dropped = _VERSION_1 if controllers else _VERSION_2
        inside = Path(group.lstrip("/"))
        # In a container the group is named as the machine sees it, while its files are at the mount itself.
        for folder in (root / mount / each for each in (inside, *inside.parents)):
            for limit in (folder / name for name in limits):
                if limit.is_file() and (most := limit.read_text().strip()) != "max":
                    files = _fields((folder / "memory.stat").read_text())[dropped]
                    yield int(most) - int((folder / used).read_text()) + files


def _fields(text: str) -> dict[str, int]:
    """The first two words of each line: a name and a number."""
    return {words[0]: int(words[1]) for words in map(str.split, text.splitlines()) if len(words) > 1}


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of the Windows API."""

    _fields_ = (
        ("dwLength", ctypes.c_uint32),
        ("dwMemoryLoad", ctypes.c_uint32),
        ("ullTotalPhys", ctypes.c_uint64),
        ("ullAvailPhys", ctypes.c_uint64),
        ("ullTotalPageFile", ctypes.c_uint64),
        ("ullAvailPageFile", ctypes.c_uint64),
        ("ullTotalVirtual", ctypes.c_uint64),
        ("ullAvailVirtual", ctypes.c_uint64),
        ("ullAvailExtendedVirtual", ctypes.c_uint64),
    )


def _windows() -> int:
    status = _MemoryStatus(dwLength=ctypes.sizeof(_MemoryStatus))
    if not ctypes.WinDLL("kernel32").GlobalMemoryStatusEx(ctypes.byref(status)):  # type: ignore[attr-defined]
        raise OSError("GlobalMemoryStatusEx failed")
    # What can be committed is less where the page file is small or off.
    return int(min(status.ullAvailPhys, status.ullAvailPageFile))
