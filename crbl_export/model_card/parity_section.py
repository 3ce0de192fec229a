"""Whether the file computes what its PyTorch model computes."""

from typing import Any

from crbl_export.model_card.facts import ModelFacts
from crbl_export.model_card.markdown import as_json, code, number, plain, table
from crbl_export.parity.compare import contents_hash
from crbl_runtime.self_test import self_test_images

TITLES = {
    "provider": "Execution provider",
    "onnxruntime": "onnxruntime",
    "images": "Images, from file bytes to decision",
    "images_hash": "SHA-256 over the images",
    "error_torch": "Largest logit error of float32 PyTorch",
    "error_onnx": "Largest logit error of this file",
    "error_rounded_to_half": "Largest logit error with every value rounded to half precision, as a GPU may",
    "limit": "Allowed logit error",
    "margin": "Margin, in logits around the threshold, within which a decision may flip",
    "max_flips": "Shard of decisions that may flip outside the margin",
    "flips": "Decisions flipped outside the margin",
    "flips_within_margin": "Decisions flipped within the margin",
}


def parity_section(facts: ModelFacts) -> str:
    """What the gate measured before the file got its name."""
    parity = facts.contract.parity
    if parity is None:
        return "**Not proven.** This file has not been through the gate: run `crbl-parity` with its checkpoint."
    known = [[title, _value(key, parity[key])] for key, title in TITLES.items() if key in parity]
    others = [[plain(key), _value(key, value)] for key, value in sorted(parity.items()) if key not in TITLES]
    text = (
        "The gate compared the file with the PyTorch model in float64; errors are the largest differences of a logit."
    )
    if _synthetic(facts):
        text += " **It had no real images: the synthetic ones of the self-test stood in for them.**"
    return f"{text}\n\n{table(['Parity', ''], known + others)}"


def _value(key: str, value: Any) -> str:
    if key.endswith("hash"):
        return code(value)
    if isinstance(value, float):
        return f"{value:.1e}"
    return number(value) if isinstance(value, int | str) else as_json(value)


def _synthetic(facts: ModelFacts) -> bool:
    parity, size = facts.contract.parity, facts.contract.preprocessing.image_size
    return parity is not None and parity.get("images_hash") == contents_hash(tuple(self_test_images(size)))
