"""Scripted faults: which messages they meet, how often, and what then happens."""

import random
from dataclasses import dataclass, field
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from wacampaign.sandbox.state import Message
from wacampaign.sandbox.webhook_settings import STATUSES

Action = Literal[
    "error", "slow", "drop_answer", "reset", "http_5xx", "gateway", "hang", "fail_later", "hold"
]
ACTIONS: tuple[str, ...] = get_args(Action)
#: What a gateway writes: a page, an API gateway's JSON, or its own error in Graph's shape.
Wording = Literal["html", "json", "graph"]
WORDINGS: tuple[str, ...] = get_args(Wording)


@dataclass(slots=True)
class Fault:
    """One scripted fault. It stays until it is removed.

    Conditions left at None match every message; `media_host` is a part of the host of the
    header's link. Of the matching messages, the fault is applied to each `every`-th, with
    `probability` (drawn from `seed`), at most `times` times.

    Actions:

    * ``error``: answer `code` with `details`; nothing is accepted.
    * ``slow``: answer `extra_ms` milliseconds later; other faults may follow.
    * ``drop_answer``: accept, then close the connection without an answer.
    * ``reset``: reset the connection; nothing is accepted.
    * ``http_5xx``: answer HTTP `status` with an HTML body; accept when `accept` is true.
    * ``gateway``: accept, then a gateway answers in Meta's place: HTTP `status` (300 to 599) in the
      words of `wording` (``html``, ``json``, ``graph``), without any mark of Meta's.
    * ``hang``: never answer; accept when `accept` is true.
    * ``fail_later``: accept and answer 200; the webhook says `failed` with `code`, after the
      statuses in `before` (none by itself; with `delivered` among them the two contradict each
      other, as Meta's sometimes do).
    * ``hold``: accept, answer that it is held for quality assessment, and send no status until the
      control API releases or drops what is held (`held`).
    """

    action: Action
    id: int = 0
    phone_number_id: str | None = None
    template: str | None = None
    media_host: str | None = None
    recipient: str | None = None
    code: int = 131000
    details: str = ""
    extra_ms: float = 0.0
    status: int = 502
    wording: Wording = "html"
    accept: bool = False
    before: tuple[str, ...] = ()
    every: int = 1
    times: int | None = None
    probability: float = 1.0
    seed: int = 0
    matched: int = 0
    applied: int = 0
    _dice: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"action must be one of {', '.join(ACTIONS)}")
        for name in ("code", "extra_ms", "status", "every", "probability", "seed"):
            if not isinstance(getattr(self, name), int | float):
                raise ValueError(f"{name} must be a number")
        if self.times is not None and not isinstance(self.times, int):
            raise ValueError("times must be a whole number, or null for no end")
        for name in ("phone_number_id", "template", "media_host", "recipient"):
            if not isinstance(getattr(self, name), str | None):
                raise ValueError(f"{name} must be a string")
        if self.every < 1:
            raise ValueError("every must be 1 or more")
        if not 0.0 <= self.probability <= 1.0:
            raise ValueError("probability must lie between 0 and 1")
        least = 300 if self.action == "gateway" else 500
        if not least <= self.status <= 599:
            raise ValueError(f"status must lie between {least} and 599")
        if self.wording not in WORDINGS:
            raise ValueError(f"wording must be one of {', '.join(WORDINGS)}")
        if self.accept and self.action not in ("http_5xx", "hang"):
            raise ValueError("accept belongs to http_5xx and hang")
        self.before = tuple(self.before)
        if not set(self.before) <= set(STATUSES):
            raise ValueError(f"before takes statuses among {', '.join(STATUSES)}")
        if self.before and self.action != "fail_later":
            raise ValueError("before belongs to fail_later")
        if self.recipient is not None:
            self.recipient = "".join(ch for ch in self.recipient if ch.isdigit())
        self._dice = random.Random(self.seed)

    def strikes(self, message: Message) -> bool:
        """Whether the fault meets this message; counts the match."""
        link = message.link
        if (
            self.phone_number_id not in (None, message.number.id)
            or self.template not in (None, message.template[0])
            or self.recipient not in (None, message.recipient)
        ):
            return False
        if self.media_host is not None and (
            link is None or self.media_host not in (urlsplit(link).hostname or "")
        ):
            return False
        if self.times is not None and self.applied >= self.times:
            return False
        self.matched += 1
        if self.matched % self.every:
            return False
        if self.probability < 1.0 and self._dice.random() >= self.probability:
            return False
        self.applied += 1
        return True

    def shown(self) -> dict[str, Any]:
        """The fault as the control API shows it."""
        names = [name for name in self.__dataclass_fields__ if not name.startswith("_")]
        return {name: getattr(self, name) for name in names}


class FaultScript:
    """The faults in the order they were added: the first that strikes decides, `slow` adds up."""

    def __init__(self) -> None:
        self.in_force: dict[int, Fault] = {}
        #: Those of situations: they come after the scripted ones, and end with their situation.
        self.of_situations: dict[int, Fault] = {}
        self._last_id = 0
        #: Strikes since the last reset, of all faults, removed ones included.
        self.applied = 0

    def add(self, description: dict[str, Any], *, of_situation: bool = False) -> Fault:
        """Add a fault from its JSON description. ValueError or TypeError when it is wrong."""
        if {"id", "matched", "applied"} & description.keys():
            raise ValueError("id, matched and applied are set by the sandbox")
        fault = Fault(**description)
        self._last_id += 1
        fault.id = self._last_id
        (self.of_situations if of_situation else self.in_force)[fault.id] = fault
        return fault

    def strike(self, message: Message) -> tuple[Fault | None, float]:
        """The fault that decides what happens to this message, and all the slowness, in ms."""
        extra_ms = 0.0
        for fault in (*self.in_force.values(), *self.of_situations.values()):
            if fault.strikes(message):
                self.applied += 1
                if fault.action != "slow":
                    return fault, extra_ms
                extra_ms += fault.extra_ms
        return None, extra_ms
