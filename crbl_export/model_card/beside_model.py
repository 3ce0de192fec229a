"""A model file, its card and its parity report come together or not at all."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crbl_export.model_card.card import FIRST_LINE, card_text
from crbl_export.model_card.facts import REPORT_SUFFIX, read_facts
from crbl_runtime.atomic_file import replacing, write_bytes, write_text
from crbl_runtime.errors import UsageError

# How the JSON of a parity report begins.
REPORT_START = '{\n  "schema_version": '


def card_path(model: Path) -> Path:
    """Where the card of a model file lies: crop.md beside crop.onnx.

    Raises:
        UsageError: the model file itself would have that name.
    """
    if model.suffix.lower() == ".md":
        raise UsageError(f"{model} is the name of a model card. Name the model file, with .onnx.")
    return model.with_suffix(".md")


def report_path(model: Path) -> Path:
    """Where the parity report of a model file lies: crop.parity.json beside crop.onnx."""
    return model.with_suffix(REPORT_SUFFIX)


def require_free(model: Path, *, force: bool) -> None:
    """Make sure that a model file, its card and its report may be written.

    Raises:
        UsageError: one of them exists, and not `force`; or what would be replaced was not written by crbl-export.
    """
    card, report = card_path(model), report_path(model)
    if force:
        _require_own(card, FIRST_LINE, "model card")
        _require_own(report, REPORT_START, "parity report")
        return
    for path in (card, report):
        if path.exists():
            raise UsageError(
                f"{path} exists. Give another name with -o, or replace model, card and report with --force."
            )
    if model.exists():
        raise UsageError(
            f"{model} exists, without a card: an export that was ended at the last moment, or an older crbl. Give "
            "another name with -o, or export again with --force; the same checkpoint gives the same file."
        )


def _require_own(path: Path, start: str, kind: str) -> None:
    if path.exists() and not path.read_bytes().startswith(start.encode()):
        raise UsageError(f"{path} is no {kind} of crbl-export, so not even --force replaces it. Rename it.")


@contextmanager
def replacing_with_card(model: Path) -> Iterator[tuple[Path, Path]]:
    """Give temporary paths for a model file and its report; when the block ends well, they get their names.

    The model file is named first, and the card, which is made here, last. Whenever the process is killed, neither a
    card nor a report lies beside a model file that it does not describe: at worst there is none. When anything raises,
    an old file keeps its old card and report.

    Raises:
        OutputError: the disk is full or read-only, or `model` or a folder above it cannot be what it must be.
        ModelFileError: the block wrote no CRBL model.
    """
    card, report = card_path(model), report_path(model)
    with replacing(card) as new_card, replacing(report) as new_report:
        old = {path: path.read_bytes() for path in (card, report) if path.exists()}
        try:
            with replacing(model) as new_model:
                yield new_model, new_report
                text = card_text(read_facts(new_model.read_bytes(), model.name))
                write_text(new_card, text)
                for path in old:
                    path.unlink()
        except BaseException:
            _put_back(old, model)
            raise


def _put_back(old: dict[Path, bytes], model: Path) -> None:
    """Write those cards and reports again that are about the model file that is there."""
    if not model.is_file():
        return
    sha256 = hashlib.sha256(model.read_bytes()).hexdigest().encode()
    for path, content in old.items():
        if sha256 in content:
            write_bytes(path, content)
