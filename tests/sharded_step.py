"""One training step on a process's own shard of a batch; several processes share it through gloo."""

import os
from pathlib import Path

import torch

from crbl_training.model.crbl import CRBLDualModel
from crbl_training.model.loss import class_weights, training_loss
from crbl_training.model.sync_batchnorm import convert_sync_batchnorm
from crbl_training.process_group import average_gradients, gather_rows, process_group
from crbl_training.weights.batchnorm_calibration import calibrate_batchnorm


def save_step(path: Path, rank: int, world_size: int, port: int) -> None:
    """Do a step with dropout and drop-path, and let rank 0 save what it leaves.

    Args:
        port: a free one, the same for all. rank, world_size: as torchrun puts them into the environment.
    """
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(world_size)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    with process_group(torch.device("cpu")) as shard:
        torch.manual_seed(0)
        x, labels = torch.rand(8, 3, 64, 64), torch.tensor([0.0] * 4 + [1.0] * 4)
        model = CRBLDualModel("after-150", root_floor=1e-2)
        for backbone in (model.backbone1, model.backbone2):
            calibrate_batchnorm(backbone, [x])
        if shard.world_size > 1:
            convert_sync_batchnorm(model)
        with torch.no_grad():
            model.classifier.weight.mul_(1000)  # Random ones give logits of nothing but 0.001.
        model.train()
        torch.manual_seed(1)
        logits = model(shard.rows(x))
        training_loss(logits, shard.rows(labels), class_weights(0.88)).backward()
        average_gradients(model.parameters())
        together = gather_rows(logits.detach(), len(x))
        if shard.rank == 0:
            gradients = {name: each.grad for name, each in model.named_parameters() if each.grad is not None}
            torch.save({"logits": together, "gradients": gradients, "statistics": dict(model.named_buffers())}, path)
