"""The optimizer, its learning rate from epoch to epoch, and a bound on the gradient's length."""

import math
from collections.abc import Callable, Iterable
from typing import Any, overload

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, ReduceLROnPlateau

from crbl_training.train.recipe import Recipe

Scheduler = ReduceLROnPlateau | CosineAnnealingLR


class Adam(Optimizer):
    """Adam with L2 weight decay, equal to torch.optim.Adam within rounding.

    torch's own Adam updates its moments with lerp, which torch-directml sends to the CPU. Kingma, Ba, "Adam: A Method
    for Stochastic Optimization", 2015, algorithm 1.

    Args:
        parameters: what learns. lr, betas, eps, weight_decay: as in torch.optim.Adam.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Update every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)
        return loss

    def _update(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = 0
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        state["step"] += 1
        beta1, beta2 = group["betas"]
        gradient = parameter.grad
        assert gradient is not None
        if group["weight_decay"]:
            gradient = gradient.add(parameter, alpha=group["weight_decay"])
        mean: Tensor = state["exp_avg"].mul_(beta1).add_(gradient, alpha=1 - beta1)
        square: Tensor = state["exp_avg_sq"].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        root = square.sqrt().mul_(1 / math.sqrt(1 - beta2 ** state["step"])).add_(group["eps"])
        parameter.addcdiv_(mean, root, value=-group["lr"] / (1 - beta1 ** state["step"]))


def clip_gradients(parameters: Iterable[Tensor], max_norm: float) -> Tensor:
    """Scale all gradients, in place, so that the L2 norm of them together is at most `max_norm`.

    torch's own, one tensor at a time: the quicker form over lists is not for every device.

    Args:
        parameters: those without a gradient are left out. max_norm: positive.

    Returns:
        The norm before, a scalar on the gradients' device.
    """
    return torch.nn.utils.clip_grad_norm_(parameters, max_norm, foreach=False)


def learning_rate_scheduler(recipe: Recipe, optimizer: Optimizer) -> Scheduler:
    """The recipe's scheduler: halved on a plateau of `badness`, or falling along a cosine over all epochs."""
    if recipe.scheduler == "cosine":
        return CosineAnnealingLR(optimizer, T_max=recipe.epochs, eta_min=recipe.smallest_learning_rate)
    return ReduceLROnPlateau(
        optimizer,
        factor=recipe.plateau_factor,
        patience=recipe.plateau_patience,
        min_lr=recipe.smallest_learning_rate,
    )


def end_epoch(scheduler: Scheduler, badness: float) -> None:
    """Set the next epoch's learning rate; `badness` is the validation metric that a plateau is looked for in."""
    if isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step(badness)
    else:
        scheduler.step()
