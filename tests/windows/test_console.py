"""What programs print here: to files and pipes in the ANSI code page, and to a console in any language."""

import json
import subprocess
import sys
import sysconfig
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import pytest

from public_commands import Trained, run_in_own_process
from small_model import small_model

COMMANDS = sorted(each.name for each in entry_points(group="console_scripts") if each.name.startswith("crbl-"))
SCRIPTS = Path(sysconfig.get_path("scripts"))


@pytest.fixture(scope="module")
def inputs(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A model and two images whose names no single code page has."""
    folder = tmp_path_factory.mktemp("입력")
    (folder / "작은.onnx").write_bytes(small_model("fp32"))
    images = [folder / "낱알 하나.png", folder / "Größe ½.png"]
    for image in images:
        image.write_bytes((photographs / "coffee_0.png").read_bytes())
    return [folder / "작은.onnx", *images]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_program_gives_help_without_torch(command: str) -> None:
    told = run_in_own_process(command, "--help")
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith(f"Usage: {command}")
    assert "Example" in told.stdout


def test_output_to_a_file_is_in_the_ansi_code_page_and_loses_no_name(
    inputs: list[Path], ansi_code_page: str, tmp_path: Path
) -> None:
    output = tmp_path / "output.txt"
    with output.open("wb") as file:
        ended = subprocess.run([SCRIPTS / "crbl-predict.exe", *inputs, "--provider", "cpu"], stdout=file)
    assert ended.returncode == 0
    text = output.read_bytes().decode(ansi_code_page)
    for image in inputs[1:]:
        printed = image.name.encode(ansi_code_page, "backslashreplace").decode(ansi_code_page)
        assert text.count(printed) == 1
    assert "2 images" in text


def test_json_holds_every_name_whatever_the_code_page(inputs: list[Path]) -> None:
    predicted = run_in_own_process("crbl-predict", *inputs, "--provider", "cpu", "--json")
    assert predicted.returncode == 0, predicted.stderr
    assert [Path(each["path"]) for each in json.loads(predicted.stdout)] == inputs[1:]


def test_what_cannot_be_read_is_named_on_standard_error(inputs: list[Path], ansi_code_page: str) -> None:
    failed = run_in_own_process("crbl-predict", inputs[0], inputs[1].with_name("없음.png"), "--provider", "cpu")
    assert failed.returncode == 4
    printed = "없음.png".encode(ansi_code_page, "backslashreplace").decode(ansi_code_page)
    assert printed in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_list_that_dir_writes_is_read_in_the_encoding_of_the_console(
    inputs: list[Path], ansi_code_page: str, tmp_path: Path
) -> None:
    name = {"cp949": "낱알 하나.png"}.get(ansi_code_page, "Größe ½.png")
    (tmp_path / name).write_bytes(inputs[1].read_bytes())
    (tmp_path / "small.onnx").write_bytes(inputs[0].read_bytes())
    command = f"dir /b /s *.png | {SCRIPTS / 'crbl-predict.exe'} small.onnx - --provider cpu --json"
    told = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True)
    assert told.returncode == 0, told.stderr
    assert [Path(each["path"]).name for each in json.loads(told.stdout)] == [name]


# A program in a console of its own, which then writes what the console shows to a file.
ON_CONSOLE = """
import ctypes, sys
from ctypes import wintypes
from pathlib import Path
from crbl_runtime.commands import crbl_predict
kernel32 = ctypes.WinDLL("kernel32")
target, code_page, *sys.argv[1:] = sys.argv[1:]
assert kernel32.SetConsoleOutputCP(int(code_page))
sys.stdout = sys.stderr = open("CONOUT$", "w", encoding="utf-8")
try:
    crbl_predict()
finally:
    sys.stdout.flush()
    GENERIC_READ_WRITE, SHARED, OPEN_EXISTING = 0xC0000000, 3, 3
    screen = kernel32.CreateFileW("CONOUT$", GENERIC_READ_WRITE, SHARED, None, OPEN_EXISTING, 0, None)
    shown, read = ctypes.create_unicode_buffer(8000), wintypes.DWORD()
    start = wintypes.DWORD(0)
    kernel32.ReadConsoleOutputCharacterW(wintypes.HANDLE(screen), shown, 4000, start, ctypes.byref(read))
    Path(target).write_text(shown[: read.value].replace(chr(0), " "), encoding="utf-8", errors="replace")
"""


@pytest.mark.parametrize("code_page", [1252, 949])
def test_a_console_shows_every_name_whatever_its_code_page(code_page: int, inputs: list[Path], tmp_path: Path) -> None:
    shown = tmp_path / "shown.txt"
    names = [path.name for path in inputs]
    command = [sys.executable, "-c", ON_CONSOLE, str(shown), str(code_page), *names, "--provider", "cpu"]
    flags: int = subprocess.CREATE_NEW_CONSOLE  # type: ignore[attr-defined]
    ended = subprocess.run(command, cwd=inputs[0].parent, creationflags=flags)
    text = shown.read_text(encoding="utf-8")
    assert ended.returncode == 0, text
    assert all(text.count(name) == 1 for name in names[1:])
    assert "2 images" in text


@pytest.mark.parametrize("command", ["crbl-train", "crbl-evaluate", "crbl-convert", "crbl-export", "crbl-parity"])
def test_without_torch_a_command_that_needs_it_says_what_to_install(
    command: str, crop: Trained, grains: Path, tmp_path: Path
) -> None:
    if find_spec("torch") is not None:
        pytest.skip("torch is installed")
    keras, output = tmp_path / "model.h5", tmp_path / "out"
    keras.touch()
    arguments = {
        "crbl-train": ["--variant", "crop", "--data", grains / "train", "--weights", "none", "--out", output],
        "crbl-evaluate": [crop.checkpoint, "--data", grains / "train"],
        "crbl-convert": [keras, "--variant", "crop", "-o", output / "model.pth"],
        "crbl-export": ["--variant", "crop", "--checkpoint", crop.checkpoint, "-o", output / "model.onnx"],
        "crbl-parity": [crop.model, "--checkpoint", crop.checkpoint],
    }
    ended = run_in_own_process(command, *arguments[command])
    assert ended.returncode == 3, ended.stderr
    assert "pip install" in ended.stderr
    assert "Traceback" not in ended.stderr
