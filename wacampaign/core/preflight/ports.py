"""What Meta says of a number and a template, as far as a preflight reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class HealthReason(Protocol):
    """One reason why an entity cannot send, in Meta's words."""

    @property
    def description(self) -> str: ...
    @property
    def solution(self) -> str: ...


class HealthEntity(Protocol):
    """A link in the chain that a message needs: number, template, account, business or app."""

    @property
    def type(self) -> str: ...
    @property
    def can_send_message(self) -> str: ...
    @property
    def errors(self) -> Sequence[HealthReason]: ...
    @property
    def additional_info(self) -> Sequence[str]: ...


class Health(Protocol):
    """`AVAILABLE`, `LIMITED` or `BLOCKED`, and the entities behind it."""

    @property
    def can_send_message(self) -> str: ...
    @property
    def entities(self) -> Sequence[HealthEntity]: ...


class Number(Protocol):
    """A sending number."""

    @property
    def status(self) -> str: ...
    @property
    def quality_rating(self) -> str: ...
    @property
    def throughput(self) -> str: ...
    @property
    def messaging_limit(self) -> str: ...
    @property
    def health(self) -> Health | None: ...


class Template(Protocol):
    """One translation of a template."""

    @property
    def name(self) -> str: ...
    @property
    def language(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def category(self) -> str: ...
    @property
    def components(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def parameter_format(self) -> str: ...
    @property
    def quality(self) -> str | None: ...
    @property
    def rejected_reason(self) -> str | None: ...
