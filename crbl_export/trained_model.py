"""The PyTorch model of a checkpoint, built once."""

import copy
from dataclasses import dataclass

from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.checkpoint import Checkpoint
from crbl_training.model.crbl import CRBLDualModel


@dataclass(frozen=True)
class TrainedModel:
    """What is exported, and what the exported file is compared with.

    Attributes:
        checkpoint: what was trained, and what must be known about it.
        float32, float64: the network in eval mode on the CPU, with the same weights in either precision: those of the
            checkpoint, or those that `rounded_to_half` made of them.
    """

    checkpoint: Checkpoint
    float32: CRBLDualModel
    float64: CRBLDualModel

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> "TrainedModel":
        """Build the network of a checkpoint.

        Raises:
            CheckpointError: a tensor is missing, left over or of the wrong shape.
        """
        network = checkpoint.build_model()
        return cls(checkpoint, network, copy.deepcopy(network).double())

    @property
    def preprocessing(self) -> PreprocessingSpec:
        """How its images are prepared."""
        return self.checkpoint.preprocessing
