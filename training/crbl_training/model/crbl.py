"""The model: two backbones that see the same picture, joined by bilinear pooling."""

from torch import Tensor, nn

from crbl_runtime.errors import UsageError
from crbl_training.model.bilinear_head import DEFAULT_ROOT_FLOOR, bilinear_logits
from crbl_training.model.bilinear_pooling import BilinearPooling
from crbl_training.model.feature_extractor import FEATURE_CHANNELS, EfficientNetB0FeatureExtractor
from crbl_training.model.heatmap import contribution_map

TRAINABLE = ("after-150", "head", "all")


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

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Both feature maps: float [N, 1280, ceil(H / 32), ceil(W / 32)] each."""
        return self.backbone1(x), self.backbone2(x)

    def logits(self, first: Tensor, second: Tensor) -> Tensor:
        """Feature maps -> logits, float [N]; with dropout in training mode."""
        return bilinear_logits(
            first,
            second,
            self.classifier.weight,
            self.classifier.bias,
            training=self.training,
            root_floor=self.root_floor,
        )

    def heatmap(self, first: Tensor, second: Tensor) -> Tensor:
        """Feature maps -> float [N, h, w], each cell's contribution to the logit; they sum to logit - bias."""
        return contribution_map(first, second, self.classifier.weight)

    def set_trainable(self, trainable: str) -> None:
        """Choose which parameters learn.

        Raises:
            UsageError: `trainable` is none of "after-150", "head" and "all".
        """
        if trainable not in TRAINABLE:
            raise UsageError(f"trainable is {trainable!r}, expected one of {', '.join(TRAINABLE)}.")
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
