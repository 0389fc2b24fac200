"""A template's shape, and the check of a message's components against it.

Codes and detail texts follow Meta's error reference and answers reported in public issue threads.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wacampaign.sandbox.answers import Refusal

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
#: Meta's rule for parameter values (132018).
_FORBIDDEN_TEXT = re.compile(r"[\n\r\t]| {5,}")
FORBIDDEN_TEXT_DETAILS = (
    "Param text cannot have new-line/tab characters or more than 4 consecutive spaces"
)
#: Characters, after substitution (Meta, template components).
MAX_HEADER_TEXT = 60
MAX_BODY_TEXT = 1024
MAX_COUPON_CODE = 20

MEDIA_FORMATS = frozenset({"IMAGE", "VIDEO", "DOCUMENT"})
#: Parameter types that stand for text.
_TEXT_TYPES = frozenset({"text", "currency", "date_time"})

#: Judges a header's media object ({"id"} or {"link"}): a refusal, or None when it will do.
MediaCheck = Callable[[dict[str, Any]], Refusal | None]


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of one text. `fixed` is its length in characters without them."""

    names: tuple[str, ...]
    fixed: int

    @classmethod
    def of(cls, text: str) -> Variables:
        """Read a template text."""
        names = tuple(dict.fromkeys(_VARIABLE.findall(text)))
        return cls(names, len(_VARIABLE.sub("", text)))


@dataclass(frozen=True, slots=True)
class Button:
    """A button: `needs` is the `sub_type` whose parameter every message must bring, or None."""

    kind: str
    needs: str | None


@dataclass(frozen=True, slots=True)
class Shape:
    """What a message must bring to be hydrated from the template."""

    named: bool
    header_format: str | None
    header: Variables
    body: Variables
    buttons: tuple[Button, ...]

    @classmethod
    def of(cls, template: dict[str, Any]) -> Shape:
        """Read Meta's template object (`components`, `parameter_format`)."""
        header_format: str | None = None
        header = body = Variables((), 0)
        buttons: list[Button] = []
        for component in template.get("components", []):
            kind = str(component.get("type", "")).upper()
            if kind == "HEADER":
                header_format = str(component.get("format", "TEXT")).upper()
                header = Variables.of(str(component.get("text", "")))
            elif kind == "BODY":
                body = Variables.of(str(component.get("text", "")))
            elif kind == "BUTTONS":
                buttons = [_button(button) for button in component.get("buttons", [])]
        named = str(template.get("parameter_format", "POSITIONAL")).upper() == "NAMED"
        return cls(named, header_format, header, body, tuple(buttons))


def _button(button: dict[str, Any]) -> Button:
    kind = str(button.get("type", "")).upper()
    if kind == "OTP" or (kind == "URL" and _VARIABLE.search(str(button.get("url", "")))):
        return Button(kind, "url")
    return Button(kind, "copy_code" if kind == "COPY_CODE" else None)


def check_components(shape: Shape, components: object, check_media: MediaCheck) -> Refusal | None:
    """The refusal Meta would answer for these `template.components`, or None."""
    if not isinstance(components, list) or not all(isinstance(c, dict) for c in components):
        return Refusal(100, "template['components'] must be an array")
    header: list[dict[str, Any]] | None = None
    body: list[dict[str, Any]] = []
    buttons: dict[int, tuple[str, list[dict[str, Any]]]] = {}
    for component in components:
        kind = str(component.get("type", "")).lower()
        parameters = component.get("parameters", [])
        if not isinstance(parameters, list) or not all(isinstance(p, dict) for p in parameters):
            return Refusal(100, f"{kind}: parameters must be an array of objects")
        if kind == "header":
            header = parameters
        elif kind == "body":
            body = parameters
        elif kind == "button":
            index = str(component.get("index", ""))
            if not index.isdecimal():
                return Refusal(131008, "buttons: index is missing or not a number")
            buttons[int(index)] = (str(component.get("sub_type", "")).lower(), parameters)
        else:
            return Refusal(100, f"Unexpected component type {kind!r}")
    return (
        _check_header(shape, header, check_media)
        or _check_text("body", shape.named, shape.body, body, MAX_BODY_TEXT)
        or _check_buttons(shape.buttons, buttons)
    )


