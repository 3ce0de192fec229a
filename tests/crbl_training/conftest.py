"""What the trainer's tests share: a few images, drawn or rendered, and a model that sees something in them."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from crbl_training.data.prepared_dataset import PreparedDataset
from crbl_training.evaluation import bootstrap
from crbl_training.model.crbl import create_crop_model
from crbl_training.weights.batchnorm_calibration import calibrate_batchnorm


def draw_set(count: int, seed: int, image_size: int = 32) -> PreparedDataset:
    """Noisy grey images, every other one anomalous with a bright square."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(60, 120, (count, image_size, image_size, 3), dtype=torch.uint8, generator=generator)
    labels = torch.arange(count).remainder(2).float()
    images[1::2, 8:20, 8:20] = 240
    return PreparedDataset(images, labels, tuple(Path(f"{n}.png") for n in range(count)), 0)


@pytest.fixture(scope="session")
def train_set() -> PreparedDataset:
    """16 images of 32 px, half of them anomalous."""
    return draw_set(16, seed=1)


@pytest.fixture(scope="session")
def validation_set() -> PreparedDataset:
    """8 images of 32 px, half of them anomalous."""
    return draw_set(8, seed=2)


@pytest.fixture(scope="session")
def random_weights(train_set: PreparedDataset) -> dict[str, Tensor]:
    """A state dict with random weights whose BatchNorms know the images."""
    torch.manual_seed(0)
    model = create_crop_model()
    for backbone in (model.backbone1, model.backbone2):
        calibrate_batchnorm(backbone, [train_set.images.permute(0, 3, 1, 2) / 255])
    return model.state_dict()


@pytest.fixture(scope="session")
def grain_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's images: train/class_0 and train/class_1 with 8 each, validation.csv with 8."""
    from crbl_training.data.grains import write_dataset

    folder = tmp_path_factory.mktemp("grains") / "data"
    write_dataset(folder, seed=3, train=16, validation=8, test=0)
    return folder


@pytest.fixture(scope="module")
def few_resamples() -> Iterator[None]:
    """Intervals of 100 resamples instead of 1000: what they are worth is tested with the bootstrap."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(bootstrap, "RESAMPLES", bootstrap.COLUMNS)
        yield


@pytest.fixture
def install_torch_directml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Installs a torch_directml made of the given code, for this process and those it starts."""

    def install(code: str) -> None:
        folder = tmp_path / "made_torch_directml"
        folder.mkdir()
        (folder / "torch_directml.py").write_text(code)
        if "torch" not in code:
            # The process that tries a driver imports torch first, which takes seconds. Here nobody would use it.
            (folder / "torch.py").touch()
        monkeypatch.syspath_prepend(folder)
        inherited = os.environ.get("PYTHONPATH", "")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(part for part in (str(folder), inherited) if part))
        monkeypatch.delitem(sys.modules, "torch_directml", raising=False)

    yield install
    sys.modules.pop("torch_directml", None)
