"""What the simulated account holds: WABAs, numbers, templates, media, media hosts, health."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass, field
from typing import Any

from wacampaign.sandbox.limits import MPS_OF_LEVEL
from wacampaign.sandbox.marketing import ACCOUNT_FIELDS
from wacampaign.sandbox.templates import Shape

#: Fields of a number that the control API may set, with what Meta shows by default.
_NUMBER_FIELDS: dict[str, Any] = {
    "display_phone_number": "+44 7700 900000",
    "verified_name": "Sandbox",
    "status": "CONNECTED",
    "quality_rating": "GREEN",
    "code_verification_status": "VERIFIED",
    "name_status": "APPROVED",
    "account_mode": "LIVE",
    "whatsapp_business_manager_messaging_limit": "TIER_UNLIMITED",
    "platform_type": "CLOUD_API",
    # With CLOUD_API: the number is in the WhatsApp Business app, too (coexistence, 20 mps).
    "is_on_biz_app": False,
}
#: Fields of an account, with what Meta shows of one that nothing is known of.
_WABA_FIELDS: dict[str, Any] = ACCOUNT_FIELDS | {
    "owner_business_info": {"id": "600000000000000", "name": "Sandbox business"},
    "whatsapp_business_manager_messaging_limit": "TIER_UNLIMITED",
}
#: What is told of a token of a system user.
_TOKEN_FIELDS: dict[str, Any] = {
    "type": "SYSTEM_USER",
    "is_valid": True,
    "expires_at": 0,
    "data_access_expires_at": 0,
    "scopes": ["whatsapp_business_management", "whatsapp_business_messaging"],
}
_SEVERITY = ("AVAILABLE", "LIMITED", "BLOCKED")


@dataclass(slots=True)
class Number:
    """A business phone number. `mps` None lifts the throughput limit."""

    id: str
    waba_id: str
    throughput: str
    mps: int | None
    fields: dict[str, Any]
    #: Digits of the number itself: nobody may write to himself (131021).
    digits: str = ""

    @property
    def metadata(self) -> dict[str, str]:
        """The number as webhooks name it."""
        return {"display_phone_number": self.digits, "phone_number_id": self.id}


@dataclass(slots=True)
class Template:
    """A template: Meta's object as it was seeded, and its shape."""

    waba_id: str
    fields: dict[str, Any]
    shape: Shape


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was found sound. `to` is as the client gave it, `recipient` its digits."""

    number: Number
    to: str
    recipient: str
    #: Name and language.
    template: tuple[str, str]
    category: str
    #: Of the header's or the first card's media, when it has one.
    link: str | None
    callback: str | None
    #: The `template` as it came.
    given: dict[str, Any]
    #: It came to the marketing endpoint.
    marketing: bool = False


@dataclass(frozen=True, slots=True)
class Media:
    """An uploaded file; its id is good only for the number it was uploaded on."""

    id: str
    phone_number_id: str
    content: bytes
    mime_type: str

    @property
    def sha256(self) -> str:
        """Hex digest of the content."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(slots=True)
class HostedFile:
    """A file on a pretended media host, served at `/hosts/{host}/{path}`."""

    host: str
    path: str
    content: bytes
    content_type: str
    status: int
    headers: dict[str, str]
    #: GET and HEAD requests for it.
    fetches: int = 0

    def shown(self) -> dict[str, Any]:
        """The file as the control API shows it: its `size` in bytes, not its content."""
        shown = {n: getattr(self, n) for n in ("host", "path", "status", "content_type")}
        return shown | {"size": len(self.content), "fetches": self.fetches}


