"""The seven counts of a campaign's rows."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Counts:
    """The seven disjoint counts of a campaign's rows, in the order in which a row meets them."""

    pending: int
    #: May go now.
    ready: int
    #: Ready, and waiting for the time of another try.
    retry_later: int
    #: Claimed by a worker that is believed alive.
    processing: int
    #: Was being sent when its worker or its answer was lost.
    in_doubt: int
    sent: int
    failed: int

    @property
    def unsent(self) -> int:
        """Rows that a worker still has to take."""
        return self.pending + self.ready + self.retry_later

    @property
    def undone(self) -> int:
        """Rows that are not over: to be taken, or taken."""
        return self.unsent + self.processing

    @property
    def total(self) -> int:
        """All rows."""
        return sum(self.by_name().values())

    @property
    def only_retries(self) -> bool:
        """Whether what is left waits for the time of another try."""
        return bool(self.retry_later) and not self.ready and not self.processing

    def by_name(self) -> dict[str, int]:
        """Each count with its name."""
        return asdict(self)
