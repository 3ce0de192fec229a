"""free_memory.py: what the kernel calls available, or less where a limit leaves less."""

import sys
from pathlib import Path

import pytest

from crbl_runtime.errors import UnavailableError
from crbl_training.data import free_memory as module
from crbl_training.data.free_memory import free_memory, linux_free_memory, macos_free_memory

MEMINFO = (
    "MemTotal:       16000000 kB\nMemFree:         1000000 kB\nMemAvailable:    8000000 kB\nHugePages_Total:   0\n"
)
AVAILABLE = 8_000_000 * 1024
GIB = 2**30


def kernel(root: Path, files: dict[str, str]) -> Path:
    for name, text in {"proc/meminfo": MEMINFO, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def version_2(folder: str, limit: object, used: int, inactive: int = 0, name: str = "memory.max") -> dict[str, str]:
    base = f"sys/fs/cgroup/{folder}"
    statistics = f"anon 5\nfile 7\ninactive_file {inactive}\n"
    return {f"{base}/{name}": f"{limit}\n", f"{base}/memory.current": f"{used}\n", f"{base}/memory.stat": statistics}


def version_1(folder: str, limit: int, used: int, inactive: int = 0) -> dict[str, str]:
    base = f"sys/fs/cgroup/memory/{folder}"
    return {
        f"{base}/memory.limit_in_bytes": f"{limit}\n",
        f"{base}/memory.usage_in_bytes": f"{used}\n",
        f"{base}/memory.stat": f"inactive_file 1\ntotal_inactive_file {inactive}\n",
    }


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, AVAILABLE),
        ({"proc/self/cgroup": "0::/user.slice\n"}, AVAILABLE),
        ({"proc/self/cgroup": "0::/a\n", **version_2("a", "max", GIB)}, AVAILABLE),
        ({"proc/self/cgroup": "0::/a/b\n", **version_2("a/b", 2 * GIB, GIB, 4096)}, GIB + 4096),
        ({"proc/self/cgroup": "0::/a/b\n", **version_2("a", 3 * GIB, GIB), **version_2("a/b", "max", 9)}, 2 * GIB),
        ({"proc/self/cgroup": "0::/a\n", **version_2("a", 5 * GIB, GIB, name="memory.high")}, 4 * GIB),
        # In a container whose groups have a namespace of their own, or that sees the host's names.
        ({"proc/self/cgroup": "0::/\n", **version_2("", 2 * GIB, GIB)}, GIB),
        ({"proc/self/cgroup": "4:cpu,cpuacct:/\n3:memory:/docker/0a\n", **version_1("", 2 * GIB, GIB, 100)}, GIB + 100),
        ({"proc/self/cgroup": "3:memory:/a\n0::/\n", **version_1("a", 2 * GIB, 3 * GIB)}, 0),
        ({"proc/self/cgroup": "3:memory:/a\n", **version_1("a", 2**63 - 4096, GIB)}, AVAILABLE),
        # A limit of more than there is does not make more.
        ({"proc/self/cgroup": "0::/a\n", **version_2("a", 64 * GIB, GIB)}, AVAILABLE),
    ],
)
def test_the_least_of_what_is_available_and_what_limits_leave(tmp_path, files, expected):
    assert linux_free_memory(kernel(tmp_path, files)) == expected


def test_macos_counts_pages_that_can_be_had():
    told = (
        "Mach Virtual Memory Statistics: (page size of 16384 bytes)\n"
        "Pages free:                               1000.\n"
        "Pages active:                           500000.\n"
        "Pages inactive:                           2000.\n"
        "Pages speculative:                         300.\n"
        "Pages wired down:                       100000.\n"
        "Pages purgeable:                            40.\n"
        '"Translation faults":                  123456.\n'
    )
    assert macos_free_memory(told) == 16384 * 3340


@pytest.mark.skipif(sys.platform == "darwin", reason="asks vm_stat")
def test_this_machine_tells_and_it_is_no_kilobytes():
    assert 10**8 < free_memory() < 10**14


@pytest.mark.skipif(sys.platform != "linux", reason="takes away the files of Linux")
@pytest.mark.parametrize("meminfo", [None, "", "MemFree: 5 kB\n", "MemAvailable: much kB\n"])
def test_a_system_that_does_not_tell_is_an_error_with_the_option(tmp_path, monkeypatch, meminfo):
    if meminfo is not None:
        kernel(tmp_path, {"proc/meminfo": meminfo})
    monkeypatch.setattr(module, "Path", lambda _: tmp_path)
    with pytest.raises(UnavailableError, match=r"free is not to be found out here .*Give --memory-budget in GB"):
        free_memory()
