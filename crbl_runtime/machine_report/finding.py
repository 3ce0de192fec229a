"""Something that is wrong, or could be better, and what mends it."""

from dataclasses import dataclass

# What a machine may be asked to be fit for.
PREDICT, TRAIN, EXPORT = "predict", "train", "export"
PURPOSES = (PREDICT, TRAIN, EXPORT)


@dataclass(frozen=True)
class Finding:
    """One of them.

    Attributes:
        about: what it is about, in a word or two. finding: a sentence or two.
        remedy: command lines in their order, or a sentence where no command does it.
        breaks: those of `PURPOSES` that do not work until it is mended; none where it is a remark.
    """

    about: str
    finding: str
    remedy: tuple[str, ...]
    breaks: tuple[str, ...] = ()


def install_command(extra: str) -> str:
    """The line of a remedy that installs the project with an extra of pyproject.toml."""
    return f'pip install ".[{extra}]"    (in the project\'s folder)'
