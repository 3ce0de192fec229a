"""onnxruntime for JavaScript and C++, from npm and Debian, for the tests alone; in the user's cache."""

import platform
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import onnxruntime
import pytest

from fetched_tools import CACHE, new_folder, npm_package
from foreign_programs import absent, fetch, program

NODE_VERSION = "1.30.0"
# The first Debian with onnxruntime; only headers are taken from it, so older ones can use them too.
DEBIAN = "trixie"
HEADERS_PACKAGE = "libonnxruntime-dev"
INSTALLED_HEADERS = Path("/usr/include/onnxruntime")


@dataclass(frozen=True)
class CppSdk:
    """What a C++ program is compiled and linked with: folders of headers and of libonnxruntime.so."""

    compiler: str
    include: Path
    library: Path


def node_with_onnxruntime() -> tuple[str, Path]:
    """The program node, and a folder node_modules with onnxruntime-node."""
    return program("node"), npm_package("onnxruntime-node", NODE_VERSION)


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
        with new_folder(cached) as folder, tempfile.TemporaryDirectory() as work:
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
