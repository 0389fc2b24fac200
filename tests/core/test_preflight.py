"""The preflight's judgement: from facts to lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from wacampaign.core.campaign.state import Hold
from wacampaign.core.media.codes import finding
from wacampaign.core.media.report import MediaReport, Where
from wacampaign.core.numbers import (
    Health,
    HealthEntity,
    HealthError,
    KnownNumber,
    Number,
    tier_limit,
)
from wacampaign.core.preflight.checks import judge
from wacampaign.core.preflight.facts import (
    AlikeRows,
    LaneSurvey,
    MediaFacts,
    MetaFacts,
    People,
    Readiness,
    Trouble,
    Unanswered,
    UnsentLane,
)
from wacampaign.core.preflight.model import Check, Line, Preflight
from wacampaign.core.preflight.row_checks import row_lines, rules_of
from wacampaign.core.template.unmeant import Unmeant
from wacampaign.core.templates import KnownTemplate, Template

BODY = ({"type": "BODY", "text": "Hello {{1}}"},)
LANE = UnsentLane("n1", "hello", 100)
NUMBER = KnownNumber(
    id="n1",
    phone_number_id="100000000000001",
    waba_id="2000000001",
    digits="447700900123",
    display_name="shop",
    is_active=True,
    rate_configured=60,
    rate_now=60,
)
KNOWN = KnownTemplate(
    id="1",
    number_id="n1",
    name="hello",
    language="en",
    status="APPROVED",
    category="MARKETING",
    components=BODY,
    parameter_format="POSITIONAL",
    is_active=True,
    is_quarantined=False,
    last_synced="2026-11-23T10:00:00Z",
)
FACTS = Readiness(
    id="5a5c39a6-0000-4000-8000-000000000001",
    name="market_1",
    status="paused",
    pause_reason="not started yet",
    templates=("hello",),
    total=100,
    rows=100,
    pending=0,
    missing=0,
    scheduled_at=None,
    now="2026-11-23T12:00:00Z",
    lanes=(LANE,),
    numbers=(NUMBER,),
    known=(KNOWN,),
    holds=(),
    live_workers=1,
)
PEOPLE = People(100, 0, 0)
NO_MEDIA = MediaFacts()


NUMBER_AT_META = Number(
    status="CONNECTED",
    quality_rating="GREEN",
    throughput="STANDARD",
    messaging_limit="TIER_10K",
    health=Health("AVAILABLE"),
)
AT_META = Template(
    id="1",
    name="hello",
    language="en",
    status="APPROVED",
    category="MARKETING",
    components=BODY,
    parameter_format="POSITIONAL",
)


def group(n: int, payload: Any, signature: str = "s") -> AlikeRows:
    return AlikeRows(signature, n, "+447700900123", payload)


def look(
    facts: Readiness = FACTS,
    *,
    people: People = PEOPLE,
    groups: Sequence[AlikeRows] = (group(100, {"var1": "Asha"}),),
    not_grouped: int = 0,
    number: Number | Unanswered = NUMBER_AT_META,
    templates: Sequence[Template] | Unanswered = (AT_META,),
    media: MediaFacts = NO_MEDIA,
) -> Preflight:
    survey = LaneSurvey(LANE, 100, tuple(groups), not_grouped)
    answer = templates if isinstance(templates, Unanswered) else tuple(templates)
    return judge(facts, people, [], [survey], {"n1": MetaFacts(number, {"hello": answer})}, media)


def only(found: Preflight, line: str) -> Line:
    (one,) = [each for each in found.lines if each.id == line]
    return one


def test_a_campaign_that_is_ready() -> None:
    found = look()
    assert {line.verdict for line in found.lines} == {Check.OK}
    assert found.summary == f"{len(found.lines)} ok"
    assert only(found, "variables").text == "all 100 rows fit their template"
    assert "100 rows at 60 a second: about 2 s" in only(found, "duration").text


@pytest.mark.parametrize(
    ("changes", "line", "verdict", "text"),
    [
        ({"status": "completed"}, "campaign", Check.FAIL, "completed"),
        ({"status": "failed"}, "campaign", Check.FAIL, "cancelled"),
        ({"missing": 7}, "contacts", Check.FAIL, "7 of 100 contacts"),
        ({"lanes": ()}, "contacts", Check.FAIL, "no row to send"),
        ({"live_workers": 0}, "workers", Check.WARN, "no worker"),
        (
            {"holds": (Hold(None, "template", None, "three", "hello"),)},
            "holds",
            Check.WARN,
            "three",
        ),
        ({"known": ()}, "template", Check.FAIL, "not in the table"),
        (
            {"known": (replace(KNOWN, components=({"type": "CAROUSEL"},)),)},
            "template",
            Check.FAIL,
            "CAROUSEL",
        ),
        ({"numbers": (replace(NUMBER, is_active=False),)}, "number", Check.FAIL, "not active"),
        ({"numbers": (replace(NUMBER, rate_now=0),)}, "duration", Check.WARN, "0 a second"),
        (
            {"queued_elsewhere": {"n1": 5900}},
            "duration",
            Check.OK,
            "5,900 rows of other campaigns before or among them) at 60 a second: about 2 min",
        ),
        (
            {"numbers": (replace(NUMBER, rate_configured=100),)},
            "throughput",
            Check.WARN,
            "rate 100/s is above the number's throughput 80/s: 80/s is used",
        ),
        (
            {"status": "scheduled", "scheduled_at": "2026-11-24T04:00:00Z"},
            "schedule",
            Check.OK,
            "2026-11-24T04:00:00Z",
        ),
    ],
)
def test_what_the_database_says(
    changes: dict[str, Any], line: str, verdict: Check, text: str
) -> None:
    found = [one for one in look(replace(FACTS, **changes)).lines if one.id == line]
    assert text in found[0].text
    assert found[0].verdict is verdict
    assert found[0].fix or verdict is Check.OK


@pytest.mark.parametrize(
    ("changes", "line", "verdict", "text"),
    [
        ({"status": "FLAGGED"}, "number", Check.FAIL, "FLAGGED"),
        ({"quality_rating": "RED"}, "quality", Check.WARN, "RED"),
        ({"throughput": ""}, "throughput", Check.SKIPPED, "nothing"),
        ({"messaging_limit": "TIER_50"}, "messaging_limit", Check.WARN, "takes 2 days"),
        ({"messaging_limit": "TIER_NOT_SET"}, "messaging_limit", Check.SKIPPED, "does not say"),
        ({"messaging_limit": "TIER_UNLIMITED"}, "messaging_limit", Check.OK, "any number"),
        ({"health": None}, "health", Check.SKIPPED, "no health status"),
        (
            {
                "health": Health(
                    "BLOCKED",
                    (HealthEntity("WABA", "BLOCKED", (HealthError("Payment.", "Pay."),)),),
                )
            },
            "health",
            Check.FAIL,
            "BLOCKED at Meta; WABA BLOCKED: Payment.",
        ),
        (
            {"health": Health("LIMITED", (HealthEntity("BUSINESS", "LIMITED", (), ("Verify.",)),))},
            "health",
            Check.WARN,
            "BUSINESS LIMITED: Verify.",
        ),
    ],
)
def test_what_meta_says_of_the_number(
    changes: dict[str, Any], line: str, verdict: Check, text: str
) -> None:
    found = only(look(number=replace(NUMBER_AT_META, **changes)), line)
    assert text in found.text
    assert found.verdict is verdict
    assert found.fix or verdict is Check.OK


@pytest.mark.parametrize(
    ("translations", "line", "verdict", "text"),
    [
        ((), "template", Check.FAIL, "no template hello"),
        ((replace(AT_META, status="PAUSED"),), "template", Check.FAIL, "is PAUSED"),
        (
            (replace(AT_META, status="REJECTED", rejected_reason="SCAM"),),
            "template",
            Check.FAIL,
            "REJECTED (SCAM)",
        ),
        ((replace(AT_META, quality="RED"),), "template", Check.WARN, "quality is RED"),
        (
            (replace(AT_META, language="hi"),),
            "language",
            Check.FAIL,
            "sent in en, and is approved in hi",
        ),
        (
            (replace(AT_META, category="UTILITY"),),
            "category",
            Check.WARN,
            "UTILITY at Meta, and was",
        ),
        (
            (replace(AT_META, components=({"type": "BODY", "text": "{{1}} {{2}}"},)),),
            "template",
            Check.FAIL,
            "other variables",
        ),
    ],
)
def test_what_meta_says_of_the_template(
    translations: Sequence[Template], line: str, verdict: Check, text: str
) -> None:
    found = only(look(templates=translations), line)
    assert text in found.text
    assert found.verdict is verdict
    assert found.fix


def test_rows_that_no_worker_takes() -> None:
    lines = [line for line in look(replace(FACTS, pending=4)).lines if line.id == "contacts"]
    assert [line.verdict for line in lines] == [Check.OK, Check.WARN]
    assert lines[1].text.startswith("4 rows pending")


def test_an_api_that_is_away_fails_nothing() -> None:
    away = Unanswered(Trouble.AWAY, "no connection")
    found = look(number=away, templates=away)
    assert not found.failures
    skipped = {line.id: line for line in found.having(Check.SKIPPED)}
    assert set(skipped) == {
        *("template", "category", "language"),
        *("token", "number", "quality", "throughput", "messaging_limit", "health"),
    }
    assert all(line.fix and "no connection" in skipped["number"].text for line in skipped.values())


@pytest.mark.parametrize(
    ("trouble", "line"),
    [(Trouble.NO_TOKEN, "token"), (Trouble.REFUSED, "token"), (Trouble.UNKNOWN, "number")],
)
def test_what_meta_refuses_fails(trouble: Trouble, line: str) -> None:
    refused = Unanswered(trouble, "Meta answered HTTP 401")
    found = look(number=refused, templates=refused)
    assert [one.id for one in found.failures] == [line]
    assert found.failures[0].fix


def test_rows_are_counted_by_what_is_wrong_with_them() -> None:
    found = look(
        groups=(
            group(83, {"var1": "Asha"}),
            group(12, {"var1": "a\nb"}),
            group(5, {"var1": "x", "var2": "y"}),
        )
    )
    first, *rest = [line for line in found.lines if line.id == "variables"]
    assert first.text == "17 of 100 rows cannot be sent as they are"
    assert [line.verdict for line in (first, *rest)] == [Check.FAIL] * 3
    assert rest[0].text == "hello: body {{1}} has a line break (12 rows, such as +44***0123)"
    assert "1 too many" in rest[1].text
    assert all("447700900123" not in line.text for line in found.lines)


def test_phones_as_other_programs_write_them() -> None:
    written = (("447700900123", 80), ("whatsapp:+447700900124", 12), ("00447700900125", 3))
    (line,) = [
        line for line in look(people=People(95, 0, 0, written=written)).lines if line.id == "phones"
    ]
    assert line.verdict is Check.OK
    assert line.text == (
        "15 rows written in another form, and read as numbers before they are sent "
        "(such as +44***0124, ***0125)"
    )


def test_phones_that_are_no_numbers() -> None:
    written = (("447700900123", 80), ("nan", 2), ("+49 171 3920012/3", 1), ("07700900126", 17))
    lines = [
        line
        for line in look(people=People(100, 0, 0, written=written)).lines
        if line.id == "phones"
    ]
    assert [line.verdict for line in lines] == [Check.FAIL] * 3
    assert lines[0].text.startswith("17 rows cannot be sent to: begins with 0: the country code")
    assert "two numbers?" in lines[2].text
    assert all(line.fix for line in lines)
    assert all("3920012" not in line.text for line in lines)


def test_a_campaign_without_country_codes() -> None:
    written = (("9876543210", 40), ("9812345670", 30), ("7012345678", 30))
    people = People(100, 0, 0, written=written)
    warned = [line for line in look(people=people).lines if line.verdict is Check.WARN]
    assert [line.id for line in warned] == ["phones"]
    assert "such as India" in warned[0].text
    assert "--default-region IN" in warned[0].fix


def test_one_person_in_two_spellings_is_told_before() -> None:
    spellings = (("551190000001", "5511990000001"),)
    people = People(100, 0, 0, perhaps=1, perhaps_samples=spellings)
    (line,) = [line for line in look(people=people).lines if line.id == "phones"]
    assert line.verdict is Check.WARN
    assert "1 person may be written to twice" in line.text
    assert "with and without Brazil's ninth digit" in line.text
    assert "551190000001" not in line.text


def test_rows_that_were_not_compared_are_told() -> None:
    found = look(groups=(group(60, {"var1": "Asha"}),), not_grouped=40)
    assert [line.verdict for line in found.lines if line.id == "variables"] == [
        Check.OK,
        Check.WARN,
    ]


def test_repeated_recipients() -> None:
    people = People(98, 1, 2, (("+447700900123", 3),))
    line = only(look(people=people), "recipients")
    assert line.verdict is Check.WARN
    assert "2 messages too many (+44***0123 3 times)" in line.text


def report(name: str, code: str) -> MediaReport:
    return MediaReport(f"https://example.com/{name}?token=secret", Where.URL, (finding(code, "x"),))


def test_media() -> None:
    reports = ((report("a", "video_sound"), 90), (report("b", "unreadable"), 10))
    lines = [
        line
        for line in look(media=MediaFacts(reports, left_out=3, more=True)).lines
        if line.id == "media"
    ]
    assert [line.verdict for line in lines] == [Check.FAIL, Check.OK, Check.WARN]
    assert lines[0].text.startswith("https://example.com/b (10 rows): ")
    assert "secret" not in lines[0].text
    assert lines[1].text == "1 file is sound"
    assert lines[2].text.startswith("3 or more further files")
    assert only(look(media=MediaFacts(skipped="away")), "media").verdict is Check.SKIPPED


def test_media_while_nothing_can_be_reached() -> None:
    gone = MediaReport("https://example.com/a", Where.URL, (finding("unreachable", "x"),))
    away = Unanswered(Trouble.AWAY, "no connection")
    media = MediaFacts(((gone, 100),))
    assert only(look(media=media), "media").verdict is Check.FAIL
    assert only(look(media=media, number=away), "media").verdict is Check.SKIPPED


def test_values_that_nobody_meant_stop_it_unless_they_are_allowed() -> None:
    groups = [group(97, {"var1": "Asha"}), group(3, {"var1": "#N/A"})]
    survey = LaneSurvey(LANE, 100, tuple(groups), 0)
    meta = {"n1": MetaFacts(NUMBER_AT_META, {"hello": (AT_META,)})}

    def found(*allowed: Unmeant) -> Line:
        judged = judge(FACTS, PEOPLE, [], [survey], meta, NO_MEDIA, allowed)
        return [line for line in judged.lines if line.id == "variables"][-1]

    assert found().verdict is Check.FAIL
    assert found().text == (
        "hello: body {{1}} holds no value, or a variable that nobody filled, such as “#N/A” "
        "(3 rows, such as +44***0123)"
    )
    assert found().fix.startswith("if it is meant, add --allow-placeholders; else correct the list")
    assert found(Unmeant.MARKUP).verdict is Check.FAIL
    assert found(Unmeant.PLACEHOLDER).verdict is Check.WARN


def test_limits_of_each_place() -> None:
    rules = rules_of(
        [
            {"type": "HEADER", "format": "TEXT", "text": "For {{1}}"},
            {"type": "BODY", "text": "Hi {{1}}"},
            {
                "type": "BUTTONS",
                "buttons": [
                    {"type": "URL", "text": "Go", "url": "https://example.com/{{1}}"},
                    {"type": "COPY_CODE", "text": "Copy"},
                ],
            },
        ],
        None,
    )
    assert rules.roles == ("header", "body", "suffix", "coupon")
    assert rules.limits == (60 - len("For "), 1024 - len("Hi "), 2000 - 20, 20)
    assert rules.body_times == (0, 1, 0, 0)
    assert rules.body_room == 1024 - len("Hi ")
    assert not rules.takes_media


@pytest.mark.parametrize(
    ("word", "limit"),
    [
        ("TIER_250", 250),
        ("TIER_2K", 2000),
        ("TIER_100K", 100_000),
        ("TIER_NOT_SET", None),
        ("", None),
    ],
)
def test_tiers(word: str, limit: int | None) -> None:
    assert tier_limit(word) == limit


def test_an_offer_that_is_over_or_ends_too_early() -> None:
    offer = {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"has_expiration": True}}
    known = replace(KNOWN, components=(offer,))
    over, soon = "1763898000000", "1763899201000"  # 11:40 and a second after noon, as it is now
    facts = replace(FACTS, known=(known,), now="2025-11-23T12:00:00Z")
    late = AlikeRows("var1:v", 3, "+447700900123", {"var1": over})
    fine = AlikeRows("var1:", 97, "+447700900123", {"var1": soon})
    survey = LaneSurvey(LANE, 100, (fine, late), 0, first_end=int(soon))
    lines = list(row_lines(facts, [survey]))
    assert [line.verdict for line in lines] == [Check.FAIL, Check.FAIL, Check.WARN]
    assert "3 of 100 rows cannot be sent" in lines[0].text
    assert "hello: the offer's end is over" in lines[1].text
    assert "hello: an offer ends" in lines[2].text
    later = replace(survey, groups=(fine,), first_end=int(soon) + 60_000)
    assert [line.verdict for line in row_lines(facts, [later])] == [Check.OK]
