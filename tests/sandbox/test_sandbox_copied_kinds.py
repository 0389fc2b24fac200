"""Each kind of template is created from what Meta shows of it, and takes the same rows then."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.sandbox.test_sandbox_creation import TEMPLATES, found, upload
from tests.template_kinds import KINDS, Kind
from wacampaign.core.template.copying import copy_of
from wacampaign.core.template.header_media import same_shape
from wacampaign.sandbox.client import SandboxControl

Json = dict[str, Any]
SAMPLES = {"image": "image/jpeg", "video": "video/mp4", "gif": "video/mp4"}


def parts(components: list[Json]) -> Iterator[Json]:
    for part in components:
        yield part
        for card in part.get("cards", ()):
            yield from parts(card["components"])


def as_shown(kind: Kind) -> list[Json]:
    """With the samples that Meta demands, and what it tells beside what creation takes."""
    shown = copy.deepcopy(kind.components)
    for part in parts(shown):
        names = list(dict.fromkeys(re.findall(r"\{\{\s*(\w+)\s*\}\}", part.get("text", ""))))
        where = part["type"].lower()
        if where == "body" and names:  # no variable at its start or end
            part["text"] = f"See {part['text']} here"
        if names and kind.named:
            params = [{"param_name": name, "example": "x"} for name in names]
            part["example"] = {f"{where}_text_named_params": params}
        elif names:
            part["example"] = {f"{where}_text": [["x"] * len(names)] if where == "body" else ["x"]}
        if part.get("format") in ("IMAGE", "VIDEO", "GIF", "DOCUMENT"):
            part["example"] = {"header_handle": ["https://scontent.whatsapp.net/v/sample"]}
        for button in part.get("buttons", ()):
            if "{{" in button.get("url", ""):
                button["example"] = ["https://shop.example/t/1"]
            button["id"] = 7  # of GET alone
    return shown


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.name}{kind.named}")
def test_a_copy_takes_the_same_rows(
    http: httpx.Client, control: SandboxControl, kind: Kind
) -> None:
    control.settings(review_ms=0)
    shown = as_shown(kind)
    copied = copy_of(shown, kind.category)
    assert all(left.endswith(": id") for left in copied.left_out)
    handles = [
        upload(http, b"any content", SAMPLES.get(place.kind, "application/pdf"))
        for place in copied.samples
    ]
    fields = {
        "name": "a_copy",
        "language": "en_US",
        "category": kind.category,
        "parameter_format": "NAMED" if kind.named else "POSITIONAL",
        "components": copied.with_handles(handles),
    }
    answer = http.post(TEMPLATES, json=fields)
    assert answer.status_code == 200, answer.text
    created = found(http, "a_copy")
    assert same_shape(
        shown, fields["parameter_format"], created["components"], created["parameter_format"]
    )
