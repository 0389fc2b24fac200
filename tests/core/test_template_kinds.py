"""Each kind of template: what a row makes of it, what the differ says, what the API would say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.template_kinds import KINDS, Kind
from wacampaign.core.cells import cell
from wacampaign.core.template.differ import differ
from wacampaign.core.template.message import CompiledTemplate, PayloadMismatch
from wacampaign.core.template.needs import needs_of
from wacampaign.core.template.preview import message_lines, preview
from wacampaign.core.template.row_check import RowCheck
from wacampaign.core.template.shape import shape_of
from wacampaign.core.template.unmeant import Unmeant
from wacampaign.sandbox.answers import Refusal
from wacampaign.sandbox.component_checks import check_components
from wacampaign.sandbox.templates import Shape as SandboxShape

each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def payload_of(kind: Kind, row: dict[str, str]) -> dict[str, Any]:
    """The payload that a list with these columns makes, the offer's end as it is sent."""
    shape = shape_of(kind.components, kind.template["parameter_format"])
    payload = {}
    places = [(f"var{n}", slot) for n, slot in enumerate(shape.slots(), start=1)]
    places += [(slot.key or "", slot) for slot in shape.optional()]
    for column, value in row.items():
        folded = column.replace("_", "")
        [key] = [key for key, slot in places if folded in slot.column_names]
        payload[key] = "4102423200000" if column == "expires" else value
    return payload


@each_kind
def test_a_row_makes_the_message_of_its_kind(kind: Kind) -> None:
    template = CompiledTemplate(
        kind.name, "en_US", kind.components, kind.template["parameter_format"]
    )
    payload = payload_of(kind, kind.row)
    assert template.template_object(payload)["components"] == kind.message
    assert len(payload) == len(kind.row)


@each_kind
def test_the_differ_finds_nothing_in_it_in_either_form(kind: Kind) -> None:
    parameter_format = kind.template["parameter_format"]
    assert differ(payload_of(kind, kind.row), kind.components, parameter_format) == []
    sent = {"name": kind.name, "language": {"code": "en_US"}, "components": kind.message}
    assert differ(sent, kind.components, parameter_format) == []


@each_kind
def test_its_preview_shows_what_the_row_brings(kind: Kind) -> None:
    parameter_format = kind.template["parameter_format"]
    payload = payload_of(kind, kind.row)
    shown = "\n".join(message_lines(preview(kind.components, parameter_format, payload)))
    assert "[no " not in shown
    assert kind.row.get("code", "Asha") in shown
    if "product_carousel" in kind.name:
        assert "A3" in shown


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("text", "1 variable"),
        ("document", "document + 1 variable"),
        ("location", "location + 1 variable"),
        ("quick_reply", "1 variable"),
        ("otp", "1 variable"),
        ("multi_product", "list of products + 1 variable"),
        ("single_product", "product + 1 variable"),
        ("media_carousel", "carousel of 2 cards: 2 images + 5 variables"),
        ("product_carousel", "carousel of 2 to 10 cards: 2 products + 1 variable"),
        ("offer", "image + end of the offer + 3 variables"),
    ],
)
def test_what_a_list_must_bring_in_words(name: str, needs: str) -> None:
    [kind] = [kind for kind in KINDS if kind.name == name]
    assert needs_of(shape_of(kind.components, kind.template["parameter_format"])) == needs


@each_kind
def test_the_api_takes_it(kind: Kind) -> None:
    shape = SandboxShape.of(kind.template)
    marketing = kind.marketing_only
    assert check_components(shape, kind.message, lambda _: None, marketing=marketing) is None


def _media(value: dict[str, Any]) -> Refusal | None:
    """As the sandbox has it: a link is an address, an id is known (here: digits)."""
    sound = value.get("link", "").startswith("https://") or value.get("id", "").isdecimal()
    return None if sound else Refusal(100, "no such object")


@each_kind
def test_a_wrong_row_is_found_before_the_api_refuses_it(kind: Kind) -> None:
    if kind.wrong is None:
        return
    wrong, words, code = kind.wrong
    parameter_format = kind.template["parameter_format"]
    shape = shape_of(kind.components, parameter_format)
    payload = payload_of(kind, kind.row | wrong)
    values = [
        payload.get(slot.key or f"var{n}", "")
        for n, slot in enumerate((*shape.slots(), *shape.optional()), start=1)
    ]
    fault = RowCheck(kind.components, shape).fault(values)
    assert fault is not None and words in fault.text
    template = CompiledTemplate(kind.name, "en_US", kind.components, parameter_format)
    try:
        sent = template.template_object(payload)["components"]
    except PayloadMismatch:
        return  # it would not leave this machine
    refusal = check_components(
        SandboxShape.of(kind.template), sent, _media, marketing=kind.marketing_only
    )
    assert refusal is not None and refusal.code == code


#: Values that lists have, sound or not, beside any text.
_CELLS = st.sampled_from(
    [
        *("", "0", "-0.5", "91", "1e3", "Asha", "SAVE20", "A" * 16, "A" * 161, "x" * 1024),
        *("A: B, C", "https://cdn.example/a.pdf", "4102423200000", "2099-12-31 18:00"),
        *('{"a": 1}', "{}", "a\nb"),
    ]
)


def _any_payload(kind: Kind, data: st.DataObject) -> dict[str, str]:
    """A payload of the kind, up to three of its values replaced by any other."""
    shape = shape_of(kind.components, kind.template["parameter_format"])
    sound = payload_of(kind, kind.row)
    keys = [f"var{n}" for n, _ in enumerate(shape.slots(), start=1)]
    keys += [slot.key or "" for slot in shape.optional()]
    changed = data.draw(st.sets(st.sampled_from(keys), max_size=3))
    return {
        key: cell(data.draw(_CELLS | st.text(max_size=70)))
        if key in changed
        else sound.get(key, "")
        for key in keys
    }


def _is_taken(kind: Kind, payload: dict[str, str]) -> None:
    """The sender makes a message of it, and the API takes that."""
    parameter_format = kind.template["parameter_format"]
    template = CompiledTemplate(kind.name, "en_US", kind.components, parameter_format)
    sent = template.template_object(payload)["components"]
    shape, marketing = SandboxShape.of(kind.template), kind.marketing_only
    assert check_components(shape, sent, _media, marketing=marketing) is None


@given(st.sampled_from(KINDS), st.data())
def test_what_create_accepts_is_sent_and_taken(kind: Kind, data: st.DataObject) -> None:
    """Whatever stands in a list: a row that passes the check makes a message that passes Meta's."""
    payload = _any_payload(kind, data)
    shape = shape_of(kind.components, kind.template["parameter_format"])
    check = RowCheck(kind.components, shape, allowed=frozenset(Unmeant))
    try:
        values = check.turned(list(payload.values()))
    except ValueError:
        return
    if check.fault(values) is None:
        turned = dict(zip(payload, values, strict=True))
        _is_taken(kind, {key: value for key, value in turned.items() if value})


@given(st.sampled_from(KINDS), st.data())
def test_what_the_differ_passes_is_sent_and_taken(kind: Kind, data: st.DataObject) -> None:
    """Also of rows that another program wrote."""
    payload = {key: value for key, value in _any_payload(kind, data).items() if value}
    if not differ(payload, kind.components, kind.template["parameter_format"]):
        _is_taken(kind, payload)
