"""A model file and its card come together or not at all."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crbl_export.model_card.card import FIRST_LINE, card_text
from crbl_export.model_card.facts import read_facts
from crbl_runtime.atomic_file import replacing, write_bytes
from crbl_runtime.errors import OutputError, UsageError


def card_path(model: Path) -> Path:
    """Where the card of a model file lies: crop.md beside crop.onnx.

    Raises:
        UsageError: the model file itself would have that name.
    """
    if model.suffix.lower() == ".md":
        raise UsageError(f"{model} is the name of a model card. Name the model file, with .onnx.")
    return model.with_suffix(".md")


def require_free(model: Path, *, force: bool) -> None:
    """Make sure that a model file and its card may be written.

    Raises:
        UsageError: one of them exists, and not `force`; or what would be replaced is no model card.
    """
    card = card_path(model)
    if force:
        if card.exists() and not card.read_bytes().startswith(FIRST_LINE.encode()):
            raise UsageError(f"{card} is no model card of crbl-export, so not even --force replaces it. Rename it.")
        return
    if card.exists():
        raise UsageError(f"{card} exists. Give another name with -o, or replace model and card with --force.")
    if model.exists():
        raise UsageError(
            f"{model} exists, without a card: an export that was ended at the last moment, or an older crbl. Give "
            "another name with -o, or export again with --force; the same checkpoint gives the same file."
        )


@contextmanager
def replacing_with_card(model: Path) -> Iterator[Path]:
    """Give a temporary path for a model file; when the block ends well, the file and its card get their names.

    The card is written first and named last. Whenever the process is killed, no card lies beside a model file that it
    does not describe: at worst there is none. When anything raises, an old file keeps its old card.

    Raises:
        OutputError: the disk is full or read-only, or `model` or a folder above it cannot be what it must be.
        ModelFileError: the block wrote no CRBL model.
    """
    try:
        with _replacing_both(model) as candidate:
            yield candidate
    except OSError as error:
        raise OutputError(
            f"{model} cannot be written ({error.strerror or error}), nothing of it was left there. "
            "Make room or leave to write, or name another place with -o."
        ) from error


@contextmanager
def _replacing_both(model: Path) -> Iterator[Path]:
    card = card_path(model)
    with replacing(card) as new_card:
        old_card = card.read_bytes() if card.exists() else None
        try:
            with replacing(model) as new_model:
                yield new_model
                text = card_text(read_facts(new_model.read_bytes(), model.name))
                new_card.write_bytes(text.encode())
                card.unlink(missing_ok=True)
        except BaseException:
            if old_card is not None and _describes(old_card, model):
                write_bytes(card, old_card)
            raise


def _describes(card: bytes, model: Path) -> bool:
    return model.exists() and hashlib.sha256(model.read_bytes()).hexdigest().encode() in card
