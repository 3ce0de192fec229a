"""The options that say how to read images: what commands make of them, and what they answer before torch is loaded."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from crbl_runtime.errors import DataError, UsageError
from crbl_training.commands.data_and_device import format_options, refuse_unused_format
from crbl_training.data.dataset_format import USUAL_FORMAT, DatasetFormat


def parsed(*arguments: str) -> DatasetFormat:
    """What a command with these options is given."""
    given: list[DatasetFormat] = []

    @click.command()
    @format_options
    def command(dataset_format: DatasetFormat) -> None:
        given.append(dataset_format)

    command.main(list(arguments), standalone_mode=False)
    return given[0]


def test_names_come_with_commas_or_one_option_each():
    assert parsed() == USUAL_FORMAT
    labels = ("--normal-label", "A", "--anomaly-label", "B, C", "--anomaly-label", "D")
    columns = ("--image-column", "file", "--label-column", "kind")
    expected = DatasetFormat("file", "kind", ("A",), ("B", "C", "D"), ("good", "scratch"))
    assert parsed(*columns, *labels, "--classes", "good,scratch") == expected


@pytest.mark.parametrize("arguments", [("--classes", "OK,"), ("--anomaly-label", ""), ("--normal-label", "a,,b")])
def test_empty_names_are_refused(arguments):
    with pytest.raises(click.BadParameter, match="a name is empty"):
        parsed(*arguments)


def test_options_for_the_other_form_are_refused(tmp_path):
    table = tmp_path / "a.csv"
    table.write_text("")
    with pytest.raises(UsageError, match=r"about a CSV file.*--classes"):
        refuse_unused_format(DatasetFormat(image_column="file"), tmp_path, None)
    with pytest.raises(UsageError, match=r"--classes names folders.*--anomaly-label"):
        refuse_unused_format(DatasetFormat(classes=("OK", "NG")), table)
    for form in (DatasetFormat(image_column="file"), DatasetFormat(classes=("OK", "NG"))):
        refuse_unused_format(form, tmp_path, table)


WITHOUT_TORCH = """
import sys
from crbl_runtime.errors import CRBLError
from crbl_training.commands.{command} import main
try:
    main.main(sys.argv[1:], standalone_mode=False)
except CRBLError as error:
    print(error.exit_code, "torch" in sys.modules, error)
"""


@pytest.mark.parametrize("command", ["train", "evaluate"])
@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("image_path,impurity\na.png,0\na.png,1\n", "contradicts itself"),
        ("image_path,impurity\na.png,0\n", "none that"),
    ],
)
def test_data_is_checked_before_torch_is_loaded(tmp_path: Path, command: str, table: str, message: str) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "a.csv").write_text(table)
    first = ("--variant", "crop") if command == "train" else (str(tmp_path / "a.png"),)
    program = [sys.executable, "-c", WITHOUT_TORCH.format(command=command), *first, "--data", str(tmp_path / "a.csv")]
    answer = subprocess.run(program, capture_output=True, text=True, cwd=tmp_path)
    assert answer.stdout.startswith(f"{DataError.exit_code} False "), answer.stderr
    assert message in answer.stdout
