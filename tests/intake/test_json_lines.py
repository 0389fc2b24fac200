"""JSON lines: keys as columns, numbers as written, nothing nested in silence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.intake.in_order import survey, survey_of_two
from wacampaign.intake.contacts import Contact, Fault, contacts
from wacampaign.intake.list_file import UnfitFile

A, B, C = "447700900123", "447700900124", "447700900125"


def lines(path: Path, *objects: object) -> Path:
    texts = (one if isinstance(one, str) else json.dumps(one) for one in objects)
    path.write_text("\n".join(texts) + "\n")
    return path


def test_keys_are_the_header_and_numbers_stay_as_written(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "list.csv",
        f'{{"phone": {A}, "price": 19.90, "vip": true}}',
        "",
        f'{{"vip": false, "phone": "+{B}", "price": "5"}}',
    )
    surveyed = survey(path)
    assert surveyed.layout.header == ("phone", "price", "vip")
    assert list(contacts(surveyed)) == [
        Contact(1, A, ("19.90", "TRUE")),
        Contact(3, B, ("5", "FALSE")),
    ]


def test_what_is_no_text_leaves_its_row_out(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "list.jsonl",
        {"phone": A, "name": "Asha"},
        {"phone": B, "name": ["Ravi"]},
        {"phone": B, "name": {"first": "Ravi"}},
        f'{{"phone": "{B}", "name": "a", "name": "b"}}',
        {"phone": C},
    )
    surveyed = survey(path)
    assert [c.line for c in contacts(surveyed)] == [1]
    assert surveyed.faults == {Fault.CELL: 3, Fault.VALUE: 1}
    assert [(r.line, r.reason) for r in surveyed.first_rejections[:3]] == [
        (2, "“name” is a list, not a text"),
        (3, "“name” is an object, not a text"),
        (4, "a key is in the object twice"),
    ]


def test_what_is_no_text_may_stand_where_nothing_reads_it(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "list.jsonl",
        {"phone": A, "name": "Asha", "tags": ["new"], "address": {"city": "Leeds"}},
        {"phone": B, "name": ["Ravi"], "tags": [], "address": None},
    )
    surveyed = survey_of_two(path)
    assert list(contacts(surveyed)) == [Contact(1, A, ("Asha",))]
    assert [r.reason for r in surveyed.first_rejections] == ["“name” is a list, not a text"]


def test_a_key_that_comes_late(tmp_path: Path) -> None:
    many = [{"phone": str(int(A) + n), "name": "x"} for n in range(600)]
    surveyed = survey(lines(tmp_path / "list.jsonl", *many, {"phone": "447700901999", "town": "y"}))
    (left_out,) = surveyed.first_rejections
    assert (left_out.line, left_out.reason[:10]) == (601, "has “town”")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"phone": "1"}]', "one JSON document"),
        ('[\n  {"phone": "1"}\n]', "one JSON document"),
        ('{\n  "phone": "1"\n}', "not one object a line"),
        (f'{{"phone": "{A}"}}\nnull\n', "line 2 .* is no JSON object"),
        (f'{{"phone": "{A}"}}\n{{"phone": \n', "line 2 .* is no JSON object"),
        (f'{{"phone": "{A}"}}\n' + "[" * 100_000, "line 2 .* is no JSON object"),
    ],
)
def test_other_json_is_named(tmp_path: Path, content: str, message: str) -> None:
    (path := tmp_path / "list.json").write_text(content)
    with pytest.raises(UnfitFile, match=message):
        survey(path)


def test_text_that_begins_with_a_brace_is_text(tmp_path: Path) -> None:
    (path := tmp_path / "list.csv").write_text(f"{{name}},phone\nAsha,{A}\n")
    assert survey(path).layout.header == ("{name}", "phone")


def test_objects_in_another_encoding(tmp_path: Path) -> None:
    (path := tmp_path / "list.jsonl").write_bytes(
        f'{{"phone": "{A}", "name": "Иван"}}\r\n'.encode("utf-16")
    )
    surveyed = survey(path)
    assert [c.variables for c in contacts(surveyed)] == [("Иван",)]
    assert surveyed.notes == ("encoding: UTF-16; line 1 reads “Иван”",)
