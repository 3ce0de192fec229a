"""The hash that a file carries of itself."""

import pytest

from crbl_runtime.errors import ModelFileError
from crbl_runtime.payload import UNKNOWN_SHA256, check_payload, with_payload_sha256

UNHASHED = (
    b'weights, {"labels": ["a", "b"], "payload_sha256": "' + UNKNOWN_SHA256.encode() + b'", "threshold": 0.5}, more'
)


def test_the_hash_is_that_of_the_file_with_zeros_in_its_place() -> None:
    content = with_payload_sha256(UNHASHED)
    recorded = check_payload(content, "file")
    assert recorded is not None
    assert content == UNHASHED.replace(UNKNOWN_SHA256.encode(), recorded.encode())
    assert with_payload_sha256(content) == content


def test_every_changed_byte_is_noticed_or_leaves_no_hash() -> None:
    content = with_payload_sha256(UNHASHED)
    name = range(content.index(b'"payload'), content.index(b'": "') + 4)
    for place in range(len(content)):
        changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        if place in name:
            assert check_payload(changed, "file") is None
            continue
        with pytest.raises(ModelFileError, match="damaged or was changed"):
            check_payload(changed, "file")


@pytest.mark.parametrize("cut", [1, 30, 90])
def test_a_file_that_was_cut_is_damaged(cut: int) -> None:
    with pytest.raises(ModelFileError, match="damaged"):
        check_payload(with_payload_sha256(UNHASHED)[:-cut], "file")


def test_a_file_with_two_hashes_is_refused() -> None:
    with pytest.raises(ModelFileError, match="2 hashes"):
        check_payload(with_payload_sha256(UNHASHED) + UNHASHED, "file")


def test_a_file_without_the_field_gets_no_hash() -> None:
    with pytest.raises(ModelFileError, match="Export the model again"):
        with_payload_sha256(b"no field")
