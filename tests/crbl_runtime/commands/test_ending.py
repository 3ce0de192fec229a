"""How commands end: what they print in any code page, what is kept when they are stopped, and their exit codes."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from crbl_runtime import errors
from crbl_runtime.commands import predict
from crbl_runtime.csv_file import ENCODING, path_from_text
from crbl_runtime.detector import Detector
from public_commands import Trained, run_command

on_posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such names, files or signals")
NAMES = ["부품_OK.png", "prüfung.png", 'a,b "q".png', "line\nbreak.png", "tab\tand\rreturn.png", "=cmd.png"]


def program(*arguments: object) -> list[str]:
    """The command line of a crbl-predict in a process of its own."""
    return [str(Path(sys.executable).with_name("crbl-predict")), *map(str, arguments)]


@pytest.fixture
def named(photographs: Path, tmp_path: Path) -> Path:
    """A folder with one image under names of all kinds, one of which is no UTF-8."""
    folder = tmp_path / "names"
    folder.mkdir()
    for name in [*NAMES, os.fsdecode(b"latin-\xfc.png")]:
        shutil.copy(photographs / "coffee_0.png", folder / name)
    (folder / "cut\noff.png").write_bytes((photographs / "coffee_0.png").read_bytes()[:300])
    return folder


@on_posix
@pytest.mark.parametrize("encoding", ["cp1252", "cp949", "ascii", "utf-8"])
def test_every_name_is_printed_on_one_line_in_any_code_page(encoding: str, crop: Trained, named: Path) -> None:
    environment = os.environ | {"PYTHONUTF8": "0", "PYTHONIOENCODING": encoding}
    told = subprocess.run(program(crop.model, named), capture_output=True, env=environment)
    assert told.returncode == 4, told.stderr
    lines = told.stdout.decode(encoding).splitlines()
    assert len(lines) == len(NAMES) + 3
    for name in ["부품_OK.png", "prüfung.png"]:
        assert any(name.encode(encoding, "backslashreplace").decode(encoding) in line for line in lines)
    for name in [r"line\nbreak.png", r"tab\tand\rreturn.png", r"latin-\udcfc.png", r"cut\noff.png"]:
        assert sum(name in line.partition("  ")[0] for line in lines) == 1, name


@on_posix
def test_the_c_locale_and_a_wrong_option_in_it(crop: Trained, named: Path) -> None:
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    told = subprocess.run(program(crop.model, named), capture_output=True, env=environment)
    assert told.returncode == 4
    told.stdout.decode("ascii")
    # There Python itself takes every byte beyond ASCII for one that cannot be decoded.
    assert rb"latin-\udcfc.png" in told.stdout
    wrong = subprocess.run(program("부품.onnx", named), capture_output=True, env=environment)
    assert wrong.returncode == 2
    assert b"Traceback" not in wrong.stderr


@on_posix
def test_csv_and_json_give_every_path_back(crop: Trained, named: Path, tmp_path: Path) -> None:
    told = run_command("crbl-predict", crop.model, named, "--json", "--csv", tmp_path / "results.csv")
    paths = sorted(named.iterdir())
    assert [Path(result["path"]) for result in json.loads(told.stdout)] == paths
    with (tmp_path / "results.csv").open(newline="", encoding=ENCODING) as file:
        assert [path_from_text(row["path"]) for row in csv.DictReader(file)] == paths


@pytest.mark.parametrize("name", ["CROP.ONNX", "Crop.Onnx"])
def test_a_model_may_be_named_in_capitals(name: str, crop: Trained, photographs: Path, tmp_path: Path) -> None:
    shutil.copy(crop.model, tmp_path / name)
    told = run_command("crbl-predict", tmp_path / name, photographs / "coffee_0.png")
    assert told.returncode == 0, told.stderr


def test_what_was_taken_for_an_image_is_named_where_there_is_no_model(crop: Trained, tmp_path: Path) -> None:
    shutil.copy(crop.model, tmp_path / "crop.model")
    told = run_command("crbl-predict", tmp_path / "crop.model", tmp_path)
    assert told.returncode == 2 or "holds no images" in told.stderr
    told = run_command("crbl-predict", tmp_path / "crop.model", crop.checkpoint)
    assert told.returncode == 2
    assert f"Taken for images, or folders of them: {tmp_path / 'crop.model'}, {crop.checkpoint}" in told.stderr


def test_a_table_that_cannot_be_written_is_refused_before_the_work(
    crop: Trained, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Detector, "__init__", lambda *arguments, **options: pytest.fail("the work has begun"))
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file").touch()
    for path in (tmp_path / "folder.csv", tmp_path / "file" / "results.csv"):
        told = run_command("crbl-predict", crop.model, photographs, "--csv", path)
        assert (told.returncode, told.stdout) == (3, "")
        assert f"{path} cannot be written" in told.stderr
    replaced = run_command("crbl-predict", crop.model, photographs, "--csv", photographs / "coffee_0.png")
    assert replaced.returncode == 2
    assert "would replace a file that is to be read" in replaced.stderr


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_what_was_computed_is_printed_where_the_table_cannot_be_written_after_all(
    options: list[str], crop: Trained, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predict, "require_writable", lambda path: path.mkdir())
    told = run_command("crbl-predict", crop.model, photographs, "--csv", tmp_path / "results.csv", *options)
    assert told.returncode == 3
    assert "results.csv cannot be written (a folder of that name is in its place)" in told.stderr
    assert len(json.loads(told.stdout)) == 40 if options else "40 images predicted" in told.stdout


@on_posix
def test_standard_output_that_is_full_or_closed(crop: Trained, photographs: Path, tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        told = subprocess.run(
            program(crop.model, photographs, "--csv", tmp_path / "a.csv"), stdout=full, stderr=subprocess.PIPE
        )
    assert told.returncode == 3
    assert told.stderr.startswith(b"Error: Standard output cannot be written (No space left on device)")
    assert told.stderr.count(b"\n") == 1
    assert (tmp_path / "a.csv").is_file()
    for call in (program(crop.model, photographs), program("--help")):
        reader, writer = os.pipe()
        os.close(reader)
        closed = subprocess.run(call, stdout=writer, stderr=subprocess.PIPE)
        os.close(writer)
        assert (closed.returncode, closed.stderr) == (141, b"")


@on_posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_lines_come_as_images_are_judged_and_the_table_holds_those_when_it_is_stopped(
    number: signal.Signals, code: int, crop: Trained, photographs: Path, tmp_path: Path
) -> None:
    table = tmp_path / "results.csv"
    call = program(crop.model, *[photographs] * 30, "--csv", table)
    # A shell that runs the tests in its background has told them to ignore Ctrl-C, and programs pass that on.
    running = subprocess.Popen(
        call,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    assert running.stdout is not None
    assert running.stderr is not None
    first = running.stdout.readline()
    running.send_signal(number)
    # Not by communicate, which does not see what readline has read ahead.
    rest, said = running.stdout.read(), running.stderr.read()
    assert running.wait() == code
    *lines, summary = [first, *rest.splitlines()]
    assert re.fullmatch(rf"\n?Stopped after {len(lines)} of 1200 images; they are in {table}\.\n", said)
    assert summary.startswith(f"{len(lines)} image")
    with table.open(newline="", encoding=ENCODING) as file:
        assert [row["path"] for row in csv.DictReader(file)] == [line.partition("  ")[0] for line in lines]
    assert list(tmp_path.iterdir()) == [table]


@pytest.fixture
def third_image(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Let something happen at the third image."""
    whole = Detector.predict_many

    def raise_there(error: BaseException) -> None:
        def predict_some(self: Detector, images: list[Path], **options: Any) -> Iterator[object]:
            yield from whole(self, images[:2], **options)
            raise error

        monkeypatch.setattr(Detector, "predict_many", predict_some)

    return raise_there


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "Stopped after 2 of 40 images"),
        (errors.NotFiniteError("it gave NaN"), 2, "Error: it gave NaN"),
        (MemoryError("Unable to allocate 9 GiB"), 3, "There is not enough memory"),
        (RuntimeError("CUDA out of memory."), 3, "There is not enough memory"),
        (OSError(5, "Input/output error", "/disk"), 3, "/disk: Input/output error"),
        (ZeroDivisionError("by zero"), 70, "not foreseen (ZeroDivisionError: by zero). Please report that"),
        (EOFError("at the end"), 70, "not foreseen (EOFError: at the end). Please report that"),
    ],
)
def test_whatever_stops_it_what_was_judged_is_kept_and_the_exit_code_is_not_1(
    error: BaseException,
    code: int,
    said: str,
    third_image: Callable[[BaseException], None],
    crop: Trained,
    photographs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    third_image(error)
    told = run_command("crbl-predict", crop.model, photographs, "--json", "--csv", tmp_path / "results.csv")
    assert told.returncode == code, told.stderr
    assert said in told.stderr
    assert "Traceback" not in told.stderr
    assert len(json.loads(told.stdout)) == 2
    assert len((tmp_path / "results.csv").read_text().splitlines()) == 3
    reports = list((tmp_path / "temporary").iterdir())
    assert len(reports) == (code == 70)
    for report in reports:
        assert f"attach {report}" in told.stderr
        assert "Traceback" in report.read_text()
        assert said[14:30] in report.read_text()


def test_a_report_that_cannot_be_written_is_printed(
    third_image: Callable[[BaseException], None], crop: Trained, photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/no such folder")
    third_image(ZeroDivisionError("by zero"))
    told = run_command("crbl-predict", crop.model, photographs)
    assert told.returncode == 70
    assert "Traceback (most recent call last)" in told.stderr
    assert "Please report that, with the lines above" in told.stderr


def test_only_a_mismatch_has_the_exit_code_1() -> None:
    def kinds(of: type[errors.CRBLError]) -> list[type[errors.CRBLError]]:
        return [of, *(kind for below in of.__subclasses__() for kind in kinds(below))]

    assert [kind for kind in kinds(errors.CRBLError) if kind.exit_code == 1] == [errors.ParityError]
