"""The updates in a webhook's body, as this program takes them (whatsapp-cloud-api, 6).

Any text in them is as Meta sent it, but for what no database takes: no NUL, no half characters.
Times are Meta's own, in whole seconds since 1970; None where there is none that can be read.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """What became of one message that went out."""

    wamid: str
    #: `sent`, `delivered`, `read`, `failed`, or a word that Meta has added since.
    status: str
    at: int | None = None
    phone_number_id: str | None = None
    #: The recipient's digits (`recipient_id`); with a hidden number there are none.
    recipient: str | None = None
    #: The recipient's business-scoped id (`recipient_user_id`).
    user_id: str | None = None
    #: `biz_opaque_callback_data`: of our messages, row and claim (`core.callback_data`).
    callback: str | None = None
    #: Of the first error of a failed message.
    code: int | None = None
    title: str | None = None
    #: `error_data.details`.
    details: str | None = None
    #: The whole object, pricing too.
    said: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A message that somebody wrote to one of our numbers."""

    wamid: str
    #: Meta's `type`: `text`, `button`, `interactive`, `image`, …
    kind: str
    at: int | None = None
    phone_number_id: str | None = None
    #: The writer's digits; None when the number is hidden.
    phone: str | None = None
    user_id: str | None = None
    #: As the writer calls himself (`contacts[].profile.name`).
    name: str | None = None
    #: What a person reads: text, button's or list row's title, caption, file name.
    text: str | None = None
    #: Of a button (`button.payload`, `button_reply.id`, `list_reply.id`).
    payload: str | None = None
    #: `context.id`: the message that this answers.
    context_id: str | None = None
    said: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Preference:
    """Somebody switched a kind of messages off or on (field `user_preferences`)."""

    #: `stop` or `resume`, or a word that Meta has added since.
    value: str
    category: str
    at: int | None = None
    phone_number_id: str | None = None
    phone: str | None = None
    user_id: str | None = None
    said: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class News:
    """A change of a template, number or account: every field but the three above."""

    #: Meta's name of it: `message_template_status_update`, `account_update`, …
    field: str
    #: `entry[].id`.
    waba_id: str
    at: int | None
    value: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Updates:
    """All that one body tells, kind by kind, each in the body's order."""

    inbound: tuple[InboundMessage, ...] = ()
    statuses: tuple[StatusUpdate, ...] = ()
    preferences: tuple[Preference, ...] = ()
    news: tuple[News, ...] = ()
    #: What could not be understood, in words: kept with the body, and no hindrance to the rest.
    faults: tuple[str, ...] = ()
