"""onnxruntime for JavaScript and C++, from npm and Debian, for the tests alone; in the user's cache."""

import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import onnxruntime
import pytest

from foreign_programs import absent, fetch, program

NODE_VERSION = "1.30.0"
# The first Debian with onnxruntime; only headers are taken from it, so older ones can use them too.
DEBIAN = "trixie"
HEADERS_PACKAGE = "libonnxruntime-dev"
INSTALLED_HEADERS = Path("/usr/include/onnxruntime")
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "crbl-tests"


@dataclass(frozen=True)
class CppSdk:
    """What a C++ program is compiled and linked with: folders of headers and of libonnxruntime.so."""

    compiler: str
    include: Path
    library: Path


def node_with_onnxruntime() -> tuple[str, Path]:
    """The program node, and a folder node_modules with onnxruntime-node."""
    node, npm = program("node"), program("npm")
    cached = CACHE / f"onnxruntime-node-{NODE_VERSION}"
    if not cached.is_dir():
        with _new_folder(cached) as folder:
            # The package's own script would download CUDA libraries; those for the CPU are in it.
            fetch([npm, "install", "--ignore-scripts", "--prefix", folder, f"onnxruntime-node@{NODE_VERSION}"])
    return node, cached / "node_modules"


def cpp_sdk(folder: Path) -> CppSdk:
    """Headers of Debian and the library of this Python's onnxruntime, which is never the older of the two."""
    if sys.platform != "linux":
        pytest.skip("the C++ program is tested on Linux alone")
    compiler = program("g++")
    include = INSTALLED_HEADERS if INSTALLED_HEADERS.is_dir() else _downloaded_headers()
    asked = re.search(r"#define ORT_API_VERSION (\d+)", (include / "onnxruntime_c_api.h").read_text("utf-8"))
    assert asked is not None
    if int(asked[1]) > int(onnxruntime.__version__.split(".")[1]):
        absent(f"onnxruntime {onnxruntime.__version__} is older than the headers, of version 1.{asked[1]}")
    shared = next((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so.*"), None)
    if shared is None:
        absent("this onnxruntime has no libonnxruntime.so")
    for name in ("libonnxruntime.so", "libonnxruntime.so.1"):
        (folder / name).symlink_to(shared)
    return CppSdk(compiler, include, folder)


def _downloaded_headers() -> Path:
    cached = CACHE / f"{HEADERS_PACKAGE}-{DEBIAN}"
    if not cached.is_dir():
        apt_get, dpkg_deb = program("apt-get"), program("dpkg-deb")
        with _new_folder(cached) as folder, tempfile.TemporaryDirectory() as work:
            apt = _apt_of_another_release(apt_get, Path(work))
            fetch([*apt, "update"])
            fetch([*apt, "download", HEADERS_PACKAGE], cwd=work)
            fetch([dpkg_deb, "-x", next(Path(work).glob("*.deb")), folder])
    return cached / "usr" / "include" / "onnxruntime"


def _apt_of_another_release(apt_get: str, work: Path) -> list[str]:
    """apt-get with state and sources of its own: it needs no rights, and this machine's packages stay as they are."""
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    addresses = subprocess.run([apt_get, "update", "--print-uris"], capture_output=True, text=True).stdout
    mirror = re.search(rf"'(\S+/debian)/dists/{codename}/InRelease'", addresses)
    if mirror is None:
        absent(f"no headers of onnxruntime: {HEADERS_PACKAGE} is not installed, and apt names no mirror of Debian")
    (work / "lists" / "partial").mkdir(parents=True)
    (work / "sources.list").write_text(f"deb {mirror[1]} {DEBIAN} main\n")
    options = {
        "Dir::Etc::sourcelist": work / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State": work,
        "Dir::State::status": "/dev/null",
        "Dir::Cache": work,
        "APT::Sandbox::User": "",
    }
    return [apt_get, *(argument for key, value in options.items() for argument in ("-o", f"{key}={value}"))]


@contextmanager
def _new_folder(path: Path) -> Iterator[Path]:
    """A folder that gets its name when all is in it; where another process was quicker, its folder stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, ignore_cleanup_errors=True) as work:
        folder = Path(work) / path.name
        folder.mkdir()
        yield folder
        if not path.exists():
            folder.rename(path)
