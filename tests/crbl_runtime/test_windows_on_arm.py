"""A Python for arm64, and one for x64 that is emulated there, are told what they can have; all others nothing."""

import pytest

from crbl_runtime.windows_on_arm import AS_ON_X64, FOR_ARM64, FROM_3_12, about_processor


@pytest.mark.parametrize(
    ("built_for", "machine", "identifier", "python", "expected"),
    [
        ("win-arm64", "ARM64", "ARMv8 (64-bit) Family 8", (3, 12), FOR_ARM64),
        ("win-amd64", "AMD64", "ARMv8 (64-bit) Family 8", (3, 11), AS_ON_X64),
        ("win-amd64", "ARM64", "", (3, 13), FROM_3_12),
        ("win-amd64", "AMD64", "AMD64 Family 25 Model 33", (3, 12), None),
        ("linux-aarch64", "aarch64", "", (3, 12), None),
        ("macosx-14.0-arm64", "arm64", "", (3, 12), None),
    ],
)
def test_what_is_said(
    built_for: str, machine: str, identifier: str, python: tuple[int, int], expected: str | None
) -> None:
    said = about_processor(built_for, machine, identifier, python)
    assert said is None if expected is None else said is not None and expected in said
