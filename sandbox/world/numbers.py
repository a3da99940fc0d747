"""Numbers with a check digit, vectorised."""

import numpy as np
from numpy.typing import NDArray

_WEIGHTS = np.array([31, 29, 23, 19, 17, 13, 7, 5, 3], dtype=np.int64)


def tax_codes(count: int, *, first_serial: int, rng: np.random.Generator) -> list[str]:
    """`count` different valid ten-digit tax codes, in random order.

    Digit ten is 10 − (Σ weight × digit mod 11); a serial whose sum is a multiple of 11 has no valid code, nor has
    the serial 0000000 of an office.
    `first_serial` is the nine-digit number the block begins at.
    """
    serials = np.arange(first_serial, first_serial + count + count // 8 + 16, dtype=np.int64)
    remainders = _check_sums(serials) % 11
    is_valid = (remainders != 0) & (serials % 10_000_000 != 0)
    codes = (serials * 10 + 10 - remainders)[is_valid][:count]
    shuffled = rng.permutation(codes)
    return [f"{code:010d}" for code in shuffled.tolist()]


def _check_sums(serials: NDArray[np.int64]) -> NDArray[np.int64]:
    powers = 10 ** np.arange(8, -1, -1, dtype=np.int64)
    digits = serials[:, None] // powers % 10
    total: NDArray[np.int64] = (digits * _WEIGHTS).sum(axis=1)
    return total
