"""What users may ask for as a provider, and what they get."""

from pathlib import Path

import pytest

from crbl_runtime import Detector, UnavailableError, UsageError, onnxruntime_boundary, register_execution_provider
from crbl_runtime.adapters import Adapter
from crbl_runtime.execution_provider import Provider
from crbl_runtime.provider_candidates import candidate_providers

CARDS = (
    Adapter("directml", 0, "Intel(R) UHD Graphics 770", "31.0.101.4502", None),
    Adapter("directml", 1, "AMD Radeon RX 6600", "31.0.24027.1012", None),
    Adapter("cuda", 0, "NVIDIA GeForce RTX 4070", "552.22", None),
)


@pytest.fixture
def every_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["DmlExecutionProvider", "CUDAExecutionProvider", "OpenVINOExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime_boundary, "built_in_providers", lambda: names)
    monkeypatch.setattr("crbl_runtime.adapters.adapters", lambda: CARDS)


def test_auto_tries_directml_then_cuda_then_the_cpu(every_provider: None) -> None:
    for kind in ("auto", "fastest"):
        found = candidate_providers(kind, 1, 4).providers
        assert found == (Provider("directml", 1), Provider("cuda", 1), Provider("cpu", threads=4))


def test_openvino_is_taken_where_it_is_named(every_provider: None) -> None:
    (provider,) = candidate_providers("openvino", 0, 0).providers
    assert provider.to_onnxruntime() == ("OpenVINOExecutionProvider", {"device_type": "CPU", "precision": "FP32"})
    (provider,) = candidate_providers("openvino", 2, 0).providers
    assert provider.to_onnxruntime()[1]["device_type"] == "GPU.1"


def test_a_part_of_its_name_chooses_an_adapter(every_provider: None) -> None:
    assert candidate_providers("directml", 0, 0, "radeon").providers == (Provider("directml", 1),)
    found = candidate_providers("auto", 0, 0, "GeForce")
    assert found.providers == (Provider("cuda", 0), Provider("cpu"))
    assert "No adapter for directml has 'GeForce' in its name" in found.rejected[0]
    with pytest.raises(UnavailableError, match=r"'Arc' in its name\. There are: 0 'Intel"):
        candidate_providers("auto", 0, 0, "Arc")
    with pytest.raises(UsageError, match="The provider cpu has no adapters with names"):
        candidate_providers("cpu", 0, 0, "Radeon")
    with pytest.raises(UsageError, match="Both the device index 1 and the adapter 'Radeon'"):
        candidate_providers("directml", 1, 0, "Radeon")


@pytest.mark.parametrize("kind", ["DirectML", "gpu", "windowsml", "windowsml:", ""])
def test_unknown_names_are_a_usage_error(kind: str) -> None:
    with pytest.raises(UsageError, match=r"expected auto, fastest, directml, cuda, openvino, cpu, or windowsml:NAME"):
        candidate_providers(kind, 0, 0)


def has_registered_providers() -> bool:
    try:
        return bool(onnxruntime_boundary.registered_devices("CPUExecutionProvider"))
    except AttributeError:
        return False


@pytest.mark.skipif("DmlExecutionProvider" in onnxruntime_boundary.built_in_providers(), reason="may end the process")
def test_a_registered_provider_runs_the_model(small: Path, photographs: Path) -> None:
    """onnxruntime registers its own CPU provider as it does those of vendors."""
    if not has_registered_providers():
        with pytest.raises(UnavailableError, match=r"has no registered execution providers, which came with 1\.23"):
            Detector(small, "windowsml:CPUExecutionProvider")
        return
    with Detector(small, "windowsml:CPUExecutionProvider") as detector, Detector(small, "cpu") as on_cpu:
        image = photographs / "coffee_0.png"
        assert detector.predict(image).logit == on_cpu.predict(image).logit
        assert detector.predict(image).provider == "windowsml:CPUExecutionProvider"
    with pytest.raises(UnavailableError, match=r"VitisAIExecutionProvider has 0 devices.*register_execution_provider"):
        Detector(small, "windowsml:VitisAIExecutionProvider")


def test_a_library_that_is_none_is_refused(tmp_path: Path) -> None:
    library = tmp_path / "provider.dll"
    library.write_bytes(b"no library")
    with pytest.raises(UnavailableError, match=r"cannot load the execution provider mine from .*provider\.dll"):
        register_execution_provider("mine", str(library))
