"""What people do in the sandbox: they write, tap buttons, switch marketing messages off and on.

Shapes: whatsapp-cloud-api, 6.3 and 6.6; Meta's webhook references (May 2026).
"""

import itertools
import secrets
import time
from dataclasses import dataclass
from typing import Any

from wacampaign.sandbox.demo import DEMO_PHONE_NUMBER_ID, DEMO_WABA_ID
from wacampaign.sandbox.state import Account
from wacampaign.sandbox.webhook_bodies import Update

#: What `type` may be without `content`: what the message then has under that name.
_SIMPLE = ("text", "button", "interactive")
_PREFERENCES = ("stop", "resume")


@dataclass(frozen=True, slots=True)
class _Place:
    """Which number of which account something reaches, who does it, and when."""

    waba_id: str
    metadata: dict[str, str]
    phone: str | None
    user_id: str | None
    contact: dict[str, Any]
    at: int


class People:
    """Makes updates of what the control API says that somebody did."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._wamid = f"wamid.HBgU{secrets.token_hex(8).upper()}"
        self._numbers = itertools.count()

    def writes(self, given: dict[str, Any]) -> Update:
        """A message to a number of ours.

        `from`: digits, absent for a hidden number; `user_id`, `name`, `phone_number_id` (also one
        that the account does not have), `at` (Unix seconds, now by itself), `id`; `context_id`:
        the message that it answers. `type`: `text` (by itself) with `text`; `button`, a tap on a
        template, with `text` and `payload`; `interactive`, a tap on a list or buttons, alike; any
        other of Meta's with its `content`.
        """
        given = dict(given)
        place = self._place(given)
        kind = str(given.pop("type", "text"))
        text, payload = given.pop("text", None), given.pop("payload", None)
        content = given.pop("content", None)
        wamid = given.pop("id", None) or f"{self._wamid}{next(self._numbers):010d}"
        context_id = given.pop("context_id", None)
        _nothing_left(given)
        if content is None and kind not in _SIMPLE:
            raise ValueError(f"a message of type {kind} needs its content")
        said: dict[str, Any] = {"id": wamid, "timestamp": str(place.at), "type": kind}
        if place.phone is not None:
            said["from"] = place.phone
        if place.user_id is not None:
            said["from_user_id"] = place.user_id
        if context_id is not None:
            sender = place.metadata["display_phone_number"]
            said["context"] = {"from": sender, "id": context_id}
        said[kind] = content if content is not None else _content(kind, text, payload)
        return Update(
            place.waba_id, "messages", place.at, "messages", said, place.metadata, place.contact
        )

    def prefers(self, given: dict[str, Any]) -> Update:
        """Marketing messages switched off or on: `value` is stop or resume. Else as `writes`."""
        given = dict(given)
        place = self._place(given)
        value = given.pop("value")
        _nothing_left(given)
        if value not in _PREFERENCES:
            raise ValueError(f"value must be one of {', '.join(_PREFERENCES)}")
        said: dict[str, Any] = {
            "detail": f"User requested to {value} marketing messages",
            "category": "marketing_messages",
            "value": value,
            "timestamp": place.at,
        }
        if place.phone is not None:
            said["wa_id"] = place.phone
        if place.user_id is not None:
            said["user_id"] = place.user_id
        field = "user_preferences"
        return Update(place.waba_id, field, place.at, field, said, place.metadata, place.contact)

    def _place(self, given: dict[str, Any]) -> _Place:
        number_id = str(given.pop("phone_number_id", DEMO_PHONE_NUMBER_ID))
        phone, user_id = given.pop("from", None), given.pop("user_id", None)
        name = given.pop("name", None)
        at = given.pop("at", None)
        if phone is None and user_id is None:
            raise ValueError("somebody must be named: from (digits), or user_id")
        number = self._account.numbers.get(number_id)
        contact: dict[str, Any] = {"profile": {"name": name} if name else {}}
        if phone is not None:
            phone = contact["wa_id"] = "".join(ch for ch in str(phone) if ch.isdigit())
        if user_id is not None:
            contact["user_id"] = user_id
        return _Place(
            number.waba_id if number else str(given.pop("waba_id", DEMO_WABA_ID)),
            number.metadata
            if number
            else {"display_phone_number": "", "phone_number_id": number_id},
            phone,
            user_id,
            contact,
            int(time.time()) if at is None else int(at),
        )


def _content(kind: str, text: Any, payload: Any) -> dict[str, Any]:
    if not isinstance(text, str) or not text:
        raise ValueError(f"a message of type {kind} needs its text")
    if kind == "text":
        return {"body": text}
    if kind == "button":
        return {"text": text, "payload": text if payload is None else payload}
    reply = {"id": text if payload is None else payload, "title": text}
    return {"type": "button_reply", "button_reply": reply}


def _nothing_left(given: dict[str, Any]) -> None:
    if given:
        raise ValueError(f"unknown: {', '.join(sorted(given))}")
