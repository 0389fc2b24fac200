"""Meta's two sending limits: messages a second per number, and per (number, recipient) pair."""

from collections import deque

from wacampaign.sandbox.answers import Refusal

#: Messages a second of a number by its `throughput.level` (Meta, "Throughput").
MPS_OF_LEVEL = {"STANDARD": 80, "HIGH": 1000}
#: Share of the limit that is still accepted beyond it. Meta publishes none; the network alone moves
#: a perfectly paced sender's messages by a few per cent between neighbouring seconds.
DEFAULT_TOLERANCE = 0.05
#: Seconds between two messages to one user (Meta, "Pair rate limits").
PAIR_INTERVAL_S = 6.0
#: Messages that may go to one user within PAIR_INTERVAL_S by borrowing from the future.
PAIR_BURST = 45

RATE_LIMIT = Refusal(
    130429,
    "Message failed to send because there were too many messages sent from this phone "
    "number in a short period of time",
)
PAIR_LIMIT = Refusal(
    131056,
    "Message failed to send because there were too many messages sent from this phone "
    "number to the same phone number in a short period of time",
)


def rate_exceeded(accepted_in_last_second: int, mps: int | None, tolerance: float) -> bool:
    """Whether one more message would pass the number's limit. `mps` None means no limit.

    Only accepted messages count: Meta does not say that refused ones do.
    """
    return mps is not None and accepted_in_last_second + 1 > mps * (1.0 + tolerance)


class PairLimit:
    """The pair limit: up to 45 in 6 s, then silence until 6 s for each of them have passed."""

    __slots__ = ("_expiry", "_pairs")

    def __init__(self) -> None:
        #: (number, recipient): (monotonic start of the burst, messages in it).
        self._pairs: dict[tuple[str, str], tuple[float, int]] = {}
        #: The pairs in order of their start, to forget those that are free again.
        self._expiry: deque[tuple[float, tuple[str, str]]] = deque()

    def __len__(self) -> int:
        """Pairs that are remembered."""
        return len(self._pairs)

    def exceeded(self, number: str, recipient: str, now: float) -> bool:
        """Whether a message at `now` (monotonic seconds) would be one too many."""
        burst = self._pairs.get((number, recipient))
        if burst is None:
            return False
        start, count = burst
        if now >= start + count * PAIR_INTERVAL_S:
            return False
        return now >= start + PAIR_INTERVAL_S or count >= PAIR_BURST

    def accept(self, number: str, recipient: str, now: float) -> None:
        """Enter an accepted message."""
        pair = (number, recipient)
        burst = self._pairs.get(pair)
        if burst is not None and now < burst[0] + burst[1] * PAIR_INTERVAL_S:
            self._pairs[pair] = (burst[0], burst[1] + 1)
        else:
            self._pairs[pair] = (now, 1)
            self._expiry.append((now, pair))
        self._forget(now)

    def _forget(self, now: float) -> None:
        # Single messages are free after one interval. The few bursts go to the back of the queue
        # and end the round, so that a message never costs more than what has expired.
        while self._expiry and now >= self._expiry[0][0] + PAIR_INTERVAL_S:
            start, pair = self._expiry.popleft()
            burst = self._pairs.get(pair)
            if burst is None or burst[0] != start:
                continue
            if now >= start + burst[1] * PAIR_INTERVAL_S:
                del self._pairs[pair]
            else:
                self._expiry.append((start, pair))
                return
