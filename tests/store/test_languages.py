"""A campaign keeps its template's language, and what changes of the template is held and told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.campaigns import BODY_TEMPLATE, add_campaign, add_number, run, worker
from wacampaign.core.template.header_media import same_shape
from wacampaign.core.template.shape import UnusableTemplate, shape_of
from wacampaign.problems import Problem
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store
from wacampaign.store.templates import Templates
from wacampaign.store.work_queue import WorkQueue

OpenStore = Callable[[], Store]
Connection = psycopg.Connection[Any]


def translation(language: str, text: str = "Hello {{1}}", **more: Any) -> dict[str, Any]:
    return {
        "id": f"1{len(language)}",
        "name": "hello",
        "language": language,
        "status": "APPROVED",
        "category": "MARKETING",
        "components": [{"type": "BODY", "text": text}],
        "parameter_format": "POSITIONAL",
    } | more


EN, DE = translation("en"), translation("de", "Hallo {{1}}, {{2}}")


async def put(store: Store, number: str, *pages: dict[str, Any]) -> None:
    await store.call("put_templates", number_id=number, templates=json.dumps(pages), actor="test")


async def sent_as(store: Store, number: str, campaign: str) -> tuple[str, str | None]:
    """Language of a campaign's template, and why it is not sent."""
    (sending,) = await WorkQueue(store).sending([number])
    template = sending.templates[campaign, "hello"]
    return template["language"], template["changed"]


async def holds(store: Store, campaign: str) -> Sequence[Any]:
    return (await Campaigns(store).stats([campaign])).campaigns[0].holds


def events(sql: Connection, campaign: str, kind: str) -> list[Any]:
    return sql.execute(
        "select actor, reason, detail from wacampaign_events"
        " where campaign_id = %s and kind = %s order by id",
        (campaign, kind),
    ).fetchall()


def test_another_language_changes_no_campaign(open_test_store: OpenStore, sql: Connection) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 10)
        await put(store, number, EN, DE)
        # The backend's own sync leaves whichever language it read last; ours leaves it so.
        sql.execute(
            "update templates set language = 'de', components = %s, last_synced = now()",
            (json.dumps(DE["components"]),),
        )
        await put(store, number, EN, DE)
        row = sql.execute("select language from templates where name = 'hello'").fetchone()
        assert row == ("de",)
        assert await sent_as(store, number, campaign) == ("en", None)
        assert await holds(store, campaign) == ()
        # Nor does one that only the backend's own sync wrote, which knows one language a name.
        sql.execute("delete from wacampaign_translations")
        assert await sent_as(store, number, campaign) == ("en", None)
        (use,) = await Templates(store).uses(number, await Templates(store).of(number))
        assert (use.campaign.id, use.language) == (campaign, "en")

    run(open_test_store, scenario)


