"""Windows paths of every form, in the one that is read at any length."""

import os
from pathlib import Path

import pytest

from crbl_runtime.path_length import extended, readable_path


@pytest.mark.parametrize(
    ("absolute", "expected"),
    [
        (r"C:\images\a.png", r"\\?\C:\images\a.png"),
        (r"\\server\share\사진\a.png", r"\\?\UNC\server\share\사진\a.png"),
        (r"\\?\C:\images\a.png", r"\\?\C:\images\a.png"),
        (r"\\?\UNC\server\share\a.png", r"\\?\UNC\server\share\a.png"),
        (r"\\.\C:\images\a.png", r"\\.\C:\images\a.png"),
    ],
)
def test_drives_and_shares_have_a_form_without_a_limit(absolute: str, expected: str) -> None:
    assert extended(absolute) == expected


def test_only_paths_that_are_too_long_for_windows_are_changed(tmp_path: Path) -> None:
    short, long = tmp_path / "a.png", tmp_path / ("x" * 200) / "gone" / ".." / ("y" * 200) / "a.png"
    assert readable_path(short) is short
    if os.name == "nt":
        assert str(readable_path(long)) == f"\\\\?\\{tmp_path}\\{'x' * 200}\\{'y' * 200}\\a.png"
    else:
        assert readable_path(long) is long
