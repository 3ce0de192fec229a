"""Which characters programs can write here, and how long paths may be."""

import ctypes
import locale
import sys
from dataclasses import dataclass
from typing import Any

from crbl_runtime.machine_report.finding import Finding
from crbl_runtime.machine_report.registry import registry_value
from crbl_runtime.path_length import LONGEST_PATH

# The first works in cmd and in PowerShell.
UTF8_ON_WINDOWS = "setx PYTHONUTF8 1    (for consoles that are opened from then on)"
UTF8_ELSEWHERE = "export PYTHONUTF8=1"
FILE_SYSTEM_KEY = r"SYSTEM\CurrentControlSet\Control\FileSystem"


@dataclass(frozen=True)
class Characters:
    """Encodings, by Python's names, and settings of Windows.

    Attributes:
        file_names: of the names of files. output: of standard output, None where there is none.
        text_files: of text files whose program names none. utf8_mode: whether Python was told to use UTF-8 for all.
        ansi_code_page, console_code_page: of Windows, such as 949; None elsewhere, the latter also without a console.
        long_paths: whether Windows takes paths of more than 259 characters; None elsewhere, where all are taken.
    """

    file_names: str
    output: str | None
    text_files: str
    utf8_mode: bool
    ansi_code_page: int | None
    console_code_page: int | None
    long_paths: bool | None


def characters() -> Characters:
    windows = sys.platform == "win32"
    return Characters(
        file_names=sys.getfilesystemencoding(),
        # The one that the process began with: commands put another one in its place.
        output=getattr(sys.__stdout__, "encoding", None),
        text_files=locale.getencoding(),
        utf8_mode=bool(sys.flags.utf8_mode),
        ansi_code_page=_kernel32().GetACP() if windows else None,
        console_code_page=_kernel32().GetConsoleOutputCP() or None if windows else None,
        long_paths=registry_value(FILE_SYSTEM_KEY, "LongPathsEnabled") == 1 if windows else None,
    )


def character_findings(found: Characters) -> tuple[Finding, ...]:
    windows = found.ansi_code_page is not None
    findings = []
    if not _is_utf8(found.file_names):
        findings.append(
            Finding(
                "file names",
                f"Python takes the names of files for {found.file_names}, so that those with other characters are not "
                "found by what they are called.",
                (UTF8_ON_WINDOWS if windows else UTF8_ELSEWHERE,),
            )
        )
    if found.output is not None and not _is_utf8(found.output):
        findings.append(
            Finding(
                "output",
                f"Standard output is {found.output}: characters that it lacks are printed as \\uNNNN, in JSON and CSV, "
                "too, where they can be read back.",
                (UTF8_ON_WINDOWS if windows else UTF8_ELSEWHERE,),
            )
        )
    if found.long_paths is False:
        findings.append(
            Finding(
                "long paths",
                f"Windows takes paths of up to {LONGEST_PATH} characters only from programs that do not ask for longer "
                "ones in its own form. The runtime does; other programs may not find such files.",
                (rf"reg add HKLM\{FILE_SYSTEM_KEY} /v LongPathsEnabled /t REG_DWORD /d 1 /f    (as administrator)",),
            )
        )
    return tuple(findings)


def _is_utf8(encoding: str) -> bool:
    return encoding.lower().replace("-", "").replace("_", "") in ("utf8", "cp65001")


def _kernel32() -> Any:
    return getattr(ctypes, "WinDLL")("kernel32")  # noqa: B009 - other systems have no such name to check
