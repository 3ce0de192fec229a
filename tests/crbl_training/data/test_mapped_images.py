"""mapped_images.py: a file of images that behaves as a tensor of them would, in any process."""

import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from crbl_runtime.errors import DataError
from crbl_training.data.mapped_images import MappedImages

OFFSET = 37


@pytest.fixture
def images() -> Tensor:
    return torch.randint(256, (7, 5, 5, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def mapped(images: Tensor, tmp_path: Path) -> MappedImages:
    path = tmp_path / "images"
    path.write_bytes(bytes(OFFSET) + images.numpy().tobytes() + bytes(100))
    return MappedImages(path, OFFSET, (7, 5, 5, 3))


def test_indexed_as_a_tensor(images, mapped):
    assert len(mapped) == 7
    assert mapped.shape == images.shape
    for numbers in ([6, 0, 3, 3, -1, -7], [], [2]):
        given = mapped[torch.tensor(numbers, dtype=torch.int64)]
        assert given.dtype == torch.uint8
        assert torch.equal(given, images[torch.tensor(numbers, dtype=torch.int64)])
    assert torch.equal(mapped[4], images[4])
    assert torch.equal(mapped[-2], images[-2])
    assert torch.equal(torch.stack(list(mapped)), images), "iteration ends at the last image"


def test_what_is_given_out_is_a_copy(images, mapped):
    mapped[3].zero_()
    mapped[torch.tensor([3])].zero_()
    assert torch.equal(mapped[3], images[3])


@pytest.mark.parametrize("index", [7, -8, torch.tensor([0, 7]), torch.tensor([-8])])
def test_no_such_image(mapped, index):
    with pytest.raises(IndexError, match=r"no image (7|-8) among 7"):
        mapped[index]


@pytest.mark.parametrize("index", [torch.tensor([True] * 7), torch.tensor([[1]]), torch.tensor([1.0])])
def test_other_indices_are_refused(mapped, index):
    with pytest.raises(TypeError, match=r"int64 \[n\]"):
        mapped[index]


def test_a_spawned_worker_opens_the_file_itself(images, mapped):
    assert len(pickle.dumps(mapped)) < 1000
    loader = DataLoader(mapped, batch_size=4, num_workers=1, multiprocessing_context="spawn")
    assert torch.equal(torch.cat(list(loader)), images)


@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:200])])
def test_a_file_that_goes_away_meanwhile_is_an_error(mapped, change):
    change(mapped.path)
    with pytest.raises(DataError, match=r"cannot be read any more .*start the command again"):
        mapped[torch.tensor([0, 6])]
