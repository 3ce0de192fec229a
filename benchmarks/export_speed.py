"""The exported file against a plain export of the same checkpoint, PyTorch, and OpenVINO: CPU time on one core.

    python benchmarks/export_speed.py CRBL_250328_pytorch_directml_crop.safetensors [--rounds 5]

Plain is `torch.onnx.export` as one writes it: this torch's own exporter, opset 18, of the model in stock operators
(BilinearPooling, Linear, sigmoid), which gives a probability. It takes float32 images that are scaled already; the
file's own scaling of uint8 images is in its time. PyTorch eager runs the same stock model, OpenVINO the plain file.
No heatmap. Each measurement is a process of its own, all kinds take turns over several rounds, and a ratio is that of
the medians over the rounds; within a process the median of its runs counts.
"""

import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from crbl_runtime.self_test import self_test_images
from crbl_training.checkpoint import Checkpoint, load_checkpoint
from crbl_training.model.bilinear_pooling import BilinearPooling
from crbl_training.model.network_input import network_input

KINDS = ("file", "plain", "eager", "openvino")
OPSET = 18
# The file must be so many times faster: at batch 1 than plain, at any batch than the two others.
TARGETS = {("plain", 1): 1.35, ("eager", 1): 3.0, ("eager", 8): 3.0, ("openvino", 1): 0.95, ("openvino", 8): 0.95}
WARM_UP, RUNS = 3, {1: 40, 8: 8}

Run = Callable[[], object]


class StockModel(nn.Module):
    """The checkpoint's model, as it reads in the formulas."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        model = checkpoint.build_model()
        self.backbone1, self.backbone2, self.classifier = model.backbone1, model.backbone2, model.classifier
        self.pooling = BilinearPooling()

    def forward(self, x: Tensor) -> Tensor:
        """float [N, 3, size, size] -> probability, float [N, 1]."""
        return torch.sigmoid(self.classifier(self.pooling(self.backbone1(x), self.backbone2(x))))


@click.command(epilog="Example: python benchmarks/export_speed.py crop.safetensors --rounds 9")
@click.argument("checkpoint", type=click.Path(exists=True, path_type=Path))
@click.option("--rounds", type=int, default=5, show_default=True)
def main(checkpoint: Path, rounds: int) -> None:
    """Print milliseconds an image for each kind and batch, and how many times faster the file is."""
    with tempfile.TemporaryDirectory() as folder:
        write_files(load_checkpoint(checkpoint), Path(folder))
        for batch in RUNS:
            measured: dict[str, list[float]] = {kind: [] for kind in KINDS}
            for _ in range(rounds):
                for kind in KINDS:
                    measured[kind].append(_in_own_process(kind, checkpoint, Path(folder), batch))
            own = median(measured["file"])
            for kind in KINDS:
                times = measured[kind]
                target = f" (target {TARGETS[kind, batch]:g})" if (kind, batch) in TARGETS else ""
                click.echo(
                    f"batch {batch} {kind:8} {median(times):6.1f} ms an image ({min(times):.1f} to {max(times):.1f}), "
                    f"the file is {median(times) / own:.2f} times as fast{target}"
                )


def write_files(checkpoint: Checkpoint, folder: Path) -> None:
    """file.onnx and plain.onnx."""
    from crbl_export.build import build_model_file
    from crbl_export.options import ExportOptions
    from crbl_export.trained_model import TrainedModel

    file = build_model_file(TrainedModel.of(checkpoint), ExportOptions(opset=OPSET))
    (folder / "file.onnx").write_bytes(file.to_bytes())
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            StockModel(checkpoint).eval(),
            (_scaled(checkpoint, _images(checkpoint, 2)),),
            folder / "plain.onnx",
            input_names=["image"],
            output_names=["probability"],
            opset_version=OPSET,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            external_data=False,
            verbose=False,
        )


def _in_own_process(kind: str, checkpoint: Path, folder: Path, batch: int) -> float:
    code = f"import export_speed; export_speed.print_time({kind!r}, {str(checkpoint)!r}, {str(folder)!r}, {batch})"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": ":".join([str(Path(__file__).parent), *sys.path])}
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return float(answer.stdout)


def print_time(kind: str, checkpoint_path: str, folder: str, batch: int) -> None:
    """Print the median CPU milliseconds an image of one kind, in this process."""
    torch.set_num_threads(1)
    checkpoint = load_checkpoint(Path(checkpoint_path))
    prepare = {"file": _file, "plain": _plain, "eager": _eager, "openvino": _openvino}[kind]
    run = prepare(checkpoint, Path(folder), _images(checkpoint, batch))
    for _ in range(WARM_UP):
        run()
    times = []
    for _ in range(RUNS[batch]):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    print(1000 * median(times) / batch)


def _images(checkpoint: Checkpoint, batch: int) -> NDArray[np.uint8]:
    images = self_test_images(checkpoint.preprocessing.image_size)
    return np.resize(images, (batch, *images.shape[1:]))


def _scaled(checkpoint: Checkpoint, images: NDArray[np.uint8]) -> Tensor:
    return network_input(torch.from_numpy(images), checkpoint.preprocessing)


def _file(checkpoint: Checkpoint, folder: Path, images: NDArray[np.uint8]) -> Run:
    return _onnxruntime(folder / "file.onnx", images)


def _plain(checkpoint: Checkpoint, folder: Path, images: NDArray[np.uint8]) -> Run:
    return _onnxruntime(folder / "plain.onnx", _scaled(checkpoint, images).numpy())


def _onnxruntime(file: Path, images: NDArray[np.generic]) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"image": images})


def _eager(checkpoint: Checkpoint, folder: Path, images: NDArray[np.uint8]) -> Run:
    model, scaled = StockModel(checkpoint).eval(), _scaled(checkpoint, images)
    return torch.no_grad()(lambda: model(scaled))


def _openvino(checkpoint: Checkpoint, folder: Path, images: NDArray[np.uint8]) -> Run:
    import openvino

    scaled = _scaled(checkpoint, images).numpy()
    properties = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(folder / "plain.onnx", "CPU", properties)
    request = compiled.create_infer_request()
    return lambda: request.infer({"image": scaled})


if __name__ == "__main__":
    main()
