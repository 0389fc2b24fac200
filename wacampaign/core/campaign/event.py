"""What was done to a campaign, by whom and why, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from wacampaign.core.masking import mask_secrets, mask_tokens
from wacampaign.core.words import counted, rows, short_id

#: The database's word for what happened → ours, where its own (without `_`) is none.
_WORDS: Final = {
    "accepted_twice": "accepted by Meta twice",
    "answer_without_row": "answer without a row",
    "completion_kept_back": "completion by another program kept back",
    "doubt_assumed_sent": "in doubt, counted as sent",
    "doubt_resent": "in doubt, sent once more",
    "filled": "contacts written",
    "in_doubt": "put in doubt",
    "kept_back": "change by another program kept back",
    "languages_planned": "languages written down",
    "message_id_twice": "one message id twice",
    "number_set": "marketing endpoint set",
    "probe_sent": "probes sent",
    "readied": "made ready",
    "released": "given back by a lost worker",
    "retried": "made ready again",
    "templates_taken": "templates taken as they are",
    "throughput": "throughput told",
    "told_by_meta": "told by Meta",
    "window": "sending hours set",
}
#: Fields of an event's detail that say more about why, with what stands before them.
_TOLD: Final = {
    "until": "until ",
    "pause_reason": "it was paused: ",
    "template": "template ",
    "codes": "code ",
    "version": "version ",
    "rate_per_second": "messages a second now: ",
}
#: Events whose `was` and `is` are a setting's.
_SETTINGS: Final = frozenset({"number_set", "messaging_limit", "messaging_limit_set", "throughput"})


def what_happened(kind: str) -> str:
    """`hold_lifted` → `hold lifted`."""
    return _WORDS.get(kind, kind.replace("_", " "))


def in_a_sentence(what: str, n: int | None, who: str, why: str | None) -> str:
    """`paused by asha@office: a wrong picture`; `n` rows where it is about rows."""
    subject = what if n is None else f"{what}, {rows(n)}"
    return f"{subject} by {who}{f': {why}' if why else ''}"


@dataclass(frozen=True, slots=True)
class CampaignEvent:
    """One entry of the record."""

    #: Its place in the record.
    n: int
    #: ISO 8601, UTC.
    at: str
    kind: str
    actor: str
    #: How many rows it concerned; None: it is not about rows.
    rows: int | None
    reason: str | None
    #: By kind.
    detail: Any
    #: False: it is about a number, a worker or an account, and not about this campaign alone.
    own: bool
    worker_id: str | None
    #: Of the worker or receiver; None: nobody wrote it down.
    host: str | None
    pid: str | None

    @property
    def what(self) -> str:
        """What happened."""
        return what_happened(self.kind)

    @property
    def who(self) -> str:
        """`asha@office`, `worker app1 pid 4121`, `database`, `meta`."""
        place = f" {self.host} pid {self.pid}" if self.host and self.pid else ""
        return self.actor + (place if self.actor in ("worker", "receiver") else "")

    def why(self, *, show_numbers: bool) -> str:
        """The reason and what else is known; phones are masked unless `show_numbers`."""
        mask = mask_tokens if show_numbers else mask_secrets
        return mask("; ".join(" ".join(part.split()) for part in self._reasons() if part))

    def _reasons(self) -> Iterator[str]:
        yield self.reason or ""
        if not isinstance(self.detail, Mapping):
            return
        detail: Mapping[str, Any] = self.detail
        if isinstance(repair := detail.get("repair"), str):
            yield f"repair {short_id(repair)}"
        if self.kind == "scheduled":
            yield f"for {detail.get('at')}"
        for name, before in _TOLD.items():
            value = detail.get(name)
            value = value[0] if isinstance(value, list) and len(value) == 1 else value
            if isinstance(value, str | int | float) and str(value) not in (self.reason or ""):
                yield f"{before}{value}"
        if isinstance(lifted := detail.get("holds_lifted"), int) and lifted:
            yield f"{counted(lifted, 'hold')} lifted"
        tried = detail.get("tried")
        if isinstance(tried, Mapping):
            yield "tried: " + ", ".join(f"{what} ({n})" for what, n in tried.items())
        if self.kind in _SETTINGS:
            yield from _changed(detail.get("was"), detail.get("is"))


def _changed(was: Any, now: Any) -> Iterator[str]:
    """What differs between two values of a setting."""
    if not (isinstance(was, Mapping) and isinstance(now, Mapping)):
        yield f"{_value(was)} before, {_value(now)} now"
        return
    for name, value in now.items():
        if was.get(name) != value and not name.endswith("_at"):
            before = _value(was.get(name))
            yield f"{name.replace('_', ' ')}: {before} before, {_value(value)} now"


def _value(value: Any) -> str:
    return "none" if value in (None, "") else str(value)
