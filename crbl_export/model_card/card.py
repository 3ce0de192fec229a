"""The model card: everything a reader must know of a model file, from what the file says of itself."""

from pathlib import Path

from crbl_export.model_card.decision_section import decision_section
from crbl_export.model_card.facts import ModelFacts, read_model_file
from crbl_export.model_card.limits_section import limits_section
from crbl_export.model_card.markdown import code, plain, steps, table
from crbl_export.model_card.parity_section import parity_section
from crbl_export.model_card.preprocessing_steps import preparation_steps
from crbl_export.model_card.self_test_section import self_test_section
from crbl_export.model_card.training_section import training_section
from crbl_export.model_card.usage_section import usage_section
from crbl_export.model_card.validation_section import validation_section
from crbl_export.model_card.version_section import version_section

FIRST_LINE = "<!-- Written by crbl-export from what the model file says of itself. -->"


def model_card(model: Path) -> str:
    """The card of a model file, in Markdown; the same file gives the same text.

    Raises:
        ModelFileError: the file cannot be read, is no CRBL model, or has a contract this version does not know.
    """
    return card_text(read_model_file(model))


def card_text(facts: ModelFacts) -> str:
    """The card, in Markdown."""
    preparation = (
        f"`crbl_runtime` does this by itself, in the code that training used. Another program must do the same:\n\n"
        f"{steps(preparation_steps(facts.contract.preprocessing))}\n\n"
        f"Hash of the specification: {code(facts.contract.preprocessing.hash)}. Files with the same hash take the same "
        "prepared images."
    )
    sections = {
        "What it decides": decision_section(facts),
        "How good it was on validation images": validation_section(facts),
        "What it must not be trusted with": limits_section(facts),
        "Preparing an image": preparation,
        "Using it": usage_section(facts),
        "Self-test": self_test_section(facts),
        "Does the file compute what PyTorch computes?": parity_section(facts),
        "Where the weights come from": training_section(facts),
        "Versions": version_section(facts),
    }
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
    return f"{FIRST_LINE}\n\n# {plain(facts.name)}\n\n{_identity(facts)}\n\n{body}\n"


def _identity(facts: ModelFacts) -> str:
    contract = facts.contract
    rows = [
        ["Variant", plain(contract.variant)],
        ["Precision", plain(contract.precision)],
        ["Size", f"{facts.size / 1e6:.1f} MB ({facts.size:,} bytes)"],
        ["SHA-256", code(facts.sha256)],
        ["Format", f"ONNX, opset {facts.opset}, IR version {facts.ir_version}, one file"],
    ]
    return table(["Model file", ""], rows)
