"""The programs of the model card, as they stand in it, decide as crbl_runtime does."""

import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from crbl_export.model_card.card import model_card
from crbl_export.model_file import ModelFile
from crbl_runtime import Detector, Prediction
from crbl_runtime.contract import ModelContract
from foreign_onnxruntime import cpp_sdk, node_with_onnxruntime
from public_commands import Trained

IMAGES = 6


@dataclass(frozen=True)
class Line:
    """A folder with a model file, the programs of its card, real images, and what crbl_runtime predicts for them."""

    folder: Path
    model: Path
    contract: ModelContract
    names: list[str]
    expected: list[Prediction]

    def run(self, *command: object) -> subprocess.CompletedProcess[str]:
        """A program in that folder; its output is UTF-8."""
        return subprocess.run(
            list(map(str, command)), cwd=self.folder, capture_output=True, text=True, encoding="utf-8"
        )


@pytest.fixture(scope="module")
def line(crop: Trained, photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Line:
    folder = tmp_path_factory.mktemp("line") / "모델 ü"
    folder.mkdir()
    images = sorted(photographs.iterdir())[:: 40 // IMAGES][:IMAGES]
    exported = ModelFile.from_bytes(crop.model.read_bytes(), "file")
    with Detector(crop.model, "cpu") as detector:
        probabilities = sorted(prediction.probability for prediction in detector.predict_many(images))
    # Half of the images on either side: a program that always decides the same does not pass.
    threshold = (probabilities[IMAGES // 2 - 1] + probabilities[IMAGES // 2]) / 2
    file = folder / "결정.onnx"
    contract = replace(exported.contract, threshold=threshold)
    file.write_bytes(replace(exported, contract=contract).to_bytes())
    for name, program in re.findall(r"^### [^\n]*: (\S+)$.*?^```\w+\n(.*?)^```", model_card(file), re.S | re.M):
        (folder / name).write_text(program, encoding="utf-8")
    with Detector(file, "cpu") as detector:
        expected = [detector.predict(image) for image in images]
    assert {prediction.label for prediction in expected} == {"normal", "anomaly"}
    line = Line(folder, file, contract, [image.stem for image in images], expected)
    written = line.run(sys.executable, "prepared_images.py", file.name, *images)
    assert written.returncode == 0, written.stderr
    prepared = b"".join((folder / f"{name}.rgb").read_bytes() for name in line.names)
    (folder / "images.rgb").write_bytes(prepared)
    return line


@pytest.fixture(scope="module")
def javascript(line: Line) -> list[str | Path]:
    node, modules = node_with_onnxruntime()
    (line.folder / "node_modules").symlink_to(modules)
    return [node, "predict.mjs", line.model.name]


@pytest.fixture(scope="module")
def cpp(line: Line, tmp_path_factory: pytest.TempPathFactory) -> list[str | Path]:
    sdk = cpp_sdk(tmp_path_factory.mktemp("lib"))
    warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    libraries = ["-L", sdk.library, "-lonnxruntime", f"-Wl,-rpath,{sdk.library}"]
    # -isystem: the warnings are for our program, not for the headers of others.
    compiled = line.run(
        sdk.compiler, "-std=c++17", *warnings, "predict.cpp", "-isystem", sdk.include, *libraries, "-o", "predict"
    )
    assert compiled.returncode == 0, compiled.stderr
    return [line.folder / "predict", line.model.name]


def require_same(result: subprocess.CompletedProcess[str], expected: list[Prediction]) -> None:
    """A line an image: probability, logit and decision."""
    assert result.returncode == 0, result.stderr
    lines = [text.split() for text in result.stdout.splitlines()]
    assert [decision for *_, decision in lines] == [prediction.label for prediction in expected]
    assert [float(text) for text, _, _ in lines] == pytest.approx([p.probability for p in expected], abs=1e-4)
    assert [float(text) for _, text, _ in lines] == pytest.approx([p.logit for p in expected], abs=1e-4)


def require_self_test(result: subprocess.CompletedProcess[str], contract: ModelContract) -> None:
    """The card's way to check a driver from another language."""
    assert result.returncode == 0, result.stderr
    logits = [float(text.split()[1]) for text in result.stdout.splitlines()]
    assert logits == pytest.approx(contract.self_test.logits, abs=contract.self_test.tolerance)


def test_python(line: Line, photographs: Path) -> None:
    images = [photographs / f"{name}.png" for name in line.names]
    require_same(line.run(sys.executable, "predict.py", line.model.name, *images), line.expected)


def test_javascript(line: Line, javascript: list[str | Path]) -> None:
    require_same(line.run(*javascript, "images.rgb"), line.expected)
    require_self_test(line.run(*javascript, "self_test.rgb"), line.contract)


def test_cpp(line: Line, cpp: list[str | Path]) -> None:
    require_same(line.run(*cpp, "images.rgb"), line.expected)
    require_self_test(line.run(*cpp, "self_test.rgb"), line.contract)


@pytest.mark.parametrize("language", ["javascript", "cpp"])
def test_what_cannot_be_predicted_is_an_error(line: Line, language: str, request: pytest.FixtureRequest) -> None:
    program: list[str | Path] = request.getfixturevalue(language)
    (line.folder / "cut.rgb").write_bytes((line.folder / "images.rgb").read_bytes()[:-1])
    for arguments, message in [(["cut.rgb"], "49152"), ([], "Expected"), (["images.rgb", "DML"], "not")]:
        result = line.run(*program, *arguments)
        assert result.returncode != 0, arguments
        assert message in result.stderr
        assert result.stdout == ""


def test_csharp_has_the_numbers_of_the_model_and_a_note_that_nobody_ran_it(line: Line) -> None:
    program = (line.folder / "predict.cs").read_text(encoding="utf-8")
    assert f"Threshold = {line.expected[0].threshold!r};" in program
    assert "ImageSize = 128;" in program
    assert "**Untested:** no test compiles or runs it." in model_card(line.model)
