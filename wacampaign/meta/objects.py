"""Reads what the Cloud API says of templates, numbers, their health and media.

Meta adds words every year, so every state is kept as the text it came as, and a field that is
missing or of an unexpected type becomes its empty value rather than an error. Source of names
and shapes: whatsapp-cloud-api.md, sections 2.1, 2.3, 2.8, 5.1 and 5.2.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from wacampaign.core.media.ports import MediaObject
from wacampaign.core.numbers import Health, HealthEntity, HealthError, Number
from wacampaign.core.templates import Template

#: `fields=` for templates. All are in Meta's reference; more would only make pages slower.
TEMPLATE_FIELDS: Final = (
    "id,name,language,status,category,components,parameter_format,"
    "quality_score,rejected_reason,last_updated_time"
)

#: Fields of a number that are texts, under the same name with us.
_NUMBER_TEXTS: Final = (
    *("id", "display_phone_number", "verified_name", "status", "quality_rating"),
    *("code_verification_status", "name_status", "account_mode"),
)

#: `fields=` for a number.
NUMBER_FIELDS: Final = ",".join(
    (
        *_NUMBER_TEXTS,
        *("throughput", "health_status", "whatsapp_business_manager_messaging_limit"),
        # Both together say that it is in the WhatsApp Business app, too (Meta's page on onboarding
        # that app's users).
        *("platform_type", "is_on_biz_app"),
    )
)


def media_of(raw: Mapping[str, Any]) -> MediaObject:
    """From a media object read by its id."""
    size = _text(raw, "file_size")
    return MediaObject(
        id=_text(raw, "id"),
        mime_type=_text(raw, "mime_type"),
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
        **{name: _text(raw, name) for name in _NUMBER_TEXTS},
        throughput=_text(throughput, "level") if isinstance(throughput, Mapping) else "",
        messaging_limit=_text(raw, "whatsapp_business_manager_messaging_limit"),
        in_app_too=raw.get("is_on_biz_app") is True and raw.get("platform_type") == "CLOUD_API",
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
