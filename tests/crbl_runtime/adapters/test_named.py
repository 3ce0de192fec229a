"""An adapter by a part of its name."""

import pytest

from crbl_runtime.adapters import Adapter, adapter_named
from crbl_runtime.errors import UnavailableError, UsageError

RADEON = Adapter("directml", 0, "AMD Radeon RX 7800 XT", "32.0.12033.1030", None)
RTX = Adapter("directml", 1, "NVIDIA GeForce RTX 4060", "32.0.15.6094", None)
RTX_TI = Adapter("directml", 2, "NVIDIA GeForce RTX 4060 Ti", "32.0.15.6094", None)
BASIC = Adapter("directml", 3, "Microsoft Basic Render Driver", None, "computed in software")
CUDA = Adapter("cuda", 0, "NVIDIA GeForce RTX 4060", "560.94", None)
FOUND = (RADEON, RTX, RTX_TI, BASIC, CUDA)


@pytest.mark.parametrize(
    ("part", "kind", "expected"),
    [
        ("radeon", "directml", RADEON),
        (" 7800 ", "directml", RADEON),
        ("4060 TI", "directml", RTX_TI),
        # In full it means that card alone, though the other one's name begins with it.
        ("nvidia geforce rtx 4060", "directml", RTX),
        ("4060", "cuda", CUDA),
    ],
)
def test_a_part_of_the_name_in_any_case_is_enough(part: str, kind: str, expected: Adapter) -> None:
    assert adapter_named(part, kind, FOUND) == expected


def test_a_name_that_several_have_is_told_with_their_numbers() -> None:
    with pytest.raises(
        UnavailableError, match=r"2 adapters for directml .* 1 'NVIDIA GeForce RTX 4060', 2 '.*Ti'.*device_index"
    ):
        adapter_named("4060", "directml", FOUND)
    twins = (RADEON, Adapter("directml", 1, RADEON.name, RADEON.driver, None))
    with pytest.raises(UnavailableError, match="2 adapters"):
        adapter_named(RADEON.name, "directml", twins)


def test_of_two_with_one_name_the_one_that_works_is_taken() -> None:
    broken = Adapter("directml", 0, RADEON.name, RADEON.driver, "without DirectX 12 (887A0004)")
    works = Adapter("directml", 1, RADEON.name, RADEON.driver, None)
    assert adapter_named("radeon", "directml", (broken, works)) == works


def test_a_name_that_none_has_is_told_with_all_names_of_its_kind() -> None:
    with pytest.raises(
        UnavailableError, match=r"No adapter for cuda has 'Radeon' .* 0 'NVIDIA GeForce RTX 4060'"
    ) as told:
        adapter_named("Radeon", "cuda", FOUND)
    assert "RX 7800" not in str(told.value)
    with pytest.raises(UnavailableError, match=r"no adapter for cuda.*crbl-doctor"):
        adapter_named("Radeon", "cuda", (RADEON,))


def test_one_that_cannot_be_used_is_refused_with_the_reason() -> None:
    with pytest.raises(
        UnavailableError, match="Basic Render Driver' cannot be used for directml: computed in software"
    ):
        adapter_named("basic", "directml", FOUND)


@pytest.mark.parametrize("part", ["", "  "])
def test_an_empty_name_is_wrong_usage(part: str) -> None:
    with pytest.raises(UsageError, match="empty"):
        adapter_named(part, "directml", FOUND)
