"""Which onnxruntime loads a model file, and does it compute the same there?

    pip install --target FOLDER --no-deps onnxruntime==1.16.3 && pip install --target FOLDER "numpy<2"
    python benchmarks/old_onnxruntime.py MODEL.onnx ... --onnxruntime FOLDER [--onnxruntime FOLDER ...]

Prints, for each folder with an onnxruntime and each file, what `first_onnxruntime` says of the file, and the largest
|logit| difference, on the images of the self-test, from what the file must give; or why it does not load. An
onnxruntime from before 1.15 needs an older Python: name it with --python.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import numpy as np
import onnx

from crbl_export.first_onnxruntime import first_onnxruntime, opset_of
from crbl_runtime import Detector
from crbl_runtime.self_test import self_test_images

# Runs where nothing of crbl is installed.
PROGRAM = """
import json, sys
import numpy, onnxruntime
answer = {"version": onnxruntime.__version__}
try:
    session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
    answer["logits"] = session.run(["logit"], {"image": numpy.load(sys.argv[2])})[0].tolist()
except Exception as error:
    answer["error"] = str(error).splitlines()[0]
print(json.dumps(answer))
"""


def result(model: Path, folder: Path, python: str, images: Path, expected: tuple[float, ...]) -> str:
    """What the onnxruntime in a folder makes of a model file, in words."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run([python, "-c", PROGRAM, model, images], env=environment, capture_output=True, text=True)
    if done.returncode:
        return f"{folder.name}: {done.stderr.strip().splitlines()[-1]}"
    answer = json.loads(done.stdout)
    if "error" in answer:
        return f"onnxruntime {answer['version']}: {answer['error']}"
    return f"onnxruntime {answer['version']}: off by {np.max(np.abs(np.array(answer['logits']) - expected)):.2g}"


@click.command()
@click.argument("models", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--onnxruntime", "folders", multiple=True, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--python", default=sys.executable, help="The Python that runs the onnxruntime.")
def main(models: tuple[Path, ...], folders: tuple[Path, ...], python: str) -> None:
    """Try model files with onnxruntimes of other versions."""
    for model in models:
        with Detector(model, "cpu", cpu_self_test=False) as detector:
            contract = detector.contract
        graph = onnx.load(model)
        print(f"{model.name}, opset {opset_of(graph)}, IR version {graph.ir_version}: {first_onnxruntime(graph)}")
        with tempfile.TemporaryDirectory() as work:
            images = Path(work) / "images.npy"
            np.save(images, self_test_images(contract.preprocessing.image_size))
            for folder in folders:
                print(f"  {result(model, folder.absolute(), python, images, contract.self_test.logits)}")


if __name__ == "__main__":
    main()
