"""States of a database and an account that pages show commands on.

Ids, phones and times that show are the same in every run.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
from openpyxl import Workbook

from tests.servers import wait_until
from tests.worker.rig import TOKEN, WABA, Rig
from wacampaign.demo.account import open_account
from wacampaign.demo.night import ROWS_FIN, SAMPLE_URL, the_night
from wacampaign.demo.old_system import leave_behind
from wacampaign.sandbox.demo import DEMO_VIDEO
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store

NUMBER: Final = "200000000000001"
#: Recipients of the campaign of most scenes.
ROWS: Final = 300
CAMPAIGN: Final = "4e72e450-0c1d-4f5e-9a3b-7d2c1b0a9f8e"
#: An uploaded medium, as a list may name it instead of a URL.
MEDIA_ID: Final = "1166414875684243"
Payload = Callable[[int], dict[str, str]]

_HOST, _, _PATH = SAMPLE_URL.removeprefix("https://").partition("/")
_BODY: Final = {"type": "BODY", "text": "Dear {{1}}, today only: {{2}} off."}
_VIDEO: Final = {
    "type": "HEADER",
    "format": "VIDEO",
    "example": {"header_handle": [SAMPLE_URL]},
}
#: Ids of the first rows.
_FIRST: Final = "select id from send_queue order by id limit {}"


def _template(name: str, *components: dict[str, Any]) -> dict[str, Any]:
    kind = {"language": "en", "category": "MARKETING", "status": "APPROVED"}
    return {"name": name, **kind, "components": list(components)}


TEMPLATES: Final = (_template("offer", _BODY), _template("offer_video", _VIDEO, _BODY))


def _account(rig: Rig, *, rate: int = 500) -> str:
    """One number with a template of text and one with a video; its id in the database."""
    control = rig.sandbox.control
    control.put_number(
        NUMBER,
        waba_id=WABA,
        token=TOKEN,
        throughput="HIGH",
        display_phone_number="+44 7700 900001",
        verified_name="Offers",
    )
    control.put_templates(WABA, *TEMPLATES)
    control.put_hosted(_HOST, _PATH, DEMO_VIDEO, "video/mp4")

    async def enter(store: Store) -> str:
        added = await store.call(
            "number_add",
            phone_number_id=NUMBER,
            waba_id=WABA,
            number="447700900001",
            display_name="Offers",
            verified_name="Offers",
            quality_rating="GREEN",
            access_token=TOKEN,
            rate=rate,
            actor="test",
        )
        shown = [{"id": str(i), **one} for i, one in enumerate(TEMPLATES)]
        await store.call(
            "put_templates", number_id=added["id"], templates=json.dumps(shown), actor="test"
        )
        return str(added["id"])

    return rig.ask(enter)


def _text(i: int) -> dict[str, str]:
    return {"var1": f"Customer {i + 1}", "var2": "20 %"}


def _campaign(
    rig: Rig,
    number: str,
    *,
    template: str = "offer",
    payload: Payload = _text,
    start: bool = True,
    repeated: int = 0,
) -> None:
    """The campaign "offers": `ROWS` recipients, the first ones again."""
    rows = ROWS + repeated

    async def create(store: Store) -> None:
        await store.call(
            "create",
            id=CAMPAIGN,
            name="offers",
            number_id=number,
            templates=[template],
            total=rows,
            invalid=0,
            actor="asha",
        )
        await store.call(
            "enqueue",
            campaign_id=CAMPAIGN,
            number_id=number,
            ids=[str(UUID(int=(0x4E72 << 112) + i)) for i in range(rows)],
            phones=[_phone(i % ROWS) for i in range(rows)],
            templates=[template] * rows,
            payloads=[json.dumps(payload(i)) for i in range(rows)],
        )
        await store.call("filled", campaign_id=CAMPAIGN, actor="asha")
        if start:
            await Campaigns(store).set_status(CAMPAIGN, "start", "asha")

    rig.ask(create)


def _phone(i: int) -> str:
    """The i-th recipient: a number that nobody has."""
    return str(10_010_000_001 + i)


def _sql(rig: Rig, *statements: str) -> None:
    with psycopg.connect(rig.database) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def _work(rig: Rig) -> None:
    """A worker until nothing is left to do, by the name of a machine that every reader has."""
    worker = rig.start_worker("--until-idle")
    assert rig.finished(worker) == 0, rig.log_of(worker)
    _sql(rig, "update wacampaign_workers set host = 'app1', pid = 4121")


def _live_worker(rig: Rig) -> None:
    """What a worker that is alive leaves in the database; none runs, so nothing moves."""
    _sql(
        rig,
        "insert into wacampaign_workers (id, host, pid, version)"
        " values ('9b4c2d1e-0000-4000-8000-000000000001', 'app1', 4121, '0.1.0')",
    )


def night(rig: Rig) -> None:
    """10 November, 15:46: FIN NEW DATA "completed", Bajaj_market_2 stopped itself."""
    tonight = the_night(ROWS_FIN)
    open_account(rig.sandbox.control, TOKEN)
    leave_behind(rig.database, tonight, TOKEN)
    _sql(
        rig,
        # Samples are shown by id.
        "update send_queue set id = md5(campaign_id || phone)::uuid",
        "update campaigns set status = 'running', start_time = now()"
        f" where id = '{tonight.market_2.id}'",
    )
    _work(rig)


def shifted(rig: Rig) -> None:
    """12 November: the sample's URL before the CSV's variables, as the old backend sent it."""
    _shifted(rig, start=True)
    text = "(#132000) Number of parameters does not match the expected number of params"
    _sql(
        rig,
        f"update send_queue set status = 'failed', error_message = '{text}'",
        f"update campaigns set status = 'completed', end_time = now(), total_failed = {ROWS}",
    )


def shifted_before(rig: Rig) -> None:
    """The same, not started yet."""
    _shifted(rig, start=False)


def _shifted(rig: Rig, *, start: bool) -> None:
    _campaign(
        rig,
        _account(rig),
        template="offer_video",
        payload=lambda i: {
            "var1": SAMPLE_URL,
            "var2": SAMPLE_URL,
            "var3": f"Customer {i + 1}",
            "var4": "20 %",
        },
        start=start,
    )


def zero_zero(rig: Rig) -> None:
    """13 November: all done by the old backend, 0/0 in its counters, still "running"."""
    _campaign(rig, _account(rig))
    _sql(
        rig,
        "update send_queue set status = 'failed',"
        " error_message = '(#131026) Message undeliverable' where id in (" + _FIRST.format(4) + ")",
        "update send_queue set status = 'sent', whatsapp_message_id = 'wamid.old.' || phone"
        " where status = 'ready'",
        "update campaigns set total_sent = 0, total_failed = 0",
    )


def listed_twice(rig: Rig) -> None:
    """14 November: paging without an order gave some recipients twice."""
    _campaign(rig, _account(rig), start=False, repeated=40)


def spreadsheet(rig: Rig) -> None:
    """A workbook as people have it: a title, a number as a number, two phones in a cell, #N/A."""
    _account(rig)
    visit = {
        "name": "visit_reminder",
        "language": "en",
        "category": "UTILITY",
        "status": "APPROVED",
        "parameter_format": "NAMED",
        "components": [
            {"type": "BODY", "text": "Dear {{first_name}}, our engineer visits you on {{day}}."},
            {"type": "FOOTER", "text": "Reply STOP to be left alone"},
            {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Another day"}]},
        ],
    }
    rig.sandbox.control.put_templates(WABA, *TEMPLATES, visit)
    workbook = Workbook()
    sheet = workbook.active
    sheet.title = "Week 49"
    monday = datetime(2026, 11, 30)
    for row in (
        ("Visits of week 49",),
        ("Customer no.", "Mobile", "First name", "Visit", "E-mail"),
        (100231, "07700 900101", "Asha", monday, "asha@example.com"),
        (100232, 447700900102, "Ben", monday, "ben@example.com"),
        (100233, "07700 900103 / 900104", "Chloe", monday, "chloe@example.com"),
        (100234, "07700 900105", "#N/A", monday + timedelta(days=1), "x@example.com"),
        (100235, "(+44) 7700 900106", "Dev", monday + timedelta(days=1), "dev@example.com"),
        (100231, "+44 7700 900101", "Asha", monday, "asha@example.com"),
    ):
        sheet.append(row)
    for (cell,) in sheet.iter_rows(min_row=3, min_col=4, max_col=4):
        cell.number_format = "dddd d mmmm"
    workbook.create_sheet("Week 48").append(("old",))
    workbook.save(rig.home / "visits.xlsx")


def media_ids(rig: Rig) -> None:
    """15 November: the list names an uploaded medium, not a URL."""
    number = _account(rig)
    rig.sandbox.control.put_media(NUMBER, DEMO_VIDEO, "video/mp4", MEDIA_ID)
    _campaign(
        rig,
        number,
        template="offer_video",
        payload=lambda i: {"var1": MEDIA_ID, "var2": f"Customer {i + 1}", "var3": "20 %"},
        start=False,
    )


def taken(rig: Rig) -> None:
    """18 November: the old processor left rows in flight, and made rows ready that were sent."""
    _campaign(rig, _account(rig))
    _sql(
        rig,
        "update send_queue set status = 'processing' where id in (" + _FIRST.format(40) + ")",
        "update send_queue set whatsapp_message_id = 'wamid.old.' || phone where status = 'ready'",
        # 25 were put back by their age before there was a guard, though Meta had accepted them.
        "update send_queue set status = 'sent' where status = 'ready' and id not in (select id"
        " from send_queue where status = 'ready' order by id limit 25)",
        "update campaigns set total_sent = 260",
    )


def in_doubt(rig: Rig) -> None:
    """Four answers were lost on the way; the rest is sent."""
    _campaign(rig, _account(rig))
    for i in (50, 120, 190, 260):
        rig.sandbox.control.add_fault("drop_answer", recipient=_phone(i))
    _work(rig)


def killed(rig: Rig) -> None:
    """The machine killed the worker while seven messages were on the wire, ten minutes ago."""
    _campaign(rig, _account(rig))
    for i in range(200, 207):
        rig.sandbox.control.add_fault("hang", recipient=_phone(i), accept=True)
    worker = rig.start_worker()
    wait_until(lambda: rig.stats(CAMPAIGN)["counts"]["sent"] == ROWS - 7, 60, "all but seven sent")
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    rig.sandbox.control.clear_faults()
    _sql(
        rig,
        "update wacampaign_workers set host = 'app1', pid = 4121,"
        " last_beat_at = last_beat_at - interval '10 minutes'",
        "update send_queue set lease_until = lease_until - interval '10 minutes'"
        " where lease_until is not null",
    )


def waiting(rig: Rig) -> None:
    """All sent but 40 rows, whose next try is in an hour; a worker lives."""
    _campaign(rig, _account(rig))
    _sql(
        rig,
        "update send_queue set next_retry_at = now() + interval '1 hour', retry_count = 1"
        " where id in (" + _FIRST.format(40) + ")",
        "update send_queue set status = 'sent', whatsapp_message_id = 'wamid.1.' || phone"
        " where next_retry_at is null",
    )
    _live_worker(rig)


def throttled(rig: Rig) -> None:
    """Meta answered 130429, and the workers slowed the number down."""
    _campaign(rig, _account(rig))
    _live_worker(rig)
    _sql(
        rig,
        "insert into wacampaign_buckets (key, rate, rate_changed_at)"
        " select phone_number_id, 25, now() from whatsapp_numbers on conflict (key)"
        " do update set rate = 25, rate_changed_at = now()",
    )


def limited(rig: Rig) -> None:
    """Meta lets the portfolio write to 250 people a day; the campaign was not started."""
    number = _account(rig)
    rig.sandbox.control.put_number(NUMBER, whatsapp_business_manager_messaging_limit="TIER_250")
    _campaign(rig, number, start=False)
    _live_worker(rig)


def slow(rig: Rig) -> None:
    """The number's rate was left at 18 a second."""
    _campaign(rig, _account(rig, rate=18))
    _live_worker(rig)


def template_paused(rig: Rig) -> None:
    """Meta paused the template; since then it was released."""
    _campaign(rig, _account(rig))
    rig.sandbox.control.add_fault("error", code=132015)
    _work(rig)


def template_changed(rig: Rig) -> None:
    """Meta moved the template into another category while the campaign runs."""
    _campaign(rig, _account(rig))
    rig.sandbox.control.put_templates(
        WABA, next(t for t in TEMPLATES if t["name"] == "offer") | {"category": "UTILITY"}
    )


def another_language(rig: Rig) -> None:
    """Meta approved another language while the campaign runs."""
    _campaign(rig, _account(rig))
    offer = next(t for t in TEMPLATES if t["name"] == "offer")
    rig.sandbox.control.put_templates(WABA, offer | {"language": "de"})


def token(rig: Rig) -> None:
    """The access token ended."""
    _campaign(rig, _account(rig))
    rig.sandbox.control.revoke_token(TOKEN)
    _work(rig)


def paused(rig: Rig) -> None:
    """A colleague paused the campaign."""
    _campaign(rig, _account(rig))
    rig.ask(lambda store: Campaigns(store).set_status(CAMPAIGN, "pause", "asha"))


def database_away(rig: Rig) -> None:
    """Nothing listens where the database was."""
    rig.environment["DATABASE_URL"] = "postgresql://worker@127.0.0.1:9/postgres"


#: By the name that a page uses.
SCENES: Final[dict[str, Callable[[Rig], None]]] = {
    scene.__name__: scene
    for scene in (
        *(night, shifted, shifted_before, zero_zero, listed_twice, spreadsheet, media_ids, taken),
        in_doubt,
        *(
            killed,
            waiting,
            throttled,
            limited,
            slow,
            template_paused,
            template_changed,
            another_language,
            token,
            paused,
            database_away,
        ),
    )
}
