"""Files as Windows has them: open in another program, with long paths, in every form of a path."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from crbl_runtime import Detector
from crbl_runtime.atomic_file import replacing_together, require_writable, write_text
from crbl_runtime.errors import ImageError, ModelFileError, OutputError
from crbl_runtime.image import decode
from crbl_runtime.image_folder import find_images
from crbl_runtime.path_length import LONGEST_PATH
from public_commands import run_in_own_process
from small_model import small_model

LONG = "아주 긴 이름의 폴더 " * 4
# As a spreadsheet program holds a table that it shows: others may read it, nobody may write it.
HOLD_OPEN = """
import ctypes, sys
from ctypes import wintypes
CreateFile = ctypes.WinDLL("kernel32").CreateFileW
CreateFile.argtypes = [wintypes.LPCWSTR, *[wintypes.DWORD] * 2, ctypes.c_void_p, *[wintypes.DWORD] * 2, wintypes.HANDLE]
CreateFile.restype = wintypes.HANDLE
GENERIC_READ_WRITE, FILE_SHARE_READ, OPEN_EXISTING = 0xC0000000, 1, 3
handle = CreateFile(sys.argv[1], GENERIC_READ_WRITE, FILE_SHARE_READ, None, OPEN_EXISTING, 0, None)
print(handle != wintypes.HANDLE(-1).value, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def open_table(tmp_path: Path) -> Iterator[Path]:
    """A table that another program has open."""
    table = tmp_path / "결과.csv"
    write_text(table, "old")
    command = [sys.executable, "-c", HOLD_OPEN, str(table)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        yield table
        holder.communicate("")


def write_two_files(table: Path, always: str) -> None:
    with replacing_together(table.parent, always=always) as new:
        write_text(new / "another.csv", "new")
        write_text(new / table.name, "new")


def test_a_table_that_is_open_elsewhere_stays_as_it_was(open_table: Path) -> None:
    for attempt in (require_writable, lambda path: write_text(path, "new")):
        with pytest.raises(OutputError, match="close it in other programs"):
            attempt(open_table)
    for always in ("another.csv", open_table.name):
        with pytest.raises(OutputError):
            write_two_files(open_table, always)
    assert open_table.read_text() == "old"
    assert list(open_table.parent.iterdir()) == [open_table]


def test_crbl_predict_says_before_it_starts_that_its_table_is_open_elsewhere(
    open_table: Path, photographs: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    model = tmp_path_factory.mktemp("model") / "small.onnx"
    model.write_bytes(small_model("fp32"))
    refused = run_in_own_process("crbl-predict", model, photographs / "coffee_0.png", "--csv", open_table)
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "close it in other programs" in refused.stderr
    assert open_table.read_text() == "old"


def test_a_file_that_others_only_read_is_replaced_or_stays(tmp_path: Path) -> None:
    """Python opens files so that nobody may replace them meanwhile; afterwards one may."""
    table = tmp_path / "table.csv"
    write_text(table, "old")
    with table.open() as reader:
        with pytest.raises(OutputError, match="close it in other programs"):
            write_text(table, "new")
        assert reader.read() == "old"
    write_text(table, "new")
    assert table.read_text() == "new"


def test_long_paths_are_read_and_written_or_the_error_says_that_they_are_long(
    photographs: Path, tmp_path: Path
) -> None:
    folder = tmp_path / LONG.strip() / LONG.strip() / LONG.strip()
    image = folder / "사진.png"
    assert len(str(image)) <= LONGEST_PATH < len(str(image)) + 100
    image = folder / LONG.strip() / LONG.strip() / "사진.png"
    assert len(str(image)) > LONGEST_PATH
    content = (photographs / "coffee_0.png").read_bytes()
    extended = Path("\\\\?\\" + str(image))
    extended.parent.mkdir(parents=True)
    extended.write_bytes(content)
    assert decode(extended).tobytes() == decode(content).tobytes()
    # Images are read at any length, enabled or not.
    with_dots = image.parent / ".." / image.parent.name / image.name
    for form in (image, str(image), image.as_posix(), with_dots):
        assert decode(form).tobytes() == decode(content).tobytes()
    missing = image.with_name("missing.png")
    with pytest.raises(ImageError, match="no such file") as refused:
        decode(missing)
    assert str(refused.value).startswith(f"{missing}: ")
    with pytest.raises(ModelFileError, match="LongPathsEnabled"):
        Detector(image.with_name("missing.onnx"))
    if image.exists():
        assert find_images(image.parent).images == (image,)
        write_text(image.with_name("표.csv"), "text")
        assert image.with_name("표.csv").read_text() == "text"
        with image.with_name("표.csv").open(), pytest.raises(OutputError, match="close it in other programs"):
            write_text(image.with_name("표.csv"), "new")


@pytest.mark.parametrize("form", ["relative", "slashes", "extended", "upper case", "another drive letter's folder"])
def test_a_path_in_every_form_gives_the_same_pixels(form: str, photographs: Path, tmp_path: Path) -> None:
    image = tmp_path / "coffee.png"
    image.write_bytes((photographs / "coffee_0.png").read_bytes())
    forms = {
        "relative": os.path.relpath(image, tmp_path.parent),
        "slashes": image.as_posix(),
        "extended": f"\\\\?\\{image}",
        "upper case": str(image).upper(),
        "another drive letter's folder": f"{image.drive}{os.path.relpath(image, tmp_path.parent)}",
    }
    before = Path.cwd()
    os.chdir(tmp_path.parent)
    try:
        assert decode(forms[form]).tobytes() == decode(image).tobytes()
    finally:
        os.chdir(before)


@pytest.mark.parametrize("name", ["NUL", "CON", "aux.png", "COM1"])
def test_a_device_name_is_no_image(name: str, tmp_path: Path) -> None:
    with pytest.raises(ImageError):
        decode(tmp_path / name)


def test_brackets_in_a_name_are_no_pattern_and_a_pattern_is_one(photographs: Path, tmp_path: Path) -> None:
    model = tmp_path / "small.onnx"
    model.write_bytes(small_model("fp32"))
    for name in ("a[1].png", "a1.png", "b.png"):
        (tmp_path / name).write_bytes((photographs / "coffee_0.png").read_bytes())

    def predicted(argument: str) -> list[str]:
        result = run_in_own_process("crbl-predict", "small.onnx", argument, "--provider", "cpu", cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        return [name for name in ("a[1].png", "a1.png", "b.png") if name in result.stdout]

    assert predicted("a[1].png") == ["a[1].png"]
    assert predicted("a[12].png") == ["a1.png"]
    assert predicted("*.png") == ["a[1].png", "a1.png", "b.png"]
