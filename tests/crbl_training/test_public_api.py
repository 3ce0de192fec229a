"""crbl_training/__init__.py: the public names, and that asking for none of them imports nothing heavy."""

import subprocess
import sys

import pytest

import crbl_training

NAMES = (
    "BilinearPooling CRBLDualModel EfficientNetB0FeatureExtractor TrainingConfig choose_device create_crop_model "
    "create_full_model evaluate evaluate_model get_device load_checkpoint open_model read_labelled read_split "
    "run_training training_config"
)


def test_the_package_offers_these_names() -> None:
    assert set(crbl_training.__all__) == set(NAMES.split())


@pytest.mark.parametrize("name", crbl_training.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    assert getattr(crbl_training, name).__doc__
    assert name in dir(crbl_training)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'create_model'"):
        _ = crbl_training.create_model


def test_the_package_and_its_rooms_are_light_to_import() -> None:
    rooms = "crbl_training.data, crbl_training.evaluation, crbl_training.model, crbl_training.weights"
    code = f"import sys, {rooms}; print(*sys.modules)"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"torch", "timm", "numpy", "sklearn", "matplotlib"}.isdisjoint(finished.stdout.split())
