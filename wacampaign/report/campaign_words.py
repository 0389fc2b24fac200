"""The words of the report for a client: what each figure is called, and how it is counted."""

from datetime import datetime
from typing import Final

from wacampaign.report.document import NO_BREAK, Series
from wacampaign.report.pace import moment
from wacampaign.report.wording import NOTHING, share

SENT: Final = Series("sent", "Sent")
DELIVERED: Final = Series("delivered", "Delivered")
READ: Final = Series("read", "Read")
UNDELIVERED: Final = Series("undelivered", "Not delivered")

#: The disjoint fates, by their names in `Fates`; `unread` is what is delivered and not read.
FATES: Final = {
    "read": Series("read", "Delivered and read"),
    "unread": Series("delivered", "Delivered, not read as far as known"),
    "held": Series("held", "Sent, held back by WhatsApp for now"),
    "silent": Series("silent", "Sent, nothing heard since"),
    "undelivered": Series("undelivered", "Sent, not delivered"),
    "refused": Series("refused", "Not sent: refused"),
    "left_out": Series("left_out", "Not sent: opted out, or rests"),
    "in_doubt": Series("in_doubt", "Not known whether it was sent"),
    "waiting": Series("waiting", "Not sent yet"),
}
#: What is left when nothing more is sent.
NEVER_SENT: Final = Series("waiting", "Not sent: the campaign had ended")

#: A figure, and how it is counted.
DEFINITIONS: Final = (
    ("Recipients", "the entries of the list that were taken into the campaign"),
    ("Sent", "WhatsApp accepted the message, whatever became of it afterwards"),
    (
        "Delivered",
        "WhatsApp told that the message arrived on a device, or that it was read there",
    ),
    (
        "Read",
        "WhatsApp told that it was opened. Whoever has switched off read receipts is not "
        "among them, so the real number is higher",
    ),
    ("Replied", "people who wrote back to the number after the campaign's message"),
    ("Not delivered", "accepted first, and then WhatsApp told that it could not deliver it"),
    (
        "Opted out, or rests",
        "the person has asked for no more marketing, or WhatsApp for a pause of it: nothing was "
        "sent. The figure at the top counts those who asked when they had got this campaign",
    ),
    ("Refused", "WhatsApp did not accept the message, or it did not fit its template"),
)

#: Meta's words for what it charges, in ours.
PRICE_TYPES: Final = {
    "regular": "regular",
    "free_customer_service": "free: in an open conversation",
    "free_entry_point": "free: the person came by an ad or a link",
}


def percent(part: int, whole: int) -> str:
    """`90.7 %`, and for what is nearly none or all `under 0.1 %`, `over 99.9 %`.

    No line breaks before the sign.
    """
    text = share(part, whole).replace("< ", "under ").replace("> ", "over ")
    return text.replace(" %", f"{NO_BREAK}%")


def local(at: str | None) -> str:
    """`10 Nov 2025, 18:05` in the zone of this machine; what is no time is a dash."""
    known = moment(at)
    return NOTHING if known is None else day_and_clock(known.astimezone())


def day_and_clock(at: datetime) -> str:
    """`10 Nov 2025, 18:05`."""
    return f"{at.day} {at:%b %Y, %H:%M}"


def local_span(begin: str | None, end: str | None) -> str:
    """`10 Nov 2025, 18:05 to 18:22`; with the second day when it is another."""
    first, last = moment(begin), moment(end)
    if first is None or last is None:
        return local(begin or end)
    first, last = first.astimezone(), last.astimezone()
    clock = f"{last:%H:%M}"
    if first.date() != last.date():
        return f"{day_and_clock(first)} to {day_and_clock(last)}"
    return day_and_clock(first) + ("" if f"{first:%H:%M}" == clock else f" to {clock}")


def zone_of(at: str) -> str:
    """`IST (UTC+05:30)`: the zone of this machine at that time; `UTC` alone for that."""
    known = (moment(at) or datetime.now()).astimezone()
    offset = f"UTC{known:%z}"
    offset = f"{offset[:-2]}:{offset[-2:]}"
    name = f"{known:%Z}"
    if offset == "UTC+00:00" and name in ("UTC", "GMT", ""):
        return "UTC"
    return f"{name} ({offset})" if name and name[0] not in "+-" else offset