@dataclass(slots=True)
class Account:
    """Everything that can be seeded. Tokens are per WABA, as with a system user of one business."""

    tokens: dict[str, set[str]] = field(default_factory=dict)
    #: Token: what `debug_token` says of it otherwise than `_TOKEN_FIELDS`.
    token_fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    wabas: dict[str, dict[str, Any]] = field(default_factory=dict)
    numbers: dict[str, Number] = field(default_factory=dict)
    templates: dict[tuple[str, str, str], Template] = field(default_factory=dict)
    media: dict[str, Media] = field(default_factory=dict)
    hosted: dict[tuple[str, str], HostedFile] = field(default_factory=dict)
    #: WABA: the apps that get its webhooks, each with the address that overrides its own.
    subscriptions: dict[str, dict[str, str | None]] = field(default_factory=dict)
    #: Object id: the `health_status` entity fields that differ from AVAILABLE.
    health: dict[str, dict[str, Any]] = field(default_factory=dict)
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(700_000_000_000_001))

    def may(self, token: str, waba_id: str) -> bool:
        """Whether the token reaches the WABA."""
        return waba_id in self.tokens.get(token, ())

    def put_token(self, token: str, **fields: Any) -> None:
        """Set what is told of a token (`expires_at` in Unix seconds, 0: never; `scopes`)."""
        if unknown := fields.keys() - _TOKEN_FIELDS.keys():
            raise ValueError(f"unknown fields of a token: {', '.join(sorted(unknown))}")
        if token not in self.tokens:
            raise ValueError("no such token")
        self.token_fields.setdefault(token, {}).update(fields)

    def token_facts(self, token: str) -> dict[str, Any]:
        """What is told of a token."""
        if token not in self.tokens:
            return {"is_valid": False, "scopes": []}
        return _TOKEN_FIELDS | self.token_fields.get(token, {})

    def put_waba(self, waba_id: str, token: str, name: str | None = None, **fields: Any) -> None:
        """Add a WABA, give another token access to it, or set fields of it."""
        if unknown := fields.keys() - _WABA_FIELDS.keys():
            raise ValueError(f"unknown fields of a WABA: {', '.join(sorted(unknown))}")
        if not waba_id or not token:
            raise ValueError("waba_id and token must not be empty")
        waba = self.wabas.setdefault(
            waba_id, {"id": waba_id, "name": "Sandbox WABA"} | _WABA_FIELDS
        )
        waba |= fields
        if name is not None:
            waba["name"] = name
        self.tokens.setdefault(token, set()).add(waba_id)

    def put_number(self, description: dict[str, Any]) -> Number:
        """Add a number, or change the given fields of a known one."""
        given = dict(description)
        number_id = str(given.pop("phone_number_id"))
        old = self.numbers.get(number_id)
        waba_id = str(given.pop("waba_id", old.waba_id if old else ""))
        token = given.pop("token", None)
        if "mps" in given and "throughput" not in given:
            # What is told of a number fits what it takes.
            mps = given["mps"]
            high = not isinstance(mps, int) or mps > MPS_OF_LEVEL["STANDARD"]
            given["throughput"] = "HIGH" if high else "STANDARD"
        throughput = str(given.pop("throughput", old.throughput if old else "STANDARD"))
        if throughput not in MPS_OF_LEVEL:
            raise ValueError(f"throughput must be one of {', '.join(MPS_OF_LEVEL)}")
        keeps_mps = old is not None and "throughput" not in description
        mps = given.pop("mps", old.mps if old and keeps_mps else MPS_OF_LEVEL[throughput])
        if mps is not None and (not isinstance(mps, int) or mps < 1):
            raise ValueError("mps must be a whole number of 1 or more, or null for no limit")
        unknown = given.keys() - _NUMBER_FIELDS.keys()
        if unknown:
            raise ValueError(f"unknown fields of a number: {', '.join(sorted(unknown))}")
        if token is not None:
            self.put_waba(waba_id, str(token))
        elif waba_id not in self.wabas:
            raise ValueError("a number needs the waba_id of a known WABA, or a token for a new one")
        fields = (old.fields if old else _NUMBER_FIELDS) | given
        digits = "".join(ch for ch in str(fields["display_phone_number"]) if ch.isdigit())
        number = Number(number_id, waba_id, throughput, mps, fields, digits)
        self.numbers[number_id] = number
        return number

    def put_template(self, waba_id: str, description: dict[str, Any]) -> Template:
        """Add a template as Meta returns it, or change the given fields of a known one."""
        if waba_id not in self.wabas:
            raise ValueError(f"no WABA {waba_id!r}")
        name, language = description.get("name"), description.get("language")
        if not isinstance(name, str) or not isinstance(language, str):
            raise ValueError("a template needs name and language")
        old = self.templates.get((waba_id, name, language))
        if old is None and not isinstance(description.get("components"), list):
            raise ValueError("a new template needs its components")
        defaults: dict[str, Any] = {
            "id": "",
            "status": "APPROVED",
            "category": "MARKETING",
            "parameter_format": "POSITIONAL",
            "quality_score": {"score": "UNKNOWN"},
        }
        fields = (old.fields if old else defaults) | description
        fields["id"] = str(fields["id"] or next(self._ids))
        template = Template(waba_id, fields, Shape.of(fields))
        self.templates[(waba_id, name, language)] = template
        return template

    def add_media(
        self, phone_number_id: str, content: bytes, mime_type: str, media_id: str | None = None
    ) -> Media:
        """Keep an uploaded file; makes an id unless one is given."""
        if phone_number_id not in self.numbers:
            raise ValueError(f"no number {phone_number_id!r}")
        media = Media(media_id or str(next(self._ids)), phone_number_id, content, mime_type)
        self.media[media.id] = media
        return media

    def put_hosted(
        self,
        host: str,
        path: str,
        content: bytes,
        content_type: str,
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> HostedFile:
        """Put a file on a pretended media host (also an error: give its HTTP `status`)."""
        if not 200 <= status <= 599:
            raise ValueError("status must lie between 200 and 599")
        path = path.lstrip("/")
        file = HostedFile(host, path, content, content_type, status, headers or {})
        self.hosted[(host, path)] = file
        return file

    def set_health(self, object_id: str, entity: dict[str, Any]) -> None:
        """Set the health of a number, WABA or template: `can_send_message`, `errors`, …"""
        if entity.get("can_send_message") not in _SEVERITY:
            raise ValueError(f"can_send_message must be one of {', '.join(_SEVERITY)}")
        self.health[object_id] = entity

    def health_status(self, *entities: tuple[str, str]) -> dict[str, Any]:
        """Meta's `health_status` over (entity_type, id) pairs; the worst decides."""
        shown = [
            {"entity_type": kind, "id": object_id, "can_send_message": "AVAILABLE"}
            | self.health.get(object_id, {})
            for kind, object_id in entities
        ]
        worst = max(shown, key=lambda entity: _SEVERITY.index(str(entity["can_send_message"])))
        return {"can_send_message": worst["can_send_message"], "entities": shown}
