"""DirectML that is installed and does not start, as with a broken driver or in a virtual machine."""

import json
from pathlib import Path

import onnxruntime
import pytest

from crbl_runtime import Detector, UnavailableError
from crbl_runtime.onnxruntime_reason import REMEDIES
from public_commands import run_in_own_process
from small_model import small_model

pytestmark = pytest.mark.usefixtures("no_directml")

WARNING = 2


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("모델") / "작은.onnx"
    path.write_bytes(small_model("fp32"))
    return path


def has_remedy(reason: str) -> bool:
    return any(code in reason and remedy in reason for code, remedy in REMEDIES.items())


def test_auto_falls_back_with_the_reason_and_directml_by_name_is_an_error(
    model: Path, photographs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    onnxruntime.set_default_logger_severity(WARNING)  # As an application has it; commands print errors only.
    with Detector(model) as detector:
        prediction = detector.predict(photographs / "coffee_0.png")
    assert prediction.provider == "cpu"
    assert prediction.fallback is not None
    assert prediction.fallback.startswith("작은.onnx does not start on directml, device 0 (")
    assert has_remedy(prediction.fallback)
    with pytest.raises(
        UnavailableError, match=r"does not start on directml.* Use the provider 'auto' or 'cpu'\.$"
    ) as error:
        Detector(model, "directml")
    assert has_remedy(str(error.value))
    assert capfd.readouterr() == ("", ""), "onnxruntime prints nothing of its own"


def test_crbl_predict_says_why_and_ends_with_3_where_directml_was_asked_for(model: Path, photographs: Path) -> None:
    image = photographs / "coffee_0.png"
    fallen_back = run_in_own_process("crbl-predict", model, image)
    assert fallen_back.returncode == 0
    assert fallen_back.stderr.count("does not start on directml, device 0 (") == 1
    assert "EP Error" not in fallen_back.stdout + fallen_back.stderr
    refused = run_in_own_process("crbl-predict", model, image, "--provider", "directml")
    assert (refused.returncode, refused.stdout) == (3, "")
    assert has_remedy(refused.stderr)
    assert "Traceback" not in refused.stderr


def test_crbl_bench_measures_the_cpu_and_says_why_not_directml(model: Path) -> None:
    measured = run_in_own_process("crbl-bench", model, "--batch-size", 1, "--seconds", 0.1, "--json")
    assert measured.returncode == 0, measured.stderr
    (result,) = json.loads(measured.stdout)["models"]
    assert [each["provider"] for each in result["measurements"]] == ["cpu"]
    assert has_remedy(result["not_measured"]["directml"])


def test_crbl_doctor_says_what_is_wrong_and_what_to_do(model: Path) -> None:
    told = run_in_own_process("crbl-doctor", model)
    assert told.returncode == 0, told.stderr
    (provider,) = (line for line in told.stdout.splitlines() if line.startswith("  directml ") and "start" in line)
    assert has_remedy(provider)
    assert "runs on cpu" in told.stdout
    report = json.loads(run_in_own_process("crbl-doctor", model, "--json").stdout)
    cpu, directml = report["execution_providers"]
    assert (cpu, directml["kind"]) == ({"kind": "cpu", "reason": None}, "directml")
    assert has_remedy(directml["reason"])
    (file,) = report["model_files"]
    assert file["provider"] == "cpu"
    assert has_remedy(file["remarks"][0])
