"""The model: two backbones that see the same image, joined by bilinear pooling."""

import torch
from torch import Tensor, nn

from crbl_runtime.errors import UsageError
from crbl_training.model.bilinear_head import bilinear_logits
from crbl_training.model.bilinear_pooling import BilinearPooling
from crbl_training.model.feature_extractor import (
    FEATURE_CHANNELS,
    WHOLE_BLOCKS_BEFORE_LAYER_150,
    EfficientNetB0FeatureExtractor,
)
from crbl_training.model.heatmap import contribution_map
from crbl_training.options import DEFAULT_ROOT_FLOOR, TRAINABLE
from crbl_training.process_group import own_rows


class CRBLDualModel(nn.Module):
    """Two EfficientNet-B0 backbones, bilinear pooling, dropout 0.5 and one linear unit.

    `backbone1` starts from ImageNet weights, `backbone2` from Noisy-Student weights. The model gives logits; the
    probability of an anomaly is their sigmoid.

    Args:
        trainable: which parameters learn: "after-150" (what follows Keras layer 150, and the head), "head" or "all".
        root_floor: see `bilinear_logits`; changes gradients, never outputs.
    """

    def __init__(self, trainable: str, root_floor: float = DEFAULT_ROOT_FLOOR) -> None:
        super().__init__()
        self.backbone1 = EfficientNetB0FeatureExtractor()
        self.backbone2 = EfficientNetB0FeatureExtractor()
        self.pooling = BilinearPooling()
        self.classifier = nn.Linear(FEATURE_CHANNELS * FEATURE_CHANNELS, 1)
        self.root_floor = root_floor
        self.set_trainable(trainable)

    def forward(self, x: Tensor) -> Tensor:
        """float [N, 3, H, W], scaled as the preprocessing spec says, H and W at least 32 -> logits, float [N]."""
        return self.logits(*self.features(x))

    def frozen_activations(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Network input -> the activations of both backbones before the first trainable layer.

        "after-150": the input of `blocks.4.2`; "head": the feature map; "all": the network input itself. A training
        step never changes the function from input to here, so that its values can be cached.
        """
        first, second = self.frozen_layers()
        return first(x), second(x)

    def frozen_layers(self) -> tuple[nn.Module, nn.Module]:
        """What computes `frozen_activations`, for either backbone; the same modules, no copies."""
        if self.trainable == "all":
            return nn.Identity(), nn.Identity()
        if self.trainable == "head":
            return self.backbone1, self.backbone2
        return self.backbone1.whole_blocks_before_layer_150(), self.backbone2.whole_blocks_before_layer_150()

    def frozen_state(self) -> dict[str, Tensor]:
        """The part of the state dict that `frozen_activations` depends on."""
        blocks = {"all": (), "head": ("",), "after-150": WHOLE_BLOCKS_BEFORE_LAYER_150}[self.trainable]
        prefixes = tuple(f"{backbone}.{block}" for backbone in ("backbone1", "backbone2") for block in blocks)
        return {name: tensor for name, tensor in self.state_dict().items() if name.startswith(prefixes)}

    def logits_from_frozen(self, first: Tensor, second: Tensor) -> Tensor:
        """The rest of the way from `frozen_activations` to logits, float [N]."""
        return self.logits(*self.features_from_frozen(first, second))

    def features_from_frozen(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """The rest of the way from `frozen_activations` to `features`."""
        if self.trainable == "all":
            return self.backbone1(first), self.backbone2(second)
        if self.trainable == "after-150":
            return self.backbone1.after_layer_150(first), self.backbone2.after_layer_150(second)
        return first, second

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Both feature maps: float [N, 1280, ceil(H / 32), ceil(W / 32)] each."""
        return self.backbone1(x), self.backbone2(x)

    def logits(self, first: Tensor, second: Tensor) -> Tensor:
        """Feature maps -> logits, float [N]; with dropout in training mode."""
        # Drawn by torch's CPU generator, a seed for each image: the same masks on every device.
        seeds = own_rows(len(first), lambda count: torch.randint(2**62, (count,))) if self.training else None
        weight, bias = self.classifier.weight, self.classifier.bias
        return bilinear_logits(first, second, weight, bias, dropout_seeds=seeds, root_floor=self.root_floor)

    def heatmap(self, first: Tensor, second: Tensor) -> Tensor:
        """Feature maps -> float [N, h, w], each cell's contribution to the logit; they sum to logit - bias."""
        return contribution_map(first, second, self.classifier.weight)

    def set_trainable(self, trainable: str) -> None:
        """Choose which parameters are trained.

        Raises:
            UsageError: `trainable` is none of "after-150", "head" and "all".
        """
        if trainable not in TRAINABLE:
            raise UsageError(f"trainable is {trainable!r}, expected one of {', '.join(TRAINABLE)}.")
        self.trainable = trainable
        self.requires_grad_(True)
        for backbone in (self.backbone1, self.backbone2):
            if trainable == "after-150":
                backbone.freeze_before_layer_150()
            elif trainable == "head":
                backbone.freeze()
        self.train(self.training)


def create_crop_model() -> CRBLDualModel:
    """The crop variant with random weights: what follows Keras layer 150 learns, 8,139,833 parameters."""
    return CRBLDualModel("after-150")


def create_full_model() -> CRBLDualModel:
    """The full variant with random weights: the head learns, 1,638,401 parameters."""
    return CRBLDualModel("head")
