"""Distributions that Python takes for installed, without any files of their own."""

from pathlib import Path


def add_distribution(name: str, version: str, folder: Path) -> None:
    """As pip notes down what it has installed."""
    metadata = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
