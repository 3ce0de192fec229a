"""How a missing package is installed, for messages."""


def how_to_install(extra: str = "") -> str:
    """A sentence that tells how to install the project with an extra of pyproject.toml, or with none."""
    target = f'".[{extra}]"' if extra else "."
    return f"In the project's folder, install it with: pip install {target}, or: python setup_directml.py install"
