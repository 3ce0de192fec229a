"""An adapter by its name."""

from collections.abc import Sequence

from crbl_runtime.adapters.adapter import Adapter
from crbl_runtime.errors import UnavailableError, UsageError


def adapter_named(part: str, kind: str, found: Sequence[Adapter]) -> Adapter:
    """The one adapter of a kind that has this in its name, in any case of letters.

    A name that is given in full means that adapter alone, also where another one's begins with it; of several that are
    left, one that alone can be used is taken.

    Args:
        part: of the name. kind: "directml" or "cuda". found: what `adapters` gave.

    Raises:
        UsageError: the part is empty.
        UnavailableError: no adapter, or more than one, is called so, or it cannot be used.
    """
    wanted = part.strip().casefold()
    if not wanted:
        raise UsageError("The adapter's name is empty, expected a part of it, such as 'Radeon'.")
    of_kind = [adapter for adapter in found if adapter.kind == kind]
    if not of_kind:
        raise UnavailableError(f"There is no adapter for {kind}, and {part!r} was asked for. crbl-doctor prints why.")
    matching = [adapter for adapter in of_kind if wanted in adapter.name.casefold()]
    if not matching:
        raise UnavailableError(
            f"No adapter for {kind} has {part!r} in its name. There are: {_described(of_kind)}. Give a part of one of "
            "these names."
        )
    matching = [adapter for adapter in matching if adapter.name.casefold() == wanted] or matching
    usable = [adapter for adapter in matching if adapter.reason is None]
    if not usable:
        raise UnavailableError(f"The adapter {_described(matching)} cannot be used for {kind}: {matching[0].reason}.")
    if len(usable) > 1:
        raise UnavailableError(
            f"{len(usable)} adapters for {kind} have {part!r} in their names: {_described(usable)}. Give more of the "
            "name, or the number as device_index."
        )
    return usable[0]


def _described(found: Sequence[Adapter]) -> str:
    return ", ".join(f"{adapter.index} {adapter.name!r}" for adapter in found)
