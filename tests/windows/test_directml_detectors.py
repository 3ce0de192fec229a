"""DirectML for real: several detectors, and files whose self-test says that a driver computes wrongly.

A file of its own, which run_tests.sh runs in a process of its own: a software GPU does not give the memory of a session
back, 0.45 GB each. A batch size of 1 needs one session a detector.
"""

import json
from functools import partial
from pathlib import Path

import pytest

from at_the_same_time import at_the_same_time
from crbl_runtime import Detector
from crbl_runtime.errors import WrongResultsError
from crbl_runtime.image_folder import find_images
from public_commands import run_in_own_process
from small_model import small_model

pytestmark = pytest.mark.usefixtures("directml")

LARGEST_DIFFERENCE = 1e-4
THREADS = 8


@pytest.fixture(scope="module")
def images(photographs: Path) -> list[Path]:
    return list(find_images(photographs).images[:THREADS])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "작은.onnx"
    path.write_bytes(small_model("fp32"))
    return path


def test_two_detectors_share_the_device_and_one_that_was_closed_is_opened_again(
    model: Path, images: list[Path]
) -> None:
    with Detector(model, "cpu") as detector:
        expected = pytest.approx([each.logit for each in detector.predict_many(images)], abs=LARGEST_DIFFERENCE)
    with Detector(model, "directml", batch_size=1) as first:
        with Detector(model, "directml", batch_size=1) as second:
            calls = [partial(detector.predict, image) for detector in (first, second) for image in images]
            logits = [prediction.logit for prediction in at_the_same_time(calls)]
            assert [logits[:THREADS], logits[THREADS:]] == [expected, expected]
        assert [first.predict(image).logit for image in images] == expected
    with Detector(model, "directml", batch_size=1) as again:
        assert [again.predict(image).logit for image in images] == expected


def test_a_driver_that_computes_wrongly_is_not_used(images: list[Path], tmp_path: Path) -> None:
    """To a file with other values in its self-test every driver is wrong, that of the CPU too."""
    path = tmp_path / "wrong.onnx"
    path.write_bytes(small_model("fp32", error=0.01))
    with Detector(path, batch_size=1, cpu_self_test=False) as detector:
        prediction = detector.predict(images[0])
    assert prediction.provider == "cpu"
    assert prediction.fallback is not None
    assert prediction.fallback.count("computes wrongly: the self-test's logits are off by 0.01") == 2
    assert "directml, device 0, without metacommands, computes wrongly" in prediction.fallback
    with pytest.raises(WrongResultsError, match=r"off by 0\.01"):
        Detector(path, "directml", batch_size=1)


def test_the_commands_say_where_they_ran(model: Path, images: list[Path], tmp_path: Path) -> None:
    predicted = run_in_own_process("crbl-predict", model, images[0].parent, "--json", "--csv", tmp_path / "결과.csv")
    assert predicted.returncode == 0, predicted.stderr
    assert {each["models"][0]["provider"] for each in json.loads(predicted.stdout)} == {"directml"}
    assert "already exists" not in predicted.stderr
    measured = run_in_own_process("crbl-bench", model, "--provider", "directml", "--seconds", 0.1, "--json")
    assert measured.returncode == 0, measured.stderr
    for each in json.loads(measured.stdout)["models"][0]["measurements"]:
        assert each["provider"] == "directml"
        assert max(each["largest_error"], each["largest_difference_from_cpu"]) <= LARGEST_DIFFERENCE
    told = run_in_own_process("crbl-doctor", model, "--json")
    assert told.returncode == 0, told.stderr
    report = json.loads(told.stdout)
    assert {"kind": "directml", "reason": None} in report["execution_providers"]
    (file,) = report["model_files"]
    assert (file["provider"], file["remarks"]) == ("directml", [])
