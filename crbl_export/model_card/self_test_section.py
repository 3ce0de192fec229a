"""The self-test that travels in the file, and how a program in any language runs it."""

import hashlib

from crbl_export.model_card.facts import ModelFacts
from crbl_export.model_card.markdown import code, table
from crbl_runtime.self_test import self_test_images


def self_test_section(facts: ModelFacts) -> str:
    """The reference logits, what they belong to, and what to do with them."""
    self_test = facts.contract.self_test
    images = self_test_images(facts.contract.preprocessing.image_size)
    rows = [[str(place), f"{logit:.7f}"] for place, logit in enumerate(self_test.logits)]
    return "\n\n".join(
        [
            "Some graphics drivers compute wrongly. Before it trusts a GPU, `crbl_runtime` has it predict "
            f"{len(images)} images that are made by formula; where a logit is off by more than "
            f"**{self_test.tolerance:g}**, that GPU is not used, and the log and the result say why.",
            table(["Image", "Logit of the float64 PyTorch model"], rows),
            f"The images, uint8 {list(images.shape)}, have the SHA-256 "
            f"{code(hashlib.sha256(images.tobytes()).hexdigest())}. `prepared_images.py` above writes them to "
            "`self_test.rgb`: ship that file with a program of another language, predict it once for each new driver, "
            "and compare. The formula, in crbl_runtime/self_test.py, can be ported as well: it is whole numbers of 64 "
            "bits and nothing else, where `//` rounds down also below zero.",
        ]
    )
