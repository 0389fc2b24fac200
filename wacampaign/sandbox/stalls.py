"""When the sandbox itself stood still: what arrived meanwhile is counted at its end, in a heap.

A busy machine gives it no core for a while. Who judges a pace by its times has to know that.
"""

import asyncio
import time
from collections import deque
from typing import Final

#: Seconds between two looks at the clock. Short beside the 12 ms between messages at 80/s.
_LOOK_S: Final = 0.005
#: Seconds from one look to the next that are a stall.
_STALL_S: Final = 0.015
#: Stalls that are kept: ten minutes of a machine that does nothing else.
_KEPT: Final = 40_000


class Stalls:
    """Spans in which the event loop did not turn, from the last look before to the first after."""

    def __init__(self) -> None:
        #: Unix seconds, the oldest first.
        self.spans: deque[tuple[float, float]] = deque(maxlen=_KEPT)

    async def watch(self) -> None:
        """Looks until it is cancelled."""
        last = time.time()
        while True:
            await asyncio.sleep(_LOOK_S)
            now = time.time()
            if now - last > _STALL_S:
                self.spans.append((last, now))
            last = now