def _check_header(
    shape: Shape, parameters: list[dict[str, Any]] | None, check_media: MediaCheck
) -> Refusal | None:
    expected = shape.header_format
    if expected is None:
        if parameters:
            return Refusal(132018, "header: the template has no header")
        return None
    if expected == "TEXT":
        return _check_text("header", shape.named, shape.header, parameters or [], MAX_HEADER_TEXT)
    if not parameters:
        return Refusal(132012, f"header: Format mismatch, expected {expected}, received UNKNOWN")
    if len(parameters) != 1:
        return _count_mismatch("header", len(parameters), 1)
    received = str(parameters[0].get("type", "unknown"))
    if received.upper() != expected:
        return Refusal(
            132012, f"header: Format mismatch, expected {expected}, received {received.upper()}"
        )
    value = parameters[0].get(received)
    if not isinstance(value, dict):
        return Refusal(131008, f"header: Parameter of type {received} is missing {received} value")
    return check_media(value) if expected in MEDIA_FORMATS else None


def _count_mismatch(where: str, received: int, expected: int) -> Refusal:
    return Refusal(
        132000,
        f"{where}: number of localizable_params ({received}) does not match the expected number "
        f"of params ({expected})",
    )


def _check_text(
    where: str, named: bool, variables: Variables, parameters: list[dict[str, Any]], limit: int
) -> Refusal | None:
    length = variables.fixed
    names: list[str] = []
    for parameter in parameters:
        kind = parameter.get("type")
        if kind not in _TEXT_TYPES:
            received = str(kind or "unknown").upper()
            return Refusal(132012, f"{where}: Format mismatch, expected TEXT, received {received}")
        if kind == "text":
            text = parameter.get("text")
        else:
            typed = parameter.get(kind)
            text = typed.get("fallback_value") if isinstance(typed, dict) else None
        if not isinstance(text, str) or not text.strip():
            return Refusal(131008, f"Parameter of type {kind} is missing {kind} value")
        if _FORBIDDEN_TEXT.search(text):
            return Refusal(132018, FORBIDDEN_TEXT_DETAILS)
        length += len(text)
        name = parameter.get("parameter_name")
        if named:
            if not isinstance(name, str) or not name:
                return Refusal(100, "Parameter name is missing or empty")
            names.append(name)
        elif name is not None:
            return Refusal(100, f"{where}: parameter_name {name!r} in a POSITIONAL template")
    if len(parameters) != len(variables.names):
        return _count_mismatch(where, len(parameters), len(variables.names))
    if named and set(names) != set(variables.names):
        unknown = sorted(set(names) - set(variables.names))
        return Refusal(100, f"{where}: parameter names {unknown} are not in the template")
    if length > limit:
        return Refusal(132005, f"{where}: {length} characters, the limit is {limit}")
    return None


def _check_buttons(
    expected: tuple[Button, ...], received: dict[int, tuple[str, list[dict[str, Any]]]]
) -> Refusal | None:
    for index, button in enumerate(expected):
        if button.needs is not None and index not in received:
            return _missing_button_parameter(index, button.kind)
    for index, (sub_type, parameters) in received.items():
        if index >= len(expected):
            return Refusal(132018, f"buttons: the template has no button at index {index}")
        button = expected[index]
        if button.needs is None and button.kind == "URL":
            return Refusal(
                132018, f"buttons: Button at index {index} of type URL takes no parameter"
            )
        if sub_type != (button.needs or button.kind.lower()):
            return Refusal(
                132018,
                f"buttons: Button at index {index} is of type {button.kind}, received {sub_type!r}",
            )
        if button.needs is None:
            continue
        field = "text" if button.needs == "url" else "coupon_code"
        value = parameters[0].get(field) if parameters else None
        if not isinstance(value, str) or not value.strip():
            return _missing_button_parameter(index, button.kind)
        if field == "coupon_code" and (len(value) > MAX_COUPON_CODE or not value.isalnum()):
            return Refusal(
                132018,
                f"buttons: coupon_code at index {index} must be alphanumeric and have at most "
                f"{MAX_COUPON_CODE} characters",
            )
    return None


def _missing_button_parameter(index: int, kind: str) -> Refusal:
    return Refusal(131008, f"buttons: Button at index {index} of type {kind} requires a parameter")
