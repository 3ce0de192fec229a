"""One backbone's weights from a Keras file, to start a training from."""

from pathlib import Path

from torch import Tensor

from crbl_runtime.errors import CheckpointError
from crbl_training.keras.keras_model import open_keras_model
from crbl_training.keras.state_dict import backbone_state


def load_backbone_weights(path: Path) -> dict[str, Tensor]:
    """The weights of a file with one EfficientNet-B0, such as qubvel's efficientnet-b0_noisy-student_notop.h5.

    A classifier on top of it is left out, and so are the statistics of a Normalization layer (keras.applications): a
    training decides itself how its images are scaled.

    Args:
        path: of any form that Keras writes.

    Returns:
        the state dict of `EfficientNetB0FeatureExtractor`: timm's names, CPU tensors.

    Raises:
        CheckpointError: no Keras file, damaged, a whole CRBL model, or another network.
    """
    with open_keras_model(path) as model:
        backbones = model.roles.backbones
        if model.roles.heads or len(backbones) > 1:
            raise CheckpointError(
                f"{path} is a whole model with {len(backbones)} backbones, expected the weights of one. "
                "Convert it with crbl-convert and go on from the checkpoint."
            )
        if not backbones:
            raise CheckpointError(f"{path} has no layers of an EfficientNet-B0 (stem_conv, block1a_dwconv, …).")
        return backbone_state(model, backbones[0])
