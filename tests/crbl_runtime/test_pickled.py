"""A detector and its predictions travel to other processes."""

import copy
import multiprocessing
import pickle
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import Field, fields, is_dataclass, replace
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import numpy as np
import pytest

import crbl_runtime
from crbl_runtime import Detector, ModelFileError, Prediction, UsageError, prepare
from crbl_runtime.compared_by_value import ComparedByValue
from crbl_runtime.image import decode_image
from public_commands import Trained
from rewritten_model import rewritten


@pytest.fixture(scope="module")
def detector(crop: Trained) -> Detector:
    return Detector(crop.model, "cpu", batch_size=3, threads=1, cpu_self_test=False)


def test_a_pickled_and_a_copied_detector_predict_alone(detector: Detector, photographs: Path) -> None:
    image = photographs / "coffee_0.png"
    expected = detector.predict(image)
    for other in (pickle.loads(pickle.dumps(detector)), copy.copy(detector), copy.deepcopy(detector)):
        assert (other.batch_size, other.provider) == (3, detector.provider)
        assert other.predict(image) == expected
        other.close()
    assert detector.predict(image) == expected


def test_every_argument_of_a_detector_travels(detector: Detector) -> None:
    arguments = set(Detector.__init__.__annotations__) - {"return"}
    assert set(detector._arguments) == arguments


def test_a_process_that_starts_anew_takes_the_detector_s_method(detector: Detector, photographs: Path) -> None:
    paths = sorted(photographs.iterdir())[:2]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as workers:
        assert list(workers.map(detector.predict, paths, timeout=120)) == [detector.predict(path) for path in paths]


def test_a_relative_path_names_the_same_file_in_another_folder(
    crop: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(crop.model.parent)
    with Detector(crop.model.name, "cpu") as detector:
        monkeypatch.chdir(tmp_path)
        pickle.loads(pickle.dumps(detector)).close()


def test_a_file_that_was_replaced_in_between_is_refused(crop: Trained, tmp_path: Path) -> None:
    path = Path(shutil.copy(crop.model, tmp_path / "model.onnx"))
    with Detector(path, "cpu") as detector:
        pickled = pickle.dumps(detector)
    path.write_bytes(rewritten(crop.model.read_bytes(), threshold=0.75))
    with pytest.raises(ModelFileError, match=r"model\.onnx is another model than the detector"):
        pickle.loads(pickled)
    path.unlink()
    with pytest.raises(ModelFileError, match="cannot be read"):
        pickle.loads(pickled)


def test_a_closed_detector_can_be_neither_pickled_nor_copied(crop: Trained) -> None:
    with Detector(crop.model, "cpu") as detector:
        pass
    for travel in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(UsageError, match="closed"):
            travel(detector)


def test_predictions_are_equal_where_all_their_values_are(detector: Detector, photographs: Path) -> None:
    prediction = detector.predict(photographs / "coffee_0.png")
    same = pickle.loads(pickle.dumps(prediction))
    assert prediction.heatmap is not None
    assert same == prediction
    assert hash(same) == hash(prediction)
    assert {prediction, same} == {prediction}
    others = [
        detector.predict(photographs / "coffee_1.png"),
        replace(prediction, notes=("another",)),
        replace(prediction, heatmap=None),
        replace(prediction, heatmap=prediction.heatmap + 1),
        replace(prediction, heatmap=prediction.heatmap[:1]),
        replace(prediction, heatmap=prediction.heatmap.astype(np.float64)),
    ]
    assert all((prediction == other) is False and (other == prediction) is False for other in others)
    assert prediction != "a prediction"


def test_images_are_equal_where_their_pixels_are(detector: Detector, photographs: Path) -> None:
    paths = [photographs / f"coffee_{number}.png" for number in (0, 0, 1)]
    for first, same, other in (
        [decode_image(path) for path in paths],
        [prepare(path, detector.contract.preprocessing) for path in paths],
    ):
        assert first == same
        assert hash(first) == hash(same)
        assert first != other


def _is_array(field: Field[Any]) -> bool:
    kind = str(field.type)
    return ("NDArray" in kind or "numpy.ndarray" in kind) and "Callable" not in kind


def test_every_dataclass_of_the_runtime_with_an_array_can_be_compared() -> None:
    names = [found.name for found in walk_packages(crbl_runtime.__path__, "crbl_runtime.")]
    # PyInstaller's hook is run by PyInstaller alone.
    modules = [import_module(name) for name in names if "__pyinstaller" not in name]
    values = [value for module in modules for value in vars(module).values()]
    classes = {value for value in values if isinstance(value, type) and is_dataclass(value)}
    with_array = {kind for kind in classes if any(map(_is_array, fields(kind)))}
    assert Prediction in with_array
    assert all(issubclass(kind, ComparedByValue) for kind in with_array)
    assert not any(kind.__dataclass_params__.eq for kind in with_array)
