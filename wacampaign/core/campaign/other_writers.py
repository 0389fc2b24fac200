"""What other programs did to a campaign, or tried to. The guard has kept count."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wacampaign.core.words import local_clock, rows, were

#: Sentences of each kind: the latest; all are in the JSON.
SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class ForeignWrite:
    """What one program did, or tried, to rows of a campaign; times are ISO 8601."""

    who: str
    #: kept_back, completion_kept_back (both were not followed) or rows_deleted.
    kind: str
    rows: int
    times: int
    #: The state that the rows were to have, or had.
    tried: str
    last_at: str
    first_at: str

    @property
    def subject(self) -> str:
        """What makes two of them the same, as they go on."""
        return f"{self.who}: {self.tried}"

    @property
    def sentence(self) -> str:
        """What, how often, by whom, when last."""
        what = {
            "kept_back": f"{rows(self.rows)} kept as they are, not {self.tried}",
            "completion_kept_back": f"not completed, as {rows(self.rows)} {were(self.rows)} left",
            "rows_deleted": f"{rows(self.rows)} ({self.tried}) deleted",
        }[self.kind]
        times = f", {self.times:,} times" if self.times > 1 else ""
        return f"{what}: {self.who}{times}, last at {local_clock(self.last_at)}"


def kept_back(writes: Sequence[ForeignWrite]) -> list[ForeignWrite]:
    """What was not followed: attempts to send again, or to complete. The latest first."""
    return [write for write in writes if write.kind != "rows_deleted"][:SHOWN]


def deleted(writes: Sequence[ForeignWrite]) -> list[ForeignWrite]:
    """Deletions of rows, the latest first."""
    return [write for write in writes if write.kind == "rows_deleted"][:SHOWN]
