"""From an image to a decision, through every way in."""

import io
import math
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from at_the_same_time import at_the_same_time
from crbl_runtime import Detector, ImageError, ModelFileError, UsageError, decode, prepare
from crbl_runtime.execution_provider import Provider
from crbl_runtime.model_sessions import ModelSessions
from crbl_runtime.session import Session
from public_commands import Trained
from rewritten_model import rewritten


@pytest.fixture(scope="module")
def detector(crop: Trained) -> Detector:
    return Detector(crop.model, "cpu")


def test_the_same_image_through_every_way_in_gives_the_same_prediction(detector: Detector, photographs: Path) -> None:
    path = photographs / "coffee_0.png"
    content = path.read_bytes()
    ways = [str(path), path, content, io.BytesIO(content), decode(path), Image.open(path)]
    logits = {detector.predict(way).logit for way in ways}
    assert len(logits) == 1


def test_a_prediction_is_complete(detector: Detector, photographs: Path) -> None:
    prediction = detector.predict(photographs / "astronaut_2.png")
    assert prediction.probability == pytest.approx(1 / (1 + math.exp(-prediction.logit)), abs=1e-6)
    assert prediction.is_anomaly == (prediction.probability > prediction.threshold == 0.01)
    assert prediction.label == ("anomaly" if prediction.is_anomaly else "normal")
    assert (prediction.variant, prediction.provider, prediction.fallback) == ("crop", "cpu", None)
    assert prediction.heatmap is not None
    assert prediction.heatmap.shape == (4, 4)


def test_what_of_a_file_was_left_out_comes_with_its_prediction(detector: Detector, photographs: Path) -> None:
    file = io.BytesIO()
    frames = [Image.open(photographs / f"coffee_{number}.png") for number in range(2)]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    assert detector.predict(file.getvalue()).notes == ("only the first of its frames or pages was used",)
    assert detector.predict(photographs / "coffee_0.png").notes == ()


def test_the_bit_depth_of_16_bit_images_is_what_the_detector_was_told(detector: Detector, crop: Trained) -> None:
    image = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    ten_bits = np.rint(image / 255 * 1023).astype(np.uint16)
    assert detector.predict(ten_bits).bit_depth_unclear
    assert not detector.predict(image).bit_depth_unclear
    with Detector(crop.model, bit_depth=10) as told:
        prediction = told.predict(ten_bits)
        assert prediction.logit == told.predict(image).logit == detector.predict(image).logit
        assert not prediction.bit_depth_unclear
    with pytest.raises(UsageError, match="bit_depth is 11"):
        Detector(crop.model, bit_depth=11)


def test_an_image_without_an_object_is_reported_as_such(detector: Detector) -> None:
    prediction = detector.predict(np.full((100, 100, 3), 255, np.uint8))
    assert not prediction.region_found
    assert prediction.box == (0, 0, 100, 100)


def test_the_heatmap_adds_up_to_the_logit(crop: Trained, detector: Detector, photographs: Path) -> None:
    from safetensors.numpy import load_file

    bias = float(load_file(crop.checkpoint)["classifier.bias"][0])
    for path in sorted(photographs.iterdir())[::5]:
        prediction = detector.predict(path)
        assert prediction.heatmap is not None
        assert float(prediction.heatmap.sum()) == pytest.approx(prediction.logit - bias, abs=1e-4)
        assert float(prediction.heatmap.std()) > 0


def test_many_images_give_what_each_gives_alone(crop: Trained, photographs: Path) -> None:
    paths = sorted(photographs.iterdir())[:11]
    with Detector(crop.model, batch_size=4) as detector:
        together = [prediction.logit for prediction in detector.predict_many(paths)]
        alone = [detector.predict(path).logit for path in paths]
    assert together == pytest.approx(alone, abs=2e-5)
    assert len(set(alone)) == len(alone)


def test_no_images_give_no_predictions(detector: Detector) -> None:
    assert list(detector.predict_many([])) == []


def test_threads_share_a_detector(detector: Detector, photographs: Path) -> None:
    paths = sorted(photographs.iterdir())[:8]
    expected = [detector.predict(path).logit for path in paths]
    found = at_the_same_time([partial(detector.predict, path) for path in paths])
    assert [prediction.logit for prediction in found] == pytest.approx(expected, abs=1e-6)


