"""What is left of a crbl-predict that was killed, or stopped by Ctrl-C."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crbl_runtime.csv_file import ENCODING
from filled_page import FilledPage

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
TIMES = 50


def started(small: Path, photographs: Path, *options: object) -> subprocess.Popen[bytes]:
    """A crbl-predict with so many images that it is not at its end when it is stopped."""
    program = Path(sys.executable).with_name("crbl-predict")
    command = [program, small, *[photographs] * TIMES, "--provider", "cpu", *options]
    return subprocess.Popen(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A shell that runs the tests in its background has told them to ignore Ctrl-C, and programs pass that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def stopped(running: subprocess.Popen[bytes], number: signal.Signals) -> tuple[bytes, bytes]:
    """What was printed until the signal, which comes after the third line, and thereafter."""
    assert running.stdout is not None
    assert running.stderr is not None
    first = b"".join(running.stdout.readline() for _ in range(3))
    running.send_signal(number)
    output = first + running.stdout.read(), running.stderr.read()
    running.wait()
    return output


def test_a_killed_run_has_lost_none_of_the_lines_that_it_printed(
    small: Path, photographs: Path, tmp_path: Path
) -> None:
    table = tmp_path / "results.csv"
    table.write_text("of an earlier run")
    running = started(small, photographs, "--jsonl", "--csv", table)
    printed, _ = stopped(running, signal.SIGKILL)
    assert running.returncode == -signal.SIGKILL
    # A line that is longer than a pipe takes at once might be cut. These are not.
    assert printed.endswith(b"\n")
    results = list(map(json.loads, printed.splitlines()))
    assert 3 <= len(results) < TIMES * 40
    expected = sorted(map(str, photographs.iterdir())) * TIMES
    assert [result["path"] for result in results] == expected[: len(results)]
    assert table.read_text() == "of an earlier run"


@pytest.mark.parametrize("form", ["--json", "--jsonl"])
def test_ctrl_c_leaves_each_result_in_all_outputs_or_in_none(
    form: str, small: Path, photographs: Path, tmp_path: Path
) -> None:
    table, overlays, copies = tmp_path / "results.csv", tmp_path / "overlays", tmp_path / "copies"
    page = tmp_path / "report" / "report.html"
    options = ("--csv", table, "--heatmaps", overlays, "--copy-anomalies", copies, "--threshold", 0)
    running = started(small, photographs, form, *options, "--report", page.parent)
    printed, said = stopped(running, signal.SIGINT)
    assert running.returncode == 130
    results = json.loads(printed) if form == "--json" else list(map(json.loads, printed.splitlines()))
    assert 0 < len(results) < TIMES * 40
    assert said.decode().endswith(
        f"Stopped after {len(results)} of {TIMES * 40} images; they are in {table} and {page}.\n"
    )
    with table.open(newline="", encoding=ENCODING) as file:
        assert [row["path"] for row in csv.DictReader(file)] == [result["path"] for result in results]
    names = {Path(result["path"]).name for result in results}
    assert {path.name for path in copies.iterdir()} == names
    assert {path.name for path in overlays.iterdir()} == {f"{name}.full.png" for name in names}
    data = FilledPage.read(page).data
    assert [data["folder"] + path for path in data["paths"]] == [result["path"] for result in results]
    assert {path.name for path in tmp_path.iterdir()} == {"results.csv", "overlays", "copies", "report"}
