"""Files that are either the old ones or the new ones, whenever the process is killed."""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from crbl_runtime.errors import OutputError, first_line
from crbl_runtime.path_length import too_long

# What a trial writes: a file of nothing fits on a full disk.
BLOCK = bytes(4096)
# The ending of a file that is about to be replaced, while others of the same set are.
OLD = ".old"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block ends well, fsync it and rename it to `path`.

    When the block raises, the temporary file is removed and `path` stays as it was.

    Raises:
        OutputError: the folder of `path` cannot be written, the disk is full, or something else is in its place.
    """
    with _output_errors(path), _temporary(path) as temporary:
        yield temporary
        _sync(temporary)
        _require_file_or_nothing(path)
        temporary.replace(path)
        _sync_folder(path.parent)


@contextmanager
def replacing_together(folder: Path, always: str) -> Iterator[Path]:
    """Give an empty temporary folder in `folder`; when the block ends well, the files in it move to `folder`.

    They replace those of the same names, all of them or none: when the block raises, or one of them cannot be
    replaced, all stay as they were. A process that is killed meanwhile leaves the old file or the new one of the
    name `always`, and beside it only files of its own set, of which some may be missing.

    Args:
        folder: where the files go; made if it does not exist.
        always: the name of one of the files, which is in `folder` at any moment.

    Raises:
        OutputError: see `replacing`.
    """
    with _output_errors(folder):
        with _made_folder(folder):
            temporary = folder / f".{secrets.token_hex(8)}"
            temporary.mkdir()
        try:
            try:
                yield temporary
            except OutputError as error:  # It names a file by where it lies for now.
                raise OutputError(str(error).replace(str(temporary), str(folder))) from error
            _move_all(temporary, folder, always)
        finally:
            _clear(temporary)
        _sync_folder(folder)


def require_writable(*paths: Path) -> None:
    """Make sure that files can be written, before the work whose results they are to hold; leaves nothing behind.

    Raises:
        OutputError: naming the first that cannot: its folder cannot be made or written, the disk is full, it is a
            folder or a device, or it exists and is read-only or, on Windows, open in another program.
    """
    for path in paths:
        with _output_errors(path), _made_folder(path.parent, keep=False):
            _require_file_or_nothing(path)
            if path.exists():
                path.open("rb+").close()
            with _temporary(path) as temporary:
                temporary.write_bytes(BLOCK)
                _sync(temporary)


def remove_temporaries(path: Path) -> None:
    """Remove the temporary files that killed processes left beside `path`; no process may be writing it now."""
    for temporary in path.parent.glob(f".{path.stem}.*{path.suffix}"):
        temporary.unlink()


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` atomically. Raises OutputError, see `replacing`."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    r"""Write `content` to `path` atomically, UTF-8, with line ends as they are. Raises OutputError, see `replacing`.

    What UTF-8 lacks, in the names of files that are no UTF-8, is written as \uNNNN.
    """
    write_bytes(path, content.encode("utf-8", "backslashreplace"))


@contextmanager
def _output_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        remedy = "Make room, close it in other programs, get leave to write, or name another place."
        raise OutputError(
            f"{path} cannot be written ({error.strerror or first_line(error)}); nothing of it was left there. "
            f"{too_long(path, error) or remedy}"
        ) from error


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """A new file beside `path`, which is gone after the block."""
    with _made_folder(path.parent):
        temporary = path.parent / f".{path.stem}.{secrets.token_hex(8)}{path.suffix}"
        # Not by mkstemp, whose files only their owner may read: a result is as readable as any other new file.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def _made_folder(folder: Path, *, keep: bool = True) -> Iterator[None]:
    """Within the block `folder` exists; those made for it go again where the block raises, or without `keep`."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        for each in (folder, *folder.parents):
            if each.is_file():
                raise NotADirectoryError(None, f"{each} is a file and no folder")
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        keep = False
        raise
    finally:
        if not keep:
            _remove_empty(missing)


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        if folder.is_dir():
            if any(folder.iterdir()):
                return
            folder.rmdir()


def _require_file_or_nothing(path: Path) -> None:
    if path.is_dir():
        raise IsADirectoryError(None, "a folder of that name is in its place")
    if path.exists() and not path.is_file():
        raise OSError(None, "it is a device or a pipe, and results are written as files")


def _move_all(source: Path, target: Path, always: str) -> None:
    """Move all files of `source` to `target`.

    Other old files than `always` go before it is replaced, and the new ones come after: so no kill leaves a mixture.
    """
    others = sorted({path.name for path in source.iterdir()} - {always})
    for name in (always, *others):
        _require_file_or_nothing(target / name)
        _sync(source / name)
    with ExitStack() as undo:
        for name in others:
            if (target / name).exists():
                undo.callback(_rename(target / name, source / f"{name}{OLD}").replace, target / name)
        undo.callback(_replace(source / always, target / always))
        for name in others:
            undo.callback(_rename(source / name, target / name).unlink)
        undo.pop_all()
    for old in source.iterdir():
        old.unlink()


def _clear(folder: Path) -> None:
    """Remove a temporary folder, but not an old file that could not be put back."""
    for file in folder.iterdir():
        if not file.name.endswith(OLD):
            file.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()


def _replace(new: Path, target: Path) -> Callable[[], object]:
    """Rename `new` to `target`, which is there at any moment; gives what undoes it."""
    if not target.exists():
        return _rename(new, target).unlink
    copy = shutil.copyfile(target, new.with_name(f"{new.name}.copy"))
    _sync(copy)
    _rename(new, target)
    return partial(_rename(copy, new.with_name(f"{new.name}{OLD}")).replace, target)


def _rename(source: Path, target: Path) -> Path:
    source.replace(target)
    return target


def _sync(file: Path) -> None:
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows cannot open a folder for fsync; its rename is journalled.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