def test_a_fixed_batch_as_on_directml_gives_the_same_logits(
    crop: Trained, detector: Detector, photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = sorted(photographs.iterdir())[:6]
    images = np.stack([prepare(path, detector.contract.preprocessing).pixels for path in paths])
    monkeypatch.setattr(Provider, "fixed_batch", True)
    sessions = ModelSessions(crop.model.read_bytes(), "test", batch_size=4)
    logits = sessions.run(Provider("cpu"), images)["logit"]
    monkeypatch.undo()
    assert logits.shape == (6,)
    assert logits.tolist() == pytest.approx([detector.predict(path).logit for path in paths], abs=2e-5)
    with pytest.raises(ModelFileError, match=r"does not run on the CPU \(Got invalid dimensions"):
        sessions.session(Provider("cpu"), 4).run(images[:3])


def test_a_closed_detector_is_a_usage_error(crop: Trained, photographs: Path) -> None:
    with Detector(crop.model) as detector:
        pass
    with pytest.raises(UsageError, match="closed"):
        detector.predict(photographs / "coffee_0.png")


def test_a_broken_image_is_an_image_error(detector: Detector, photographs: Path) -> None:
    content = (photographs / "coffee_0.png").read_bytes()
    for broken in (b"", content[:-40], b"not an image"):
        with pytest.raises(ImageError):
            detector.predict(broken)


def test_files_that_are_no_crbl_model_are_refused_by_name(tmp_path: Path, crop: Trained) -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    other = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [value], [other])
    foreign = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    files = {
        "missing.onnx": None,
        "empty.onnx": b"",
        "text.onnx": b"hello, I am no model",
        "cut.onnx": crop.model.read_bytes()[:100_000],
        "foreign.onnx": foreign.SerializeToString(),
    }
    for name, content in files.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelFileError, match=name):
            Detector(tmp_path / name)


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"threshold": 0.01', b'"threshold": 0.99'), (b'"object_threshold": 150', b'"object_threshold": 140')],
)
def test_a_contract_that_was_changed_in_the_file_is_refused(
    crop: Trained, tmp_path: Path, old: bytes, new: bytes
) -> None:
    content = crop.model.read_bytes()
    assert old in content
    (tmp_path / "changed.onnx").write_bytes(content.replace(old, new))
    with pytest.raises(ModelFileError, match=r"changed\.onnx is damaged or was changed after its export"):
        Detector(tmp_path / "changed.onnx")


def test_flipped_signs_in_one_weight_are_refused_on_the_cpu_too(crop: Trained, tmp_path: Path) -> None:
    content = bytearray(crop.model.read_bytes())
    weight = max(onnx.load(crop.model).graph.initializer, key=lambda tensor: len(tensor.raw_data)).raw_data
    start = content.index(weight)
    for number in range(2_000):
        content[start + 4 * number + 3] ^= 0x80
    (tmp_path / "damaged.onnx").write_bytes(content)
    with pytest.raises(ModelFileError, match="damaged"):
        Detector(tmp_path / "damaged.onnx", provider="cpu")


def test_no_change_of_a_file_gets_past_its_hash(crop: Trained, tmp_path: Path) -> None:
    """Wherever it is: in weights, in the graph, in the metadata, in the hash itself or in its name."""
    content = crop.model.read_bytes()
    metadata = content.index(b'"payload_sha256"')
    random = np.random.default_rng(0)
    places = [*random.integers(0, len(content), 8), *range(metadata - 40, metadata + 100, 11)]
    for place in places:
        changed = bytearray(content)
        changed[place] ^= 1 << int(random.integers(0, 8))
        (tmp_path / "changed.onnx").write_bytes(changed)
        with pytest.raises(ModelFileError):
            Detector(tmp_path / "changed.onnx", provider="cpu")


def test_metadata_that_is_no_text_is_refused(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    other = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [value], [other])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, {"crbl": "nothing yet"})
    (tmp_path / "text.onnx").write_bytes(model.SerializeToString().replace(b"nothing yet", b"nothing\xb1\xff\xfe\x80"))
    with pytest.raises(ModelFileError, match=r"text\.onnx .*has metadata that is no UTF-8"):
        Detector(tmp_path / "text.onnx", verify="off")


def test_threads_that_come_first_together_open_one_session(crop: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    right = Session.__init__

    def count(*given: Any) -> None:
        opened.append(given)
        right(*given)

    monkeypatch.setattr(Session, "__init__", count)
    sessions = ModelSessions(crop.model.read_bytes(), "crop.onnx", batch_size=4)
    found = at_the_same_time([partial(sessions.session, Provider("cpu"))] * 8)
    assert len({id(session) for session in found}) == len(opened) == 1


def test_a_crbl_model_with_other_outputs_is_refused(tmp_path: Path, crop: Trained) -> None:
    def rename(graph: onnx.GraphProto) -> None:
        graph.output[0].name = "score"
        for node in graph.node:
            node.output[:] = ["score" if name == "probability" else name for name in node.output]

    (tmp_path / "renamed.onnx").write_bytes(rewritten(crop.model.read_bytes(), rename))
    with pytest.raises(ModelFileError, match="probability"):
        Detector(tmp_path / "renamed.onnx")


def test_non_ascii_paths_work(crop: Trained, photographs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "모델 파일 ü"
    folder.mkdir()
    (folder / "결정.onnx").write_bytes(crop.model.read_bytes())
    image = cv2.imread(str(photographs / "coffee_0.png"))
    (folder / "사진 1.png").write_bytes(cv2.imencode(".png", image)[1].tobytes())
    with Detector(folder / "결정.onnx") as detector:
        assert math.isfinite(detector.predict(folder / "사진 1.png").logit)
