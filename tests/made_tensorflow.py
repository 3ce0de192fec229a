"""A module that answers what docs/keras.md asks of TensorFlow, with the values of a converted PyTorch model.

TensorFlow itself takes half a gigabyte and is no part of the tests. What genuine Keras computes for these weights is in
tests/data/seeded_reference.npz.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from crbl_training import BilinearPooling, CRBLDualModel


@dataclass(frozen=True)
class Variable:
    """A weight, as Keras's layers have it."""

    values: NDArray[np.float32]

    def numpy(self) -> NDArray[np.float32]:
        return self.values


@dataclass(frozen=True)
class Head:
    """The last layer: kernel [features, 1], bias [1], and a name for what goes into it."""

    kernel: Variable
    bias: Variable
    input: str = "pooled"


@dataclass(frozen=True)
class KerasModel:
    """The model, or the part of it from its input to one of its tensors."""

    network: CRBLDualModel
    output: str = "probability"
    input: str = "image"
    layers: list[Head] = field(default_factory=list)

    def predict(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        assert self.output == "pooled"
        with torch.no_grad():
            maps = self.network.features(torch.from_numpy(x).permute(0, 3, 1, 2))
            return np.asarray(BilinearPooling()(*maps))


def made_tensorflow(network: CRBLDualModel) -> Mapping[str, Any]:
    """What `sys.modules` is to have, so that `import tensorflow` finds a model with these weights in each file."""
    weight, bias = (parameter.detach().numpy() for parameter in (network.classifier.weight, network.classifier.bias))
    whole = KerasModel(network, layers=[Head(Variable(weight.reshape(-1, 1)), Variable(bias))])
    tensorflow = ModuleType("tensorflow")
    tensorflow.keras = SimpleNamespace(  # type: ignore[attr-defined]
        models=SimpleNamespace(load_model=lambda path, compile: whole),
        Model=lambda input, output: KerasModel(network, output, input),
    )
    return {"tensorflow": tensorflow}
