"""Who a row means, the same in the database and in Python, however another program wrote it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.campaigns import add_campaign, add_number, run
from wacampaign.core.bad_phone import BadPhone
from wacampaign.core.national_spellings import person_of
from wacampaign.core.phones import normalize_phone, recipient
from wacampaign.operations.audit import audit_campaigns
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.preflight_facts import PreflightFacts
from wacampaign.store.store import Store

OpenStore = Callable[[], Store]
SQL = psycopg.Connection[Any]

#: Forms that programs write into a queue.
FORMS = (
    *("{}", "+{}", "00{}", "whatsapp:+{}", "whatsapp:{}", "tel:+{}", "{}.0", "{}@c.us"),
    *("{}@s.whatsapp.net", "wa.me/{}", "https://wa.me/{}?text=12", " +{} ", "\u200e+{}\u00a0"),
    *("https://api.whatsapp.com/send?phone={}&text=1", "(+{})", "'+{}"),
)
PHONES = st.one_of(
    st.from_regex(r"55[1-9][0-9]9[0-9]{8}", fullmatch=True),
    st.from_regex(r"55[1-9][0-9][2-9][0-9]{7}", fullmatch=True),
    st.from_regex(r"549[0-9]{10}", fullmatch=True),
    st.from_regex(r"54[1-3][0-9]{9}", fullmatch=True),
    st.from_regex(r"549?(11|[23][0-9]{2,3})15[0-9]{6,8}", fullmatch=True),
    st.from_regex(r"521?[0-9]{10}", fullmatch=True),
    st.from_regex(r"[1-9][0-9]{7,14}", fullmatch=True),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(phones=st.lists(PHONES, min_size=1, max_size=20))
def test_a_person_is_the_same_in_the_database(sql: SQL, phones: list[str]) -> None:
    rows = sql.execute(
        "select p, wacampaign_person(p) from unnest(%s::text[]) as p", (phones,)
    ).fetchall()
    assert [(phone, person) for phone, person in rows] == [(p, person_of(p)) for p in phones]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(phone=PHONES, seed=st.randoms(use_true_random=False))
def test_a_form_means_the_same_in_the_database(sql: SQL, phone: str, seed: random.Random) -> None:
    try:
        digits = normalize_phone(phone)
    except BadPhone:
        return
    if digits != phone:
        return  # a trunk digit was taken out: the database does not know the plans
    written = seed.choice(FORMS).format(phone)
    assert recipient(written) == digits
    (found,) = sql.execute("select wacampaign_digits(%s)", (written,)).fetchone() or ("",)
    assert found == digits


def write(sql: SQL, campaign: str, phones: list[str]) -> None:
    """Gives the campaign's rows these phones."""
    ids = sql.execute(
        "select id from send_queue where campaign_id = %s order by id", (campaign,)
    ).fetchall()
    for (row,), phone in zip(ids, phones, strict=True):
        sql.execute("update send_queue set phone = %s where id = %s", (phone, row))


ROWS = [
    "5511990000001",
    "551190000001",  # the same without the ninth digit
    "whatsapp:+5215500000001",
    "525500000001",  # the same without Mexico's 1
    "447700900123",
    "+44 7700 900123",  # the same number, for certain
    "447700900124",
]


def test_a_preflight_sees_people_in_all_spellings_and_forms(
    open_test_store: OpenStore, sql: SQL
) -> None:
    async def scene(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, len(ROWS), start=False)
        write(sql, campaign, ROWS)
        people = await PreflightFacts(store).people(campaign)
        assert (people.people, people.repeated, people.surplus, people.perhaps) == (4, 1, 1, 2)
        assert people.samples == (("447700900123", 2),)
        assert people.perhaps_samples == (
            ("5215500000001", "525500000001"),
            ("551190000001", "5511990000001"),
        )
        assert sum(n for _, n in people.written) == len(ROWS)
        assert ("whatsapp:+5215500000001", 1) in people.written
        assert people.not_looked_at == 0

    run(open_test_store, scene)


def test_phones_that_are_written_alike_are_one_group(open_test_store: OpenStore, sql: SQL) -> None:
    async def scene(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, 40, start=False)
        phones = [f"4477009001{i:02}" for i in range(20)]
        write(sql, campaign, phones + [f"+44 7700 9001{i:02}" for i in range(20)])
        people = await PreflightFacts(store).people(campaign)
        assert sorted(people.written) == [("+44 7700 900100", 20), ("447700900100", 20)]

    run(open_test_store, scene)


def test_the_audit_names_people_who_may_have_got_it_twice(
    open_test_store: OpenStore, sql: SQL, tmp_path
) -> None:
    async def scene(store: Store) -> None:
        number = await add_number(store)
        campaign = await add_campaign(store, number, len(ROWS))
        write(sql, campaign, ROWS)
        sql.execute(
            "update send_queue set status = 'sent', whatsapp_message_id = 'wamid.' || id"
            " where campaign_id = %s",
            (campaign,),
        )
        answer = await Campaigns(store).audit(campaign)
        assert (answer["recipients_repeated"], answer["perhaps_repeated"]) == (1, 2)
        (audited,) = await audit_campaigns(store, tmp_path, [campaign], [].append)
        assert audited.duplicates == 0
        (said,) = [line for line in audited.findings() if "same person" in line]
        assert said.startswith("attention: 2 that may be the same person twice")
        assert "+55***0001 (12 digits) and +55***0001 (13 digits)" in said
        assert "90000001" not in said

    run(open_test_store, scene)
