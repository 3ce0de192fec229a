"""The newest checkpoint of a variant, where none is named."""

from pathlib import Path

from crbl_runtime.errors import CheckpointError


def newest_checkpoint(variant: str, folder: Path) -> Path:
    """The most recently written CRBL_*_VARIANT.safetensors in `folder` or below its `runs`.

    Raises:
        CheckpointError: there is none.
    """
    pattern = f"CRBL_*_{variant}.safetensors"
    found = [*folder.glob(pattern), *(folder / "runs").rglob(pattern)]
    if not found:
        raise CheckpointError(
            f"There is no {pattern} in {folder} or below {folder / 'runs'}. "
            f"Name one with --checkpoint, or train one: crbl-train --variant {variant} --data DIR"
        )
    return max(found, key=lambda path: (path.stat().st_mtime_ns, path.name))
