"""Who is meant: phone digits, business-scoped ids, and the names of `contacts[]`.

From 2026 on a person may hide his number: `wa_id`, `from` and `recipient_id` are then missing or
empty, and the business-scoped id (BSUID) stands alone (whatsapp-cloud-api, 6.6).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from wacampaign.core.webhook.kept import id_of, object_of, objects, text_of

#: E.164 has up to 15 digits; some more in case.
_DIGITS: Final = re.compile(r"\+?([0-9]{5,20})")
#: Meta's form of a BSUID.
_USER_ID: Final = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[0-9A-Za-z]{1,128}")
#: Characters of a name; WhatsApp's have up to 25, those of businesses more.
_NAME_MOST: Final = 256


@dataclass(frozen=True, slots=True)
class Person:
    """Whom an update is about; what is not known of him is None."""

    phone: str | None = None
    user_id: str | None = None
    name: str | None = None


def digits_of(value: Any) -> str | None:
    """The digits of a phone number as Meta writes it; None for what is no number."""
    found = _DIGITS.fullmatch(id_of(value) or "")
    return found[1] if found else None


def person_of(number: Any, user_id: Any, contacts: Sequence[Any] = ()) -> Person:
    """The person of a number (or of a BSUID in its place), completed from `contacts[]`."""
    phone, scoped = digits_of(number), id_of(user_id)
    if scoped is None and phone is None and _USER_ID.fullmatch(id_of(number) or ""):
        scoped = id_of(number)
    contact = _contact(phone, scoped, contacts)
    profile = object_of(contact.get("profile"))
    name = text_of(profile.get("name"), _NAME_MOST) or text_of(profile.get("username"), _NAME_MOST)
    return Person(
        phone or digits_of(contact.get("wa_id")), scoped or id_of(contact.get("user_id")), name
    )


def _contact(phone: str | None, user_id: str | None, contacts: Sequence[Any]) -> dict[str, Any]:
    known = [contact for contact in contacts if isinstance(contact, dict)]
    for contact in known:
        if phone is not None and digits_of(contact.get("wa_id")) == phone:
            return contact
        if user_id is not None and id_of(contact.get("user_id")) == user_id:
            return contact
    nobody = phone is None and user_id is None
    return known[0] if nobody and len(known) == 1 else {}


def contacts_of(value: dict[str, Any]) -> list[Any]:
    """`contacts[]` of a change's value."""
    return objects(value.get("contacts"))
