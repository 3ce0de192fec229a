"""What a model file gives for the self-test images on the CPU."""

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from crbl_runtime.contract import INPUT_NAME, LOGIT_NAME
from crbl_runtime.self_test import self_test_images


def self_test_logits(model: bytes, image_size: int) -> NDArray[np.float64]:
    """Logits, float64 [4], of a model file's content."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    logits = session.run([LOGIT_NAME], {INPUT_NAME: self_test_images(image_size)})[0]
    return np.asarray(logits, np.float64)
