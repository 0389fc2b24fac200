"""Meta's webhook body taken apart (whatsapp-cloud-api, 6.1).

Absent arrays are absent, words and fields are added every year, and one update that cannot be
understood must not cost its neighbours: so nothing here raises, and what was left out is told.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from wacampaign.core.webhook.inbound import inbound_message, preference
from wacampaign.core.webhook.kept import ID_MOST, Keeper, id_of, moment, object_of, objects, text_of
from wacampaign.core.webhook.people import contacts_of
from wacampaign.core.webhook.statuses import status_update
from wacampaign.core.webhook.updates import (
    InboundMessage,
    News,
    Preference,
    StatusUpdate,
    Updates,
)

#: What Meta calls the product whose webhooks these are.
PRODUCT: Final = "whatsapp_business_account"
#: Sentences kept of one body: a body that is wrong throughout says the same a thousand times.
_FAULTS_MOST: Final = 50

_Update = TypeVar("_Update")
#: (object, phone number id, contacts, keeper) → the update, or why it is none.
_Reader = Callable[[dict[str, Any], str | None, list[Any], Keeper], _Update | str]


def updates_of(body: Any) -> Updates:
    """All updates of a body, any JSON value; never raises.

    An update that cannot be understood is left out and stands in `faults`, with its place in the
    body ("entry 1, change 2, status 3"), as does one that was too large and was cut.
    """
    found = _Found()
    if not isinstance(body, dict):
        found.fault("the body is no JSON object")
    elif body.get("object", PRODUCT) != PRODUCT:
        product = text_of(body.get("object"), 64)
        found.fault(f"a webhook of another product: {product!r} instead of {PRODUCT!r}")
    else:
        for place, entry in found.each(body, "entry", ""):
            for at_change, change in found.each(entry, "changes", f"{place}, "):
                found.take(change, entry, at_change)
    return found.updates()


@dataclass(slots=True)
class _Found:
    inbound: list[InboundMessage] = field(default_factory=list)
    statuses: list[StatusUpdate] = field(default_factory=list)
    preferences: list[Preference] = field(default_factory=list)
    news: list[News] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    #: Faults beyond those that are kept.
    more: int = 0

    def updates(self) -> Updates:
        if self.more:
            self.faults.append(f"and {self.more} more faults")
        return Updates(
            tuple(self.inbound),
            tuple(self.statuses),
            tuple(self.preferences),
            tuple(self.news),
            tuple(self.faults),
        )

    def fault(self, text: str) -> None:
        if len(self.faults) < _FAULTS_MOST:
            self.faults.append(text)
        else:
            self.more += 1

    def each(
        self, holder: dict[str, Any], name: str, before: str
    ) -> list[tuple[str, dict[str, Any]]]:
        """The objects of a list with the place of each, in words that count from 1."""
        word = _WORD[name]
        if name in holder and not isinstance(holder[name], list | dict):
            self.fault(f"{before}{name}: no list")
        found = []
        for n, element in enumerate(objects(holder.get(name)), 1):
            if isinstance(element, dict):
                found.append((f"{before}{word} {n}", element))
            else:
                self.fault(f"{before}{word} {n}: no object")
        return found

    def take(self, change: dict[str, Any], entry: dict[str, Any], place: str) -> None:
        value, name = object_of(change.get("value")), change.get("field", "messages")
        if name == "messages":
            self._messages(value, entry, place)
        elif name == "user_preferences":
            self._read(value, "user_preferences", preference, self.preferences, place)
        elif word := id_of(name):
            self._news(word, value, entry, place)
        else:
            self.fault(f"{place}: no field")

    def _messages(self, value: dict[str, Any], entry: dict[str, Any], place: str) -> None:
        self._read(value, "messages", inbound_message, self.inbound, place)
        self._read(value, "statuses", status_update, self.statuses, place)
        # Of the number as a whole: Meta's own example is 130429.
        if errors := objects(value.get("errors")):
            about = {"metadata": value.get("metadata"), "errors": errors}
            self._news("messages", about, entry, place)

    def _read(
        self,
        value: dict[str, Any],
        name: str,
        reader: _Reader[_Update],
        found: list[_Update],
        place: str,
    ) -> None:
        number_id = id_of(object_of(value.get("metadata")).get("phone_number_id"))
        contacts = contacts_of(value)
        for at, given in self.each(value, name, f"{place}, "):
            keeper = Keeper()
            update = reader(given, number_id, contacts, keeper)
            if isinstance(update, str):
                self.fault(f"{at}: {update}")
                continue
            found.append(update)
            if keeper.cut:
                self.fault(f"{at}: too large to be kept whole")

    def _news(self, name: str, value: dict[str, Any], entry: dict[str, Any], place: str) -> None:
        waba_id, keeper = id_of(entry.get("id")), Keeper()
        if waba_id is None:
            self.fault(f"{place}: no account id of 1 to {ID_MOST} characters")
            return
        self.news.append(News(name, waba_id, moment(entry.get("time")), keeper.kept(value)))
        if keeper.cut:
            self.fault(f"{place}: too large to be kept whole")


#: What one element of a list is called.
_WORD: Final = {
    "entry": "entry",
    "changes": "change",
    "messages": "message",
    "statuses": "status",
    "user_preferences": "preference",
}
