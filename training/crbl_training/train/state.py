"""Everything a training run needs to go on after it was stopped, in one file without pickle."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import save
from torch import Tensor

from crbl_runtime.atomic_file import write_bytes
from crbl_runtime.errors import CheckpointError, UsageError
from crbl_training.evaluation.metrics import Metrics
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.train.history import Epoch
from crbl_training.train.optimizer import Adam, Scheduler

SCHEMA_VERSION = 3
METADATA_KEY = "crbl_training_state"
# The attributes of a state that are numbers, as JSON in the file's metadata.
POSITION = ("epoch", "losses", "micro_batches", "best_epoch", "steps", "learning_rate", "scheduler", "solved_head")
MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class TrainingState:
    """A run between two steps; all tensors on the CPU. Batches and random draws follow from the seed and the position.

    Attributes:
        epoch: the one under way, from 1. losses: of its steps so far, as many as are done.
        micro_batches: in how many each batch is computed.
        model, best: state dicts, now and of the best epoch. best_epoch: 0 before there is one.
        moments: Adam's two of every parameter that learns, by the parameter's number and the moment's name.
        steps: done by the optimizer. learning_rate: now. scheduler: its state, JSON types.
        history: the epochs that are done. solved_head: how the head was solved, JSON types; None where it was not.
    """

    epoch: int
    losses: tuple[float, ...]
    micro_batches: int
    model: dict[str, Tensor]
    best: dict[str, Tensor]
    best_epoch: int
    moments: dict[str, Tensor]
    steps: int
    learning_rate: float
    scheduler: dict[str, Any]
    history: tuple[Epoch, ...]
    solved_head: dict[str, Any] | None


@dataclass
class Progress:
    """A run in memory: all that steps and epochs change. `TrainingState` explains the attributes."""

    model: CRBLDualModel
    optimizer: Adam
    scheduler: Scheduler
    micro_batches: int
    best: dict[str, Tensor]
    epoch: int = 1
    losses: list[float] = field(default_factory=list)
    best_epoch: int = 0
    history: list[Epoch] = field(default_factory=list)
    solved_head: dict[str, Any] | None = None

    @property
    def best_metrics(self) -> Metrics | None:
        """The validation metrics of the best epoch; None before there is one."""
        return next((epoch.validation for epoch in self.history if epoch.number == self.best_epoch), None)

    def capture(self) -> TrainingState:
        """What is to be saved."""
        moments: dict[str, Tensor] = {}
        steps = 0
        for number, state in self.optimizer.state_dict()["state"].items():
            steps = state["step"]
            moments |= {f"{number}.{name}": state[name].cpu() for name in MOMENTS}
        return TrainingState(
            epoch=self.epoch,
            losses=tuple(self.losses),
            micro_batches=self.micro_batches,
            model=cpu_copy(self.model),
            best=self.best,
            best_epoch=self.best_epoch,
            moments=moments,
            steps=steps,
            learning_rate=self.optimizer.param_groups[0]["lr"],
            scheduler=self.scheduler.state_dict(),
            history=tuple(self.history),
            solved_head=self.solved_head,
        )

    def restore(self, saved: TrainingState) -> None:
        """Put everything back as it was captured."""
        self.model.load_state_dict(saved.model)
        content = self.optimizer.state_dict()
        numbers = {int(name.split(".")[0]) for name in saved.moments}
        content["state"] = {
            number: {"step": saved.steps} | {name: saved.moments[f"{number}.{name}"] for name in MOMENTS}
            for number in numbers
        }
        content["param_groups"][0]["lr"] = saved.learning_rate
        self.optimizer.load_state_dict(content)
        self.scheduler.load_state_dict(saved.scheduler)
        self.micro_batches, self.epoch, self.losses = saved.micro_batches, saved.epoch, list(saved.losses)
        self.best, self.best_epoch = saved.best, saved.best_epoch
        self.history, self.solved_head = list(saved.history), saved.solved_head


@dataclass(frozen=True)
class StateFile:
    """Where a run saves its state, and what the run is.

    Attributes:
        identity: what a run must have in common with the one it continues; JSON types.
        every_steps: how often it is written within an epoch; 0 for after each epoch only.
    """

    path: Path
    identity: dict[str, Any]
    every_steps: int = 0

    def save(self, state: TrainingState) -> None:
        """Replace the file atomically: a kill leaves the state before or this one."""
        position = {name: getattr(state, name) for name in POSITION}
        metadata = {
            "schema_version": SCHEMA_VERSION,
            "identity": self.identity,
            "position": position,
            "history": [asdict(epoch) for epoch in state.history],
        }
        # Most of the best epoch's weights are frozen or still the current ones.
        changed = {name: tensor for name, tensor in state.best.items() if not torch.equal(tensor, state.model[name])}
        tensors = {f"model/{name}": tensor for name, tensor in state.model.items()}
        tensors |= {f"best/{name}": tensor for name, tensor in changed.items()}
        tensors |= {f"moments/{name}": tensor for name, tensor in state.moments.items()}
        # Not save_file, whose own temporary file would outlive a kill under a name that nobody knows.
        write_bytes(self.path, save(tensors, metadata={METADATA_KEY: json.dumps(metadata, sort_keys=True)}))

    def load(self) -> TrainingState | None:
        """The state that was saved last; None where there is none.

        Raises:
            CheckpointError: the file is damaged or of another version.
            UsageError: it belongs to a run of other data, options or weights; what differs is named.
        """
        if not self.path.is_file():
            return None
        try:
            with safetensors.safe_open(self.path, "pt") as file:
                metadata = json.loads((file.metadata() or {}).get(METADATA_KEY, "{}"))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 it is no mapping
        except (safetensors.SafetensorError, OSError, ValueError) as error:
            raise CheckpointError(f"{self.path} is damaged ({error}). Delete it to begin anew.") from error
        if metadata.get("schema_version") != SCHEMA_VERSION:
            raise CheckpointError(
                f"{self.path} has schema version {metadata.get('schema_version')}, expected {SCHEMA_VERSION}. "
                "Use the version of crbl that wrote it, or delete it to begin anew."
            )
        self._require_same_run(metadata["identity"])
        model, best, moments = (_group(tensors, prefix) for prefix in ("model/", "best/", "moments/"))
        history = tuple(
            Epoch(**{**epoch, "validation": Metrics(**epoch["validation"])}) for epoch in metadata["history"]
        )
        position = metadata["position"]
        return TrainingState(
            **{**position, "losses": tuple(position["losses"])},
            model=model, best=model | best, moments=moments, history=history,
        )  # fmt: skip

    def _require_same_run(self, saved: dict[str, Any]) -> None:
        own = json.loads(json.dumps(self.identity))
        different = [
            f"{name} was {saved.get(name)!r} and is {own.get(name)!r}"
            for name in sorted(own.keys() | saved.keys())
            if own.get(name) != saved.get(name)
        ]
        if different:
            raise UsageError(
                f"{self.path} is of another run: {'; '.join(different)}. "
                "Resume with the same options and data, or name another --out."
            )


def cpu_copy(model: CRBLDualModel) -> dict[str, Tensor]:
    """The state dict, as it is now, on the CPU."""
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in model.state_dict().items()}


def _group(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
