"""What a run learns from and is measured on: how many images of what, how they look, and what is wrong with them."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from crbl_runtime.left_out import left_out_lines
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.data.augmentation import augment, get_augmentation
from crbl_training.data.dataset import LabelledImage, Split
from crbl_training.data.leakage import Duplicate, Leakage
from crbl_training.data.prepared_dataset import PreparedDataset
from crbl_training.report.pictures import Pictures
from crbl_training.report.shown_images import choose_images
from crbl_training.seeds import derive_seed

SHOWN_OF_A_CLASS = 12
SHOWN_VIEWS_OF_A_CLASS = 6
SHOWN_DUPLICATES = 6
# Of messages; metrics.json has all.
SHOWN_LINES = 20


def data_overview(
    train_set: PreparedDataset,
    validation_set: PreparedDataset,
    split: Split,
    spec: PreprocessingSpec,
    leakage: Leakage,
    augmentation: str,
    seed: int,
    pictures: Pictures,
) -> dict[str, Any]:
    """As JSON types; report_pages/src/training/training_data.ts explains them.

    Args:
        augmentation: that of the epochs to come; "none" where no epochs are to come.
        seed: of the run: the views are drawn as training draws them. pictures: takes the images that are shown.
    """
    examples = {
        label: [
            _example(train_set, number, pictures) for number in choose_images(train_set, label, SHOWN_OF_A_CLASS, seed)
        ]
        for label in (0, 1)
    }
    return {
        "image_size": spec.image_size,
        "region": spec.region,
        "validation_source": split.validation_source,
        "readings": list(split.readings),
        "left_out": left_out_lines(split.left_out),
        "training": _counts(train_set),
        "validation": _counts(validation_set),
        "held_out": _held_out(split.held_out),
        "examples": {"normal": examples[0], "anomalous": examples[1]},
        "augmentation": _augmentation(train_set, augmentation, seed, examples, pictures),
        "duplicates": _duplicates(leakage, train_set, validation_set, pictures),
    }


def _counts(dataset: PreparedDataset) -> dict[str, Any]:
    anomalous = int(dataset.labels.sum())
    kinds = Counter(kind for kind, label in zip(dataset.kinds, dataset.labels.tolist(), strict=False) if label)
    return {
        "normal": len(dataset.paths) - anomalous,
        "anomalous": anomalous,
        "kinds": [{"kind": kind, "images": count} for kind, count in sorted(kinds.items())],
        "regions_missing": dataset.regions_missing,
        "skipped": list(dataset.skipped[:SHOWN_LINES]),
        "skipped_in_all": len(dataset.skipped),
        "sizes": _sizes(dataset.sizes),
    }


def _sizes(sizes: Sequence[tuple[int, int]]) -> dict[str, Any] | None:
    if not sizes:
        return None
    (usual, count), *_ = Counter(sizes).most_common(1)
    ordered = sorted(sizes, key=lambda size: (size[0] * size[1], size))
    return {
        "different": len(set(sizes)),
        "usual": list(usual),
        "usual_images": count,
        "smallest": list(ordered[0]),
        "largest": list(ordered[-1]),
    }


def _held_out(images: Sequence[LabelledImage]) -> dict[str, int] | None:
    if not images:
        return None
    anomalous = sum(image.label for image in images)
    return {"normal": len(images) - anomalous, "anomalous": anomalous}


def _example(dataset: PreparedDataset, number: int, pictures: Pictures) -> dict[str, Any]:
    return {
        "number": number,
        "name": dataset.paths[number].name,
        "path": str(dataset.paths[number]),
        "kind": dataset.kinds[number] if dataset.kinds else "",
        "picture": pictures.add(dataset.images[number].numpy()),
    }


def _augmentation(
    dataset: PreparedDataset, name: str, seed: int, examples: dict[int, list[dict[str, Any]]], pictures: Pictures
) -> dict[str, Any]:
    """The first of the examples, half of them of either class, each with a view of it."""
    chosen = get_augmentation(name)
    if chosen is None:
        return {"name": name, "views": []}
    shown = [example for of_class in examples.values() for example in of_class[:SHOWN_VIEWS_OF_A_CLASS]]
    views = []
    for example in shown:
        number = example["number"]
        (view,) = augment(dataset.images[number].unsqueeze(0), chosen, [derive_seed(seed, number, 0)])
        views.append({"original": example["picture"], "view": pictures.add(view.numpy()), "name": example["name"]})
    return {"name": name, "views": views}


def _duplicates(
    leakage: Leakage, train_set: PreparedDataset, validation_set: PreparedDataset, pictures: Pictures
) -> dict[str, Any]:
    found = [*leakage.identical, *leakage.near_identical]

    def pair(duplicate: Duplicate) -> dict[str, Any]:
        validation = validation_set.paths.index(duplicate.validation)
        training = train_set.paths.index(duplicate.training)
        return {
            **duplicate.to_dict(),
            "validation_picture": pictures.add(validation_set.images[validation].numpy()),
            "training_picture": pictures.add(train_set.images[training].numpy()),
        }

    return {**leakage.counts(), "pairs": [pair(duplicate) for duplicate in found[:SHOWN_DUPLICATES]]}