@pytest.mark.parametrize("status", ["APPROVED", "PAUSED"])
def test_the_backends_row_keeps_its_language(
    open_test_store: OpenStore, sql: Connection, status: str
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        # `de` comes first by its code, and is approved.
        await put(store, number, translation("en", status=status), DE)
        row = sql.execute("select language, status from templates where name = 'hello'").fetchone()
        assert row == ("en", status)
        # So the backend's next campaign goes out in the language that its UI shows.
        campaign = await add_campaign(store, number, 10)
        assert (await sent_as(store, number, campaign))[0] == "en"

    run(open_test_store, scenario)


def test_a_campaign_is_made_in_the_language_asked_for(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        await put(store, number, EN, translation("fr", "Bonjour {{1}}"))
        fields: dict[str, Any] = {
            "name": "a", "number_id": number, "templates": ["hello"], "total": 0, "invalid": 0,
            "actor": "test",
        }  # fmt: skip
        campaign = str(uuid4())
        for _ in range(2):
            await Campaigns(store).create(id=campaign, languages=["fr"], **fields)
        ((_, _, detail),) = events(sql, campaign, "created")
        assert detail == {"languages": {"hello": "fr"}}
        with pytest.raises(Problem, match="hello:it is not known"):
            await Campaigns(store).create(id=str(uuid4()), languages=["it"], **fields)
        assert sql.execute("select count(*) from campaigns").fetchone() == (1,)

    run(open_test_store, scenario)


def test_a_worker_of_before_gets_no_language_of_another_campaign(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store, templates=("hello", "other"))
        await add_campaign(store, number, 3, templates=("hello", "other"))
        await put(store, number, EN, translation("de"), translation("en", name="other"))

        async def known() -> dict[str, str]:
            # As it reads the answer: by name, the last wins.
            (sending,) = await store.call_list("sending", number_ids=[number])
            return {t["name"]: t["language"] for t in sending["templates"]}

        assert await known() == {"hello": "en", "other": "en"}
        german = await add_campaign(store, number, 3)
        assert await known() == {"hello": "en", "other": "en"}
        sql.execute(
            "update wacampaign_campaign_templates set language = 'de' where campaign_id = %s",
            (german,),
        )
        assert await known() == {"other": "en"}
        assert await sent_as(store, number, german) == ("de", None)

    run(open_test_store, scenario)


CHANGES = {
    "status": (translation("en", status="PAUSED"), "it is PAUSED"),
    "rejected": (
        translation("en", status="REJECTED", rejected_reason="SCAM"),
        r"it is REJECTED \(SCAM\)",
    ),
    "category": (translation("en", category="UTILITY"), "it is UTILITY, and was MARKETING"),
    "shape": (translation("en", "Hello {{1}}, {{2}}"), "it takes other variables"),
    "language": (DE, "Meta no longer has it"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_changed_is_held_by_the_sync_and_told(
    open_test_store: OpenStore, sql: Connection, what: str
) -> None:
    page, words = CHANGES[what]

    async def scenario(store: Store) -> None:
        number = await add_number(store, templates=("hello", "other"))
        other = translation("en", name="other")
        campaign = await add_campaign(store, number, 10, templates=("hello", "other"))
        alone = await add_campaign(store, number, 5)
        await put(store, number, page, other)
        (hold,) = await holds(store, campaign)
        assert (hold.scope, hold.template) == ("changed", "hello")
        assert re.search(words, hold.reason or ""), hold.reason
        step = "resume" if what in ("category", "shape") else "preflight"
        assert f"wacampaign {step} {campaign[:8]}" in (hold.reason or "")
        # The other template goes on; where nothing is left, the campaign is paused and says why.
        states = {c.id: c for c in (await Campaigns(store).stats([campaign, alone])).campaigns}
        assert states[campaign].status == "running"
        assert states[alone].status == "paused"
        assert re.search(words, states[alone].pause_reason or "")
        me = await worker(store)
        claimed = await WorkQueue(store).claim(me, uuid4(), 10, ahead_ms=5000)
        assert {row.template for row in claimed.rows} == {"other"}
        ((_, reason, _),) = events(sql, campaign, "held")
        assert reason == hold.reason
        # Again: the same hold, with what is known now.
        await put(store, number, page, other)
        assert len(await holds(store, campaign)) == 1
        await put(store, number, translation("en", status="DISABLED"), other)
        (hold,) = await holds(store, campaign)
        assert "it is DISABLED" in (hold.reason or "")
        (paused,) = (await Campaigns(store).stats([alone])).campaigns
        assert "it is DISABLED" in (paused.pause_reason or "")

    run(open_test_store, scenario)


def test_a_hold_ends_when_the_template_is_as_planned_again(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store, templates=("hello", "other"))
        other = translation("en", name="other")
        campaign = await add_campaign(store, number, 10, templates=("hello", "other"))
        alone = await add_campaign(store, number, 5)
        await put(store, number, translation("en", status="PAUSED"), other)
        uses = await Templates(store).uses(number, await Templates(store).of(number))
        assert {use.template: use.held for use in uses if use.campaign.id == campaign} == {
            "hello": True,
            "other": False,
        }
        await put(store, number, EN, other)
        assert await holds(store, campaign) == ()
        ((actor, _, detail),) = events(sql, campaign, "hold_lifted")
        assert (actor, detail) == ("test", {"template": "hello"})
        # Nobody starts by itself what was paused; restart-stuck sees that it may be.
        answer = await store.call("stuck", campaign_ids=[alone])
        (hold,) = answer["campaigns"][0]["holds"]
        assert hold["gone"] == "the template is as it was planned again"

    run(open_test_store, scenario)


def test_a_person_takes_the_template_as_it_is_now(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 10)
        before = (await WorkQueue(store).claim(await worker(store), uuid4(), 1)).campaigns
        await put(store, number, translation("en", category="UTILITY"))
        templates = Templates(store)
        (change,) = await templates.changes(campaign)
        assert change.changed == ("category",)
        assert change.in_words == "it is UTILITY, and was MARKETING"
        # It changes once more before he agrees.
        await put(store, number, translation("en", "Hello {{1}} {{2}}", category="UTILITY"))
        with pytest.raises(Problem, match="changed meanwhile"):
            await templates.take(campaign, [change], "test")
        (change,) = await templates.changes(campaign)
        assert change.changed == ("category", "shape")
        assert change.in_words.endswith("it needs 2 variables, and needed 1 variable")
        for _ in range(2):
            await templates.take(campaign, [change], "test")
        assert await templates.changes(campaign) == []
        ((actor, _, detail),) = events(sql, campaign, "templates_taken")
        assert actor == "test"
        assert detail[0]["was"]["category"] == "MARKETING"
        assert detail[0]["now"]["category"] == "UTILITY"
        await Campaigns(store).set_status(campaign, "resume", "test")
        assert await holds(store, campaign) == ()
        assert await sent_as(store, number, campaign) == ("en", None)
        # Workers hear of it with their next claim.
        after = (await WorkQueue(store).claim(await worker(store), uuid4(), 1)).campaigns
        assert before[0].planned is not None
        assert after[0].planned is not None
        assert after[0].planned > before[0].planned

    run(open_test_store, scenario)


def test_a_campaign_of_the_backend_is_planned_when_it_starts(
    open_test_store: OpenStore, sql: Connection
) -> None:
    def backend_makes(number: str, status: str) -> str:
        campaign = str(uuid4())
        sql.execute(
            "insert into campaigns (id, name, whatsapp_number_id, template_names, total_contacts,"
            " status) values (%s, 'theirs', %s, '{hello}', 3, %s)",
            (campaign, number, status),
        )
        sql.execute(
            "insert into send_queue (campaign_id, whatsapp_number_id, template_name, phone,"
            """ payload) select %s, %s, 'hello', '99900000000000' || g, '{"var1": "a"}'"""
            " from generate_series(1, 3) g",
            (campaign, number),
        )
        return campaign

    async def scenario(store: Store) -> None:
        number = await add_number(store)
        waits, starts, runs = (
            backend_makes(number, status) for status in ("paused", "paused", "running")
        )
        sql.execute("update campaigns set status = 'running' where id = %s", (starts,))
        ((actor, _, detail),) = events(sql, starts, "languages_planned")
        assert (actor, detail) == ("database", {"languages": {"hello": "en"}})
        assert await sent_as(store, number, runs) == ("en", None)
        # Its own sync switches the row, without asking anybody.
        sql.execute(
            "update templates set language = 'de', components = %s, last_synced = now()",
            (json.dumps(DE["components"]),),
        )
        for campaign in (starts, runs):
            assert await sent_as(store, number, campaign) == ("en", None)
        # What was not started then goes out as that row is now.
        sql.execute("update campaigns set status = 'running' where id = %s", (waits,))
        assert await sent_as(store, number, waits) == ("de", None)
        # Ours writes down before it changes anything.
        later = backend_makes(number, "paused")
        await put(store, number, EN)
        sql.execute("update campaigns set status = 'running' where id = %s", (later,))
        language, changed = await sent_as(store, number, later)
        assert language == "de"
        assert "Meta no longer has it" in (changed or "")

    run(open_test_store, scenario)


def test_the_backends_own_sync_is_seen_by_the_worker(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 3)
        sql.execute("update templates set status = 'DISABLED', last_synced = clock_timestamp()")
        language, changed = await sent_as(store, number, campaign)
        assert language == "en"
        assert "it is DISABLED" in (changed or "")
        # Damage says nothing: what was planned goes on.
        sql.execute("""update templates set status = 'APPROVED', components = '"broken"'""")
        (sending,) = await WorkQueue(store).sending([number])
        assert sending.templates[campaign, "hello"]["components"] == BODY_TEMPLATE
        assert sending.templates[campaign, "hello"]["changed"] is None

    run(open_test_store, scenario)


def test_rows_that_move_to_another_number_keep_the_language(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number, other = await add_number(store), await add_number(store)
        campaign = await add_campaign(store, number, 3)
        await put(store, other, DE, translation("en", status="PENDING"))
        sql.execute("update send_queue set whatsapp_number_id = %s", (other,))
        assert await sent_as(store, other, campaign) == ("en", None)
        # Where it is not there in this language, none goes out.
        third = await add_number(store)
        await put(store, third, DE)
        sql.execute("delete from wacampaign_translations where whatsapp_number_id = %s", (third,))
        sql.execute("update send_queue set whatsapp_number_id = %s", (third,))
        (sending,) = await WorkQueue(store).sending([third])
        assert (campaign, "hello") not in sending.templates

    run(open_test_store, scenario)


def test_what_no_row_needs_any_more_is_neither_held_nor_told(
    open_test_store: OpenStore, sql: Connection
) -> None:
    async def scenario(store: Store) -> None:
        number = await add_number(store, templates=("hello", "other"))
        campaign = await add_campaign(store, number, 4, templates=("hello", "other"))
        # By another program, before anything of the campaign was sent.
        sql.execute("update send_queue set status = 'failed' where template_name = 'hello'")
        await put(store, number, translation("en", "{{1}} {{2}}"), translation("en", name="other"))
        assert await holds(store, campaign) == ()
        assert await Templates(store).changes(campaign) == []
        # The rows were made for what was planned, which a repair goes by.
        lanes = await store.call_list("repair_lanes", campaign_id=campaign)
        made_for = {lane["template"]: lane["row_components"] for lane in lanes}
        assert made_for["hello"] == BODY_TEMPLATE
        # As soon as one is to be sent, it counts.
        sql.execute("update send_queue set status = 'ready' where template_name = 'hello'")
        (change,) = await Templates(store).changes(campaign)
        assert change.changed == ("shape",)

    run(open_test_store, scenario)


def fingerprint(sql: Connection, components: Any) -> Any:
    (found,) = sql.execute(
        "select wacampaign_template_fingerprint(%s)", (json.dumps(components),)
    ).fetchone() or (None,)
    return found


def test_wording_is_no_part_of_what_a_row_must_fill(sql: Connection) -> None:
    one = [
        {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["https://a/b"]}},
        {"type": "BODY", "text": "Helo {{1}}, {{2}}", "example": {"body_text": [["a", "b"]]}},
        {"type": "FOOTER", "text": "Bye"},
        {
            "type": "BUTTONS",
            "buttons": [
                {"type": "QUICK_REPLY", "text": "Yes"},
                {"type": "URL", "text": "Go", "url": "https://a.example/{{1}}", "example": ["x"]},
            ],
        },
    ]
    other: list[dict[str, Any]] = [
        {
            "buttons": [
                {"text": "No", "type": "quick_reply"},
                {"url": "https://a.example/{{1}}", "type": "URL", "text": "Go there"},
            ],
            "type": "BUTTONS",
        },
        {"text": "{{2}} says hello to {{1}} {{1}}", "type": "BODY"},
        {"format": "IMAGE", "type": "HEADER"},
    ]
    assert fingerprint(sql, one) == fingerprint(sql, other)
    named = [{"type": "BODY", "text": "{{first}} {{last}}"}]
    assert fingerprint(sql, named) != fingerprint(
        sql, [{"type": "BODY", "text": "{{last}} {{first}}"}]
    )
    for different in (
        one[1:],
        [{"type": "HEADER", "format": "VIDEO"}, *one[1:]],
        [*one[:3], {"type": "BUTTONS", "buttons": [one[3]["buttons"][1]]}],
        [*one, {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"has_expiration": True}}],
        [*one, {"type": "CAROUSEL", "cards": [{"components": one[:1]}]}],
    ):
        assert fingerprint(sql, one) != fingerprint(sql, different)


def test_a_one_time_passwords_button_is_one_kind_however_it_is_shown(sql: Connection) -> None:
    created = [
        {"type": "BODY", "add_security_recommendation": True},
        {"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "COPY_CODE"}]},
    ]
    shown = [
        {"type": "BODY", "text": "{{1}} is your code"},
        {
            "type": "BUTTONS",
            "buttons": [{"type": "URL", "url": "https://www.whatsapp.com/otp/code/?code=otp{{1}}"}],
        },
    ]
    assert fingerprint(sql, created) == fingerprint(sql, shown)


TEXTS = ["Hi", "Hi {{1}}", "{{1}} {{2}}", "{{2}} {{1}}", "{{a}}", "{{a}} {{b}}", "{{b}} {{a}}"]
BUTTONS = [
    {"type": "QUICK_REPLY", "text": "Yes"},
    {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+447700900001"},
    {"type": "URL", "text": "Go", "url": "https://a.example/{{1}}"},
    {"type": "URL", "text": "Go", "url": "https://a.example/"},
    {"type": "OTP", "otp_type": "COPY_CODE"},
    {"type": "COPY_CODE", "example": "SAVE"},
    {"type": "FLOW", "text": "Open"},
    {"type": "CATALOG", "text": "View"},
    {"type": "MPM", "text": "View"},
]
FORMATS = ["TEXT", "IMAGE", "VIDEO", "DOCUMENT", "LOCATION"]


@st.composite
def parts(draw: st.DrawFn, *, deep: bool = True) -> list[dict[str, Any]]:
    """Components of a template, of any kind, with or without each of its parts."""
    header = {
        "type": "HEADER",
        "format": draw(st.sampled_from(FORMATS)),
        "text": draw(st.sampled_from(TEXTS)),
    }
    made: list[dict[str, Any]] = [{"type": "BODY", "text": draw(st.sampled_from(TEXTS))}]
    made += [header] if draw(st.booleans()) else []
    if buttons := draw(st.lists(st.sampled_from(BUTTONS), max_size=3)):
        made.append({"type": "BUTTONS", "buttons": buttons})
    if deep and draw(st.integers(0, 3)) == 0:
        cards = draw(st.lists(parts(deep=False), min_size=2, max_size=2))
        made.append({"type": "CAROUSEL", "cards": [{"components": card} for card in cards]})
    if deep and draw(st.integers(0, 3)) == 0:
        ends = {"has_expiration": draw(st.booleans())}
        made.append({"type": "LIMITED_TIME_OFFER", "limited_time_offer": ends})
    return made


def usable(components: list[dict[str, Any]]) -> bool:
    try:
        shape_of(components)
    except UnusableTemplate:
        return False
    return True


def test_every_pair_of_simple_templates_that_is_alike_takes_the_same_rows(sql: Connection) -> None:
    simple: list[list[dict[str, Any]]] = []
    for text in TEXTS:
        body = {"type": "BODY", "text": text}
        simple += [[body], [body, {"type": "HEADER", "format": "TEXT", "text": "Hi {{1}}"}]]
        simple += [[{"type": "HEADER", "format": kind}, body] for kind in FORMATS]
    for first in BUTTONS:
        for rest in ([], *([second] for second in BUTTONS)):
            simple.append([BODY_TEMPLATE[0], {"type": "BUTTONS", "buttons": [first, *rest]}])
    simple = [one for one in simple if usable(one)]
    found = [fingerprint(sql, one) for one in simple]
    alike = 0
    for i, one in enumerate(simple):
        for j in range(i):
            if found[i] == found[j]:
                alike += 1
                assert same_shape(one, None, simple[j], None), (one, simple[j])
            elif same_shape(one, None, simple[j], None):
                raise AssertionError(f"rows fit both: {one} {simple[j]}")
    assert alike > 10


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(one=parts(), other=parts())
def test_what_the_database_takes_for_alike_takes_the_same_rows(
    sql: Connection, one: list[dict[str, Any]], other: list[dict[str, Any]]
) -> None:
    assume(usable(one) and usable(other))
    alike = same_shape(one, None, other, None)
    equal = fingerprint(sql, one) == fingerprint(sql, other)
    assert alike or not equal, "a change that rows do not survive was overlooked"
    reworded = json.loads(json.dumps(one).replace("Hi", "Hello"))
    assert fingerprint(sql, reworded) == fingerprint(sql, one)


KEYS = [
    "type",
    "text",
    "format",
    "buttons",
    "url",
    "cards",
    "components",
    "limited_time_offer",
    "has_expiration",
]
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["BODY", "{{1}}", "x", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "text",
                    "format",
                    "buttons",
                    "url",
                    "cards",
                    "components",
                    "limited_time_offer",
                    "has_expiration",
                ]
            ),
            inner
            | st.sampled_from(["BODY", "HEADER", "BUTTONS", "CAROUSEL", "LIMITED_TIME_OFFER"]),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damaged=ANY_JSON)
def test_damage_of_any_kind_raises_nothing(sql: Connection, damaged: Any) -> None:
    first = fingerprint(sql, damaged)
    # The order of keys is of no importance.
    assert fingerprint(sql, json.loads(json.dumps(damaged, sort_keys=True))) == first
