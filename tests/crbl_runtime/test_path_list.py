"""path_list.py: lists of paths as other programs write them."""

import os

import pytest

from crbl_runtime.errors import UsageError
from crbl_runtime.path_list import read_path_list

NAMES = ["a b.png", "부품/c.png", " blank .png"]


@pytest.mark.parametrize(
    "content",
    [
        "\n".join(NAMES).encode(),
        "\r\n".join([*NAMES, "", ""]).encode(),
        "\n\n".join(["", *NAMES]).encode(),
        b"\xef\xbb\xbf" + "\n".join(NAMES).encode(),
        "\r\n".join(["", *NAMES]).encode("utf-16"),
        b"\xfe\xff" + "\n".join(NAMES).encode("utf-16-be"),
        "\0".join([*NAMES, ""]).encode(),
        "\0".join(NAMES).encode(),
    ],
    ids=["lines", "windows", "blank lines", "utf-8-sig", "utf-16", "utf-16 of the other order", "print0", "no end"],
)
def test_every_form_of_a_list_is_read(content: bytes) -> None:
    assert read_path_list(content) == NAMES


def test_a_list_of_nothing_has_no_paths() -> None:
    assert read_path_list(b"") == read_path_list(b"\r\n\n") == read_path_list(b"\xef\xbb\xbf") == []


def test_after_a_nul_a_name_may_have_line_ends() -> None:
    assert read_path_list(b"line\nbreak.png\0return\r\0") == ["line\nbreak.png", "return\r"]


def test_utf_16_that_is_cut_off_is_refused() -> None:
    with pytest.raises(UsageError, match="begins as UTF-16 and is none"):
        read_path_list("a.png".encode("utf-16") + b"b")


@pytest.mark.skipif(os.name == "nt", reason="names are no bytes there")
def test_a_name_that_is_no_utf_8_is_the_name_that_the_system_has() -> None:
    (path,) = read_path_list(b"latin-\xfc.png\n")
    assert os.fsencode(path) == b"latin-\xfc.png"


@pytest.mark.skipif(os.name != "nt", reason="code pages are of Windows")
def test_quotation_marks_are_taken_off_and_code_pages_read() -> None:
    assert read_path_list(b'"C:\\a b.png"\r\n') == ["C:\\a b.png"]
    (path,) = read_path_list(b"\xb0\xa1.png")
    assert path.endswith(".png")
