"""Every error a user can meet, by kind. Each message names what was given, what was expected and what to do next."""


class CRBLError(Exception):
    """Base of all errors raised on purpose. `exit_code` is what the commands end with.

    1 means a mismatch to the program that called, so that no other error may have it.
    """

    exit_code = 3


class UsageError(CRBLError):
    """What was asked for does not fit together: a wrong file, option or combination."""

    exit_code = 2


class ModelFileError(UsageError):
    """A model file that is no CRBL model, is damaged, or has a contract this version does not know."""


class CheckpointError(UsageError):
    """A checkpoint that is missing, damaged, or of another variant than the one asked for."""


class UnavailableError(CRBLError):
    """A package, device or execution provider that the request needs is missing on this machine."""

    exit_code = 3


class OutputError(CRBLError):
    """A result that cannot be written: the disk is full or read-only, or something else is in the file's place."""

    exit_code = 3


class WrongResultsError(UnavailableError):
    """An execution provider that runs the model and computes something else than the model: its driver is wrong."""


class DeviceRemovedError(UnavailableError):
    """A graphics device that was there and is gone: unplugged, reset after a crash of its driver, or updated."""


class NotFiniteError(CRBLError):
    """A network that gave NaN or an infinite value where a decision was to be made: no result, and no mismatch."""

    exit_code = 2


class InputError(CRBLError):
    """Data that cannot be used: images, folders or tables."""

    exit_code = 4


class ImageError(InputError):
    """One image that cannot be decoded: unreadable, truncated, empty, hostile or of an unsupported type."""


class ImageReadError(ImageError):
    """An image whose bytes cannot be read: no such file, a folder, no permission, a file object that fails."""


class ImageDamagedError(ImageError):
    """An image that is empty, cut off or corrupt. A file that is still being written is so until it is whole."""


class ImageTooLargeError(ImageError):
    """An image of more pixels or bytes than the limit."""


class ImageKindError(ImageError):
    """An image of a format, mode, type or shape whose values could only be guessed at."""


class ImageValueError(ImageError):
    """An image with values beyond what they were said to be: the bit depth, or the scale of an array; or with NaN."""


class DataError(InputError):
    """A folder or CSV that cannot be trained or evaluated on."""


class ParityError(CRBLError):
    """A model file that does not decide as its PyTorch model does, or a comparison that compared nothing."""

    exit_code = 1


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or the name of its type where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
