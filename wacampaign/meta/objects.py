"""What the Cloud API says of templates, numbers and their health, as plain values.

Meta adds words every year, so every state is kept as the text it came as, and a field that is
missing or of an unexpected type becomes its empty value rather than an error. Source of names
and shapes: whatsapp-cloud-api.md, sections 2.1, 2.3, 2.8, 5.1 and 5.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

#: `fields=` for templates. All are in Meta's reference; more would only make pages slower.
TEMPLATE_FIELDS: Final = (
    "id,name,language,status,category,components,parameter_format,"
    "quality_score,rejected_reason,last_updated_time"
)

#: `fields=` for a number.
NUMBER_FIELDS: Final = (
    "id,display_phone_number,verified_name,status,quality_rating,code_verification_status,"
    "name_status,account_mode,throughput,health_status,whatsapp_business_manager_messaging_limit"
)


@dataclass(frozen=True, slots=True)
class Template:
    """One translation of a message template in one WhatsApp Business account."""

    id: str
    name: str
    #: Code as Meta writes it, such as `en_GB`: sends need exactly this.
    language: str
    #: Only `APPROVED` can be sent.
    status: str
    category: str
    #: As Meta gives them: `type`, `format`, `text`, `buttons`, `example`, …
    components: tuple[dict[str, Any], ...]
    #: `POSITIONAL` (also when Meta says nothing) or `NAMED`.
    parameter_format: str
    #: `GREEN`, `YELLOW`, `RED`, `UNKNOWN`, or None.
    quality: str | None
    #: None also for Meta's `NONE`.
    rejected_reason: str | None
    #: As Meta gives it; changes whenever the template does.
    last_updated_time: str | None


@dataclass(frozen=True, slots=True)
class HealthError:
    """One reason why an entity cannot send, in Meta's words."""

    code: int | None
    description: str
    solution: str


@dataclass(frozen=True, slots=True)
class HealthEntity:
    """A link in the chain that a message needs: number, template, account, business or app."""

    #: `PHONE_NUMBER`, `MESSAGE_TEMPLATE`, `WABA`, `BUSINESS`, `APP`.
    type: str
    id: str
    #: `AVAILABLE`, `LIMITED` or `BLOCKED`.
    can_send_message: str
    errors: tuple[HealthError, ...]
    additional_info: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Health:
    """Whether messages can be sent; overall as bad as the worst entity."""

    can_send_message: str
    entities: tuple[HealthEntity, ...]


@dataclass(frozen=True, slots=True)
class Number:
    """The state of one sending number."""

    id: str
    #: Kept out of `repr`: logs show no whole numbers.
    display_phone_number: str = field(repr=False)
    verified_name: str
    #: Only `CONNECTED` can send.
    status: str
    #: `GREEN`, `YELLOW`, `RED`, `UNKNOWN`, …
    quality_rating: str
    code_verification_status: str
    name_status: str
    #: `LIVE` or `SANDBOX`.
    account_mode: str
    #: `STANDARD` (80 messages a second) or `HIGH` (1,000).
    throughput: str
    #: Unique users in 24 h for the whole portfolio: `TIER_250` … `TIER_UNLIMITED`.
    messaging_limit: str
    health: Health | None


@dataclass(frozen=True, slots=True)
class MediaObject:
    """An uploaded file. `url` ends after 5 minutes and needs the token: it is not in `repr`."""

    id: str
    url: str = field(repr=False)
    mime_type: str
    #: Hex digest.
    sha256: str
    #: Bytes.
    file_size: int | None


def media_of(raw: Mapping[str, Any]) -> MediaObject:
    """From a media object read by its id."""
    size = _text(raw, "file_size")
    return MediaObject(
        id=_text(raw, "id"),
        url=_text(raw, "url"),
        mime_type=_text(raw, "mime_type"),
        sha256=_text(raw, "sha256"),
        file_size=int(size) if size.isdecimal() else None,
    )


def template_of(raw: Mapping[str, Any]) -> Template:
    """From one element of `message_templates`, or a template read by its id."""
    score = raw.get("quality_score")
    rejected = _text(raw, "rejected_reason")
    return Template(
        id=_text(raw, "id"),
        name=_text(raw, "name"),
        language=_text(raw, "language"),
        status=_text(raw, "status"),
        category=_text(raw, "category"),
        components=tuple(_objects(raw.get("components"))),
        parameter_format=_text(raw, "parameter_format") or "POSITIONAL",
        quality=_text(score, "score") or None if isinstance(score, Mapping) else None,
        rejected_reason=rejected if rejected not in ("", "NONE") else None,
        last_updated_time=_text(raw, "last_updated_time") or None,
    )


def number_of(raw: Mapping[str, Any]) -> Number:
    """From one element of `phone_numbers`, or a number read by its id."""
    throughput = raw.get("throughput")
    health = raw.get("health_status")
    return Number(
        id=_text(raw, "id"),
        display_phone_number=_text(raw, "display_phone_number"),
        verified_name=_text(raw, "verified_name"),
        status=_text(raw, "status"),
        quality_rating=_text(raw, "quality_rating"),
        code_verification_status=_text(raw, "code_verification_status"),
        name_status=_text(raw, "name_status"),
        account_mode=_text(raw, "account_mode"),
        throughput=_text(throughput, "level") if isinstance(throughput, Mapping) else "",
        messaging_limit=_text(raw, "whatsapp_business_manager_messaging_limit"),
        health=health_of(health) if isinstance(health, Mapping) else None,
    )


def health_of(raw: Mapping[str, Any]) -> Health:
    """From the value of a `health_status` field."""
    return Health(
        can_send_message=_text(raw, "can_send_message"),
        entities=tuple(
            HealthEntity(
                type=_text(entity, "entity_type"),
                id=_text(entity, "id"),
                can_send_message=_text(entity, "can_send_message"),
                errors=tuple(
                    HealthError(
                        code=code if isinstance(code := error.get("error_code"), int) else None,
                        description=_text(error, "error_description"),
                        solution=_text(error, "possible_solution"),
                    )
                    for error in _objects(entity.get("errors"))
                ),
                additional_info=tuple(_texts(entity.get("additional_info"))),
            )
            for entity in _objects(raw.get("entities"))
        ),
    )


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    if isinstance(value, str):
        return value
    # Ids and times come as numbers from some versions.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _objects(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, str))
