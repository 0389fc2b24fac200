"""`messages[]` and `user_preferences[]`: what people write and choose (whatsapp-cloud-api, 6.3)."""

from collections.abc import Callable
from typing import Any, Final

from wacampaign.core.webhook.kept import (
    ID_MOST,
    Keeper,
    id_of,
    moment,
    object_of,
    objects,
    text_of,
)
from wacampaign.core.webhook.people import person_of
from wacampaign.core.webhook.updates import InboundMessage, Preference
from wacampaign.core.words import counted

#: Characters of a message's type.
_KIND_MOST: Final = 64
#: The one category that Meta has preferences for (September 2026).
_MARKETING: Final = "marketing_messages"


def inbound_message(
    given: dict[str, Any], number_id: str | None, contacts: list[Any], keeper: Keeper
) -> InboundMessage | str:
    """One message; in words, why it is none."""
    wamid = id_of(given.get("id"))
    if wamid is None:
        return f"no message id of 1 to {ID_MOST} characters"
    kind = text_of(given.get("type"), _KIND_MOST) or "unknown"
    person = person_of(given.get("from"), given.get("from_user_id"), contacts)
    content = object_of(given.get(kind))
    read = _READ.get(kind)
    text, payload = read(content) if read else (None, None)
    context = object_of(given.get("context"))
    return InboundMessage(
        wamid=wamid,
        kind=kind,
        at=moment(given.get("timestamp")),
        phone_number_id=number_id,
        phone=person.phone,
        user_id=person.user_id,
        name=person.name,
        text=text or _cards(given) or _error(given),
        payload=payload,
        # A reaction is no answer, but it names the message that it is on.
        context_id=id_of(context.get("id")) or id_of(content.get("message_id")),
        said=keeper.kept(given),
    )


def preference(
    given: dict[str, Any], number_id: str | None, contacts: list[Any], keeper: Keeper
) -> Preference | str:
    """One preference; in words, why it is none."""
    value = text_of(given.get("value"), _KIND_MOST)
    person = person_of(given.get("wa_id"), given.get("user_id"), contacts)
    if value is None:
        return "no value such as stop or resume"
    if person.phone is None and person.user_id is None:
        return "nobody is named, by number or by id"
    return Preference(
        # Whatever the case: who is out by a word in capitals is out.
        value=value.lower(),
        category=(text_of(given.get("category"), _KIND_MOST) or _MARKETING).lower(),
        at=moment(given.get("timestamp")),
        phone_number_id=number_id,
        phone=person.phone,
        user_id=person.user_id,
        said=keeper.kept(given),
    )


#: What a person reads of a message, and a button's payload.
_Read = tuple[str | None, str | None]


def _field(name: str, payload: str | None = None) -> Callable[[dict[str, Any]], _Read]:
    def read(content: dict[str, Any]) -> _Read:
        return text_of(content.get(name)), text_of(content.get(payload)) if payload else None

    return read


def _button(content: dict[str, Any]) -> _Read:
    payload = text_of(content.get("payload"))
    return text_of(content.get("text")) or payload, payload


def _interactive(content: dict[str, Any]) -> _Read:
    for kind in ("button_reply", "list_reply"):
        reply = object_of(content.get(kind))
        if reply:
            return text_of(reply.get("title")), text_of(reply.get("id"))
    form = object_of(content.get("nfm_reply"))
    return text_of(form.get("body")) or text_of(form.get("name")), None


def _document(content: dict[str, Any]) -> _Read:
    return text_of(content.get("caption")) or text_of(content.get("filename")), None


def _location(content: dict[str, Any]) -> _Read:
    words = [text for key in ("name", "address") if (text := text_of(content.get(key)))]
    places = [content.get(key) for key in ("latitude", "longitude")]
    if not words and all(isinstance(place, int | float) for place in places):
        words = [f"{float(place):.5f}" for place in places if place is not None]
    return ", ".join(words) or None, None


def _order(content: dict[str, Any]) -> _Read:
    items = objects(content.get("product_items"))
    text = text_of(content.get("text"))
    return text or (f"order of {counted(len(items), 'product')}" if items else None), None


_READ: Final[dict[str, Callable[[dict[str, Any]], _Read]]] = {
    "text": _field("body"),
    "button": _button,
    "interactive": _interactive,
    "image": _field("caption"),
    "video": _field("caption"),
    "document": _document,
    "reaction": _field("emoji"),
    "location": _location,
    "order": _order,
    "system": _field("body"),
}


def _cards(given: dict[str, Any]) -> str | None:
    """The names on the contact cards of a message."""
    names = [
        text_of(object_of(object_of(card).get("name")).get("formatted_name"))
        for card in objects(given.get("contacts"))
    ]
    return text_of(", ".join(name for name in names if name))


def _error(given: dict[str, Any]) -> str | None:
    """What Meta says of a message that it could not pass on."""
    for error in objects(given.get("errors")):
        error = object_of(error)
        details = object_of(error.get("error_data")).get("details")
        if text := text_of(details) or text_of(error.get("title")):
            return text
    return None
