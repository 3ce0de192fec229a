"""Seeds that follow from other numbers."""

import numpy as np


def derive_seed(*numbers: int) -> int:
    """A seed, 0 to 2^63 - 1, that is a function of the numbers (each 0 to 2^64 - 1) and of their order.

    numpy's SeedSequence mixes them: torch's CPU generator takes only the lower 32 bits of a seed, so that seeds made
    by adding and multiplying would repeat each other.
    """
    (state,) = np.random.SeedSequence(numbers).generate_state(1, np.uint64)
    return int(state) >> 1
