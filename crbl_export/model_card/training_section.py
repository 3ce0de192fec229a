"""Where the weights come from, and the images behind them."""

from typing import Any

from crbl_export.model_card.facts import ModelFacts
from crbl_export.model_card.markdown import as_json, code, number, plain, table

# What other sections of the card tell.
TOLD_ELSEWHERE = {"threshold_choice", "validation", "versions", "python", "torch"}


def training_section(facts: ModelFacts) -> str:
    """Everything that is recorded of the weights; what is not is named as missing."""
    training = {key: value for key, value in facts.training.items() if key not in TOLD_ELSEWHERE}
    rows = [["Checkpoint, SHA-256 of its tensors", _code(training.pop("checkpoint_hash", None))]]
    rows += _conversion_rows(training) if "converted_from" in training else _image_rows(training)
    rows += [[_title(key), _value(value)] for key, value in sorted(training.items())]
    return table(["Weights", ""], rows)


def _conversion_rows(training: dict[str, Any]) -> list[list[str]]:
    origin = training.pop("converted_from")
    rows = [["Converted from Keras", _value(origin)]]
    if isinstance(origin, dict):
        rows = [
            ["Converted from", f"the Keras file {plain(origin.get('file'))}, SHA-256 {_code(origin.get('sha256'))}"],
            ["Form", plain(origin.get("form"))],
            ["Keras", plain(origin.get("keras_version") or "of unknown version")],
            ["Backbones", f"1: {plain(origin.get('backbone1'))}, 2: {plain(origin.get('backbone2'))}"],
            ["Order of the backbones", "swapped at conversion" if origin.get("swapped") else "as in the Keras file"],
            ["Trainable in it", plain(origin.get("trainable") or "not recorded")],
            ["Assumed of its input", plain(origin.get("input_assumed") or "nothing")],
        ]
    compared = training.pop("compared_with_keras", None)
    if isinstance(compared, dict):
        rows.append(
            [
                "Compared with Keras",
                f"{number(compared.get('images'))} images, logits off by at most "
                f"{number(compared.get('largest'), 2)}, {number(compared.get('flipped'))} decisions flipped",
            ]
        )
    else:
        rows.append(["Compared with Keras", "no: `crbl-convert --check` would have"])
    return [*rows, ["Training images", "not recorded: they belong to whoever trained the Keras model"]]


def _image_rows(training: dict[str, Any]) -> list[list[str]]:
    rows = [
        [
            f"{title} images",
            f"{_value(training.pop(f'{key}_images', None))}, hash {_code(training.pop(f'{key}_data_hash', None))}",
        ]
        for key, title in (("train", "Training"), ("validation", "Validation"))
    ]
    leakage = training.pop("leakage", None)
    return [
        *rows,
        ["Left out, not readable", _value(training.pop("images_skipped", None))],
        ["Validation images come from", _value(training.pop("validation_source", None))],
        ["Validation images in training", _leakage_text(leakage)],
        ["First weights", _value(training.pop("weights", None))],
    ]


def _leakage_text(leakage: Any) -> str:
    if not isinstance(leakage, dict):
        return _value(leakage)
    text = f"{number(leakage.get('identical'))} identical, {number(leakage.get('near_identical'))} nearly"
    both = leakage.get("two_labels")
    return f"{text}; {number(both)} images carry both labels" if both else text


def _title(key: str) -> str:
    words = plain(key).replace("\\_", " ")
    return words[:1].upper() + words[1:]


def _value(value: Any) -> str:
    if value is None:
        return "not recorded"
    if isinstance(value, dict):
        return ", ".join(f"{plain(key)} {plain(part)}" for key, part in sorted(value.items()))
    return number(value) if isinstance(value, int | float | str) else as_json(value)


def _code(value: Any) -> str:
    return "not recorded" if value is None else code(value)
