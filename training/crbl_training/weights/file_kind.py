"""What a weights file is, told by what is in it: people's names for such files differ (.ckpt, .bin, .pth.tar)."""

import re
import zipfile
from enum import Enum
from pathlib import Path, PurePosixPath

from crbl_runtime.errors import CheckpointError

_START_BYTES = 512
_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
# The length of its header in 8 bytes, of which 4 are more than it needs, and the header, which is JSON:
# https://huggingface.co/docs/safetensors
_SAFETENSORS = re.compile(rb".{4}\0{4}\{", re.DOTALL)
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_FITTING = "Expected are weights of PyTorch (a saved state dict), safetensors, or Keras (.h5, .keras)."
_SAVE_WITH_KERAS = 'load it in Keras and use model.save_weights("backbone.weights.h5")'
# How other files begin, each with what to do about it.
_OTHERS = (
    (rb"version https://git-lfs", "the pointer that Git LFS keeps in place of a file: fetch it with git lfs pull"),
    (rb"(?i)\s*<(!doctype|html|\?xml|head)", "a web page: the download gave a page in place of the file"),
    (rb"\x1f\x8b", "a gzip archive: unpack it first"),
    (rb".{257}ustar", "a tar archive: unpack it first"),
    (rb"7z\xbc\xaf\x27\x1c|Rar!", "an archive: unpack it first"),
    (rb".{4}TFL3", "a TensorFlow Lite model, which starts no training"),
    # A protobuf whose first field is a small number, ir_version, followed by another field of ModelProto.
    (rb"\x08[\x03-\x1f][\x12\x1a\x22\x2a\x32\x3a\x42]", "an ONNX model, which starts no training"),
    (rb"\x08\x01\x12", f"a SavedModel of TensorFlow: {_SAVE_WITH_KERAS}"),
    (rb"model_checkpoint_path:", f"the index of TensorFlow checkpoints: {_SAVE_WITH_KERAS}"),
    (rb"\s*[\[{]", "a text file"),
)  # fmt: skip
# The last bytes of the .index file of a TensorFlow checkpoint, which is a LevelDB table.
_LEVELDB_END = bytes.fromhex("57fb808b247547db")


class FileKind(Enum):
    """The files that weights are read from."""

    PICKLE = "what torch.save wrote"
    SAFETENSORS = "safetensors"
    KERAS = "Keras"


def file_kind(path: Path) -> FileKind:
    """Which of the kinds a file is.

    Raises:
        CheckpointError: none of them; the message says what it is, as far as that can be seen.
    """
    with path.open("rb") as file:
        start = file.read(_START_BYTES)
    if start.startswith(_HDF5):
        return FileKind.KERAS
    if start.startswith(_ZIP):
        return _kind_of_zip(path)
    if _PICKLE.match(start):
        return FileKind.PICKLE
    if _SAFETENSORS.match(start):
        return FileKind.SAFETENSORS
    raise CheckpointError(f"{path} is {_description(path, start)}. {_FITTING}")


def _kind_of_zip(path: Path) -> FileKind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [PurePosixPath(name) for name in archive.namelist()]
    except zipfile.BadZipFile as error:
        raise CheckpointError(f"{path} is damaged: its end is missing ({error}). Copy or download it again.") from error
    ends = {name.name for name in names}
    if "model.weights.h5" in ends:
        return FileKind.KERAS
    if "constants.pkl" in ends:
        raise CheckpointError(
            f"{path} is a TorchScript archive, which holds a program. "
            f'Save its tensors alone: torch.save(torch.jit.load("{path.name}").state_dict(), "weights.pth").'
        )
    if "data.pkl" in ends:
        return FileKind.PICKLE
    raise CheckpointError(f"{path} is a zip archive that holds {', '.join(sorted(ends)[:4]) or 'nothing'}. {_FITTING}")


def _description(path: Path, start: bytes) -> str:
    if not start:
        return "empty: copy or download it again"
    for pattern, description in _OTHERS:
        if re.match(pattern, start, re.DOTALL):
            return description
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - len(_LEVELDB_END), 0))
        end = file.read()
    if end == _LEVELDB_END or re.search(r"\.data-\d{5}-of-\d{5}$", path.name):
        return f"a part of a TensorFlow checkpoint: {_SAVE_WITH_KERAS}"
    return "of an unknown kind, or damaged"
