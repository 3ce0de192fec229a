"""A description of a Keras file, as text and as JSON, without converting it."""

from typing import Any

from crbl_runtime.errors import CheckpointError
from crbl_training.keras.input_scaling import input_scaling
from crbl_training.keras.keras_model import KerasModel

SHOWN_LEFTOVER = 20


def describe(model: KerasModel) -> dict[str, Any]:
    """Form, Keras version, backbones, head, variant, layers and input scaling of a file; JSON types."""
    roles = model.roles
    trainable = model.trainable
    leftover = [array.stored.path for array in roles.rest] + list(model.leftover)
    return {
        "form": model.form,
        "keras_version": model.keras_version,
        "sha256": model.sha256,
        "backbones": [{"name": backbone.name, "arrays": len(backbone.arrays)} for backbone in roles.backbones],
        "heads": [head.name for head in roles.heads],
        "other_dense_layers": [dense.name for dense in roles.denses],
        "normalization_layers": [group.name for group in roles.normalizations],
        "input_scaling": _scaling(model),
        "image_size": model.image_size,
        "variant": trainable.variant.name if trainable and trainable.variant else None,
        "trainable": trainable.seen if trainable else None,
        "layers": list(model.layer_names),
        "leftover": leftover,
        "not_read": list(model.skipped),
    }


def as_text(description: dict[str, Any]) -> str:
    """The description in lines."""
    backbones = [f"{one['name']} ({one['arrays']} arrays)" for one in description["backbones"]]
    leftover = description["leftover"]
    lines = {
        "Form": description["form"],
        "Keras": description["keras_version"] or "the file does not record it",
        "Backbones": ", then ".join(backbones) or "none",
        "Head": ", ".join(description["heads"]) or "none",
        "Other dense": ", ".join(description["other_dense_layers"]),
        "Variant": description["variant"] or "the file does not record it",
        "Trainable": description["trainable"],
        "Input": _scaling_text(description["input_scaling"]),
        "Image size": description["image_size"] or "the file does not record it",
        "Layers": _layers_text(description["layers"]),
        "Left over": ", ".join(leftover[:SHOWN_LEFTOVER]) + (" …" if len(leftover) > SHOWN_LEFTOVER else ""),
        "Not read": ", ".join(description["not_read"][:SHOWN_LEFTOVER]),
        "SHA-256": description["sha256"],
    }
    return "\n".join(f"{name + ':':12} {value}" for name, value in lines.items() if value)


def _scaling(model: KerasModel) -> dict[str, Any]:
    try:
        scaling = input_scaling(model)
    except CheckpointError as error:
        return {"unknown": str(error)}
    return {
        "divisor": scaling.divisor,
        "mean": list(scaling.mean),
        "std": list(scaling.std),
        "assumed": scaling.assumed,
    }


def _scaling_text(scaling: dict[str, Any]) -> str:
    if "unknown" in scaling:
        return str(scaling["unknown"])
    text = f"x / {scaling['divisor']:g}"
    if any(scaling["mean"]):
        text = f"({text} - {scaling['mean']})"
    if scaling["std"] != [1.0, 1.0, 1.0]:
        text = f"{text} / {scaling['std']}"
    return f"{text} ({scaling['assumed']})" if scaling["assumed"] else text


def _layers_text(layers: list[str]) -> str:
    return f"{len(layers)}: {', '.join(layers[:12])}{' …' if len(layers) > 12 else ''}" if layers else ""
