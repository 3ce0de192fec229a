"""NVIDIA's cards: what nvidia-smi prints, and CUDA's own numbers, which are others."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from crbl_runtime.adapters import Adapter
from crbl_runtime.adapters.nvidia import NOT_LISTED, Card, cards_in, numbered, nvidia_listing

TESLA = Card(0, "GPU-101b1cf0-fdf7-b374-a62c-76b25134fcf2", "550.54.15", "Tesla T4")
H100 = Card(1, "GPU-8f6f1a4b-0c5e-7d3a-9b21-5d0f6a7c8e90", "550.54.15", "NVIDIA H100 80GB HBM3")
# nvidia-smi --query-gpu=index,uuid,driver_version,name --format=csv,noheader
TWO = f"""\
0, {TESLA.uuid}, 550.54.15, Tesla T4
1, {H100.uuid}, 550.54.15, NVIDIA H100 80GB HBM3
"""
NO_DRIVER = (
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA "
    "driver is installed and running.\n\n"
)

POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows looks for nvidia-smi in its own folder first")


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (TWO, [TESLA, H100]),
        (TWO.replace("\n", "\r\n"), [TESLA, H100]),
        (f"0, {TESLA.uuid}, [N/A], Tesla T4\n", [Card(0, TESLA.uuid, None, "Tesla T4")]),
        (
            f"0, {TESLA.uuid}, 550.54.15, A card, with a comma\n",
            [Card(0, TESLA.uuid, "550.54.15", "A card, with a comma")],
        ),
        (f"WARNING: infoROM is corrupted at gpu 0000:01:00.0\n{TWO}", [TESLA, H100]),
        ("No devices were found\n", []),
        (NO_DRIVER, []),
        ("Unable to determine the device handle for GPU 0000:0B:00.0: Unknown Error\n", []),
        ("", []),
    ],
)
def test_cards_in_what_nvidia_smi_prints(printed: str, expected: list[Card]) -> None:
    assert cards_in(printed) == expected


def test_cuda_counts_from_the_fastest_and_leaves_out_what_it_is_told_to() -> None:
    assert numbered([TESLA, H100], [H100.uuid.upper(), TESLA.uuid], None) == (
        Adapter("cuda", 0, H100.name, "550.54.15", None),
        Adapter("cuda", 1, TESLA.name, "550.54.15", None),
    )
    assert numbered([TESLA, H100], [H100.uuid], None) == (
        Adapter("cuda", 0, H100.name, "550.54.15", None),
        Adapter("cuda", 0, TESLA.name, "550.54.15", NOT_LISTED),
    )


def test_where_cuda_cannot_be_asked_no_card_is_usable_and_the_reason_is_told() -> None:
    found = numbered([TESLA, H100], [], "the library is not there")
    assert [(adapter.index, adapter.reason) for adapter in found] == [
        (0, "the library is not there"),
        (1, "the library is not there"),
    ]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What stands for nvidia-smi, alone on the search path."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "nvidia-smi"


@POSIX
def test_without_nvidia_smi_there_is_no_driver(program: Path) -> None:
    listed = nvidia_listing()
    assert listed.adapters == ()
    assert listed.problem == "nvidia-smi is not there: no NVIDIA driver is installed."


@POSIX
def test_what_nvidia_smi_says_is_told_where_it_lists_none(program: Path) -> None:
    program.write_text(f'#!/bin/sh\necho "{NO_DRIVER}"\nexit 9\n')
    program.chmod(0o755)
    assert "couldn't communicate with the NVIDIA driver" in str(nvidia_listing().problem)
    program.write_text("#!/bin/sh\nexit 15\n")
    assert "exit code 15" in str(nvidia_listing().problem)


# Of cuda.h; the first card is the second one of nvidia-smi.
LIBCUDA = """
#include <string.h>
int cuInit(unsigned flags) { return RESULT; }
int cuDeviceGetCount(int *count) { *count = 2; return 0; }
int cuDeviceGet(int *device, int number) { *device = number + 7; return 0; }
int cuDeviceGetUuid(void *uuid, int device) { memcpy(uuid, device == 7 ? FIRST : SECOND, 16); return 0; }
"""


def c_bytes(uuid: str) -> str:
    digits = uuid.removeprefix("GPU-").replace("-", "")
    return '"' + "".join(f"\\x{digits[at : at + 2]}" for at in range(0, 32, 2)) + '"'


@POSIX
@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (0, [(0, H100.name, None), (1, TESLA.name, None)]),
        (100, [(0, TESLA.name, NOT_LISTED), (1, H100.name, NOT_LISTED)]),
        (
            35,
            [
                (index, card.name, "CUDA's driver library does not work (cuInit answers 35); install the driver again")
                for index, card in enumerate((TESLA, H100))
            ],
        ),
    ],
)
def test_numbers_are_those_of_cuda_s_own_library(
    result: int,
    expected: list[tuple[int, str, str | None]],
    program: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiler = shutil.which("cc", path=os.defpath)
    if compiler is None:
        pytest.skip("no C compiler for what stands for CUDA's library")
    source = tmp_path / "cuda.c"
    source.write_text(LIBCUDA)
    values = [f"-DRESULT={result}", f"-DFIRST={c_bytes(H100.uuid)}", f"-DSECOND={c_bytes(TESLA.uuid)}"]
    command = [compiler, "-shared", "-fPIC", *values, "-o", tmp_path / "libcuda.so.1", source]
    subprocess.run(command, check=True, env={"PATH": os.defpath})
    program.write_text(f'#!/bin/sh\nwhile read -r line; do echo "$line"; done <<END\n{TWO}END\n')
    program.chmod(0o755)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    found = nvidia_listing().adapters
    assert [(adapter.index, adapter.name, adapter.reason) for adapter in found] == expected
