"""What is told of a graphics adapter."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Adapter:
    """A graphics card, or what Windows counts as one.

    Attributes:
        kind: "directml" or "cuda", the provider that would use it. An NVIDIA card under Windows is there twice.
        index: its device_index. For one that CUDA does not list it is that of nvidia-smi.
        name: what its driver calls it. driver: the driver's version, None where it does not tell.
        reason: why it cannot be used, or None.
    """

    kind: str
    index: int
    name: str
    driver: str | None
    reason: str | None


@dataclass(frozen=True)
class Listed:
    """The adapters of one kind; `problem` is why they could not be listed, or why there is none at all, or None."""

    adapters: tuple[Adapter, ...]
    problem: str | None = None
