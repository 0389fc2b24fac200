"""Ids of queue rows whose order is the order of the list (UUID version 7, RFC 9562)."""

import os
import time
from collections.abc import Callable
from typing import Final

#: Bits of the counter: RFC 9562's rand_a (12) and the upper 30 of rand_b.
_COUNTER_BITS: Final = 42
#: Random bytes behind the counter in each id.
_RANDOM_BYTES: Final = 4


class RowIds:
    """Hands out ids, each greater than all before it, also when the clock is set back.

    An id is 48 bits of Unix milliseconds, a counter that begins at a random value and only rises,
    and 32 random bits. Rows are claimed in the order of their batch and then of their id, so a
    campaign is sent in the order of its list.
    """

    def __init__(self, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._clock_ns = clock_ns
        self._ms = 0
        # The upper half is left free: the counter never overflows.
        self._counter = int.from_bytes(os.urandom(8)) >> (64 - _COUNTER_BITS + 1)

    def take(self, count: int) -> list[str]:
        """The next `count` ids, rising."""
        self._ms = max(self._ms, self._clock_ns() // 1_000_000)
        time_part = f"{self._ms:012x}"
        time_part = f"{time_part[:8]}-{time_part[8:]}-7"
        tails = os.urandom(_RANDOM_BYTES * count).hex()
        width = 2 * _RANDOM_BYTES
        ids: list[str] = []
        for at in range(0, width * count, width):
            self._counter += 1
            high, low = self._counter >> 30, self._counter & 0x3FFF_FFFF
            # 10xx: the variant; 30 bits of the counter behind it, in 4 and 4 hex digits.
            middle = f"{0x8000_0000 | low:08x}"
            ids.append(f"{time_part}{high:03x}-{middle[:4]}-{middle[4:]}{tails[at : at + width]}")
        return ids
