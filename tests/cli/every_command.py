"""Every command of the command line with arguments that make it say much, and hostile data.

A test asks the app for its commands and looks here for each: a new command needs a line.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.campaigns import BODY_TEMPLATE, add_campaign, add_number, run_on
from wacampaign.cli.reference import helps
from wacampaign.store.store import Store

#: Renames the window, clears the screen, writes over the line, forges lines, turns the direction.
HOSTILE = (
    "a\x1b]0;owned\x07b\x1b[2J\x1b[1;31mc\rFORGED d\nFORGED e\x85FORGED f\u2028FORGED g"
    "\x9b31mh\x9d0;owned\x9ci\u202ej\u2066k\x08\x7fl\tm"
)
#: With the code in front as Meta writes it, so that it is counted.
HOSTILE_ERROR = f"(#135000) {HOSTILE}"
NUMBER, WABA = "100000000000001", "2000000001"
#: At a closed port: nobody answers.
NOWHERE = "http://127.0.0.1:9"
#: No repair, no campaign.
NOBODY = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Stage:
    """Campaigns whose every text is hostile, one in each state, and files beside them."""

    running: str
    paused: str
    failed: str
    completed: str
    environment: dict[str, str]


#: Path of the command → arguments, each set with its exit code. `{running}` and so on are ids.
LINES: dict[str, list[tuple[str, int]]] = {
    "create": [
        ("--csv {csv} --number {number} --template {template} --dry-run", 0),
        ("--csv {csv} --number {number} --template {template} --dry-run --json", 0),
        ("--csv {csv} --number {number} --template {hostile}", 6),
        ("--csv {hostile} --number {number} --template {template} --yes", 2),
    ],
    "run-worker": [
        ("{running} --until-idle --log-format json", 0),
        ("{hostile} --until-idle", 5),
    ],
    "alert test": [
        ("", 78),
        ("--env-file {hostile}", 78),
    ],
    "webhook": [
        ("--forward {hostile}", 78),
        ("--forward http://127.0.0.1:8789/x", 2),
        ("--env-file {hostile}", 78),
    ],
    "webhook subscribe": [
        ("--dry-run", 69),
        ("--dry-run --json", 69),
        ("--url {hostile}", 2),
        ("--waba {hostile}", 2),
    ],
    "pm2": [
        ("", 0),
        ("--webhook --systemd", 0),
        ("--port 9", 2),
        ("--env-file {hostile}", 78),
    ],
    "preflight": [("{running}", 3), ("{running} --json", 3), ("{hostile}", 5)],
    "start": [
        ("{paused}", 6),
        ("{paused} --skip-preflight --at 2001-01-01", 2),
        ("{paused} --skip-preflight --dry-run", 0),
        ("{paused} --at {hostile}", 2),
    ],
    "pause": [
        ("{running} --dry-run", 0),
        ("{running} --dry-run --json", 0),
        ("{paused} --yes", 0),
        ("{completed} --yes", 6),
    ],
    "resume": [("{paused} --dry-run", 0), ("{completed} --yes", 6)],
    "cancel": [("{paused} --dry-run", 0), ("{paused}", 6)],
    "daily-window": [
        ("{running}", 0),
        ("{running} 09:00-20:00 --dry-run --json", 0),
        ("{running} {hostile}", 2),
        ("{hostile}", 5),
    ],
    "restart-stuck": [("--dry-run", 0), ("--in-doubt resend", 6), ("--in-doubt {hostile}", 2)],
    "retry-failed": [("{failed} --code 135000 --dry-run", 0), ("{running} --code 3", 0)],
    "fix-media": [
        ("{failed} --url {nowhere} --dry-run", 6),
        ("{failed} --undo {nobody}", 6),
        ("{failed} --undo {hostile}", 6),
    ],
    "list": [
        ("", 0),
        ("--json", 0),
        ("--status failed --since 7d --show-numbers", 0),
        ("--number {hostile}", 6),
        ("--since {hostile}", 2),
    ],
    "events": [
        ("{failed}", 0),
        ("{failed} --json", 0),
        ("{running} --limit 3 --show-numbers", 0),
        ("{hostile}", 5),
        ("{failed} --since {hostile}", 2),
    ],
    "monitor": [("--once", 0), ("--once --json", 0), ("{completed}", 0), ("{hostile}", 5)],
    "queue-stats": [("", 0), ("--json", 0), ("{running} {paused} {failed}", 0), ("{hostile}", 5)],
    "failures": [
        ("{failed} --code 135000", 0),
        ("{failed} --json", 0),
        ("{failed} --csv {out}", 0),
        ("{failed} --csv {hostile}/x.csv", 2),
    ],
    "investigate-135000": [
        ("{failed}", 0),
        ("{failed} --no-probe --json", 0),
        ("{failed} --no-probe --report {hostile}/x.md", 2),
        ("{running}", 0),
    ],
    "report": [
        ("{failed} --out {folder}/report.html", 0),
        ("{completed} --out {folder}/report.md --compare {failed} --json", 0),
        ("{running} --out {hostile}/x.pdf", 2),
        ("{hostile} --out {folder}/report.md", 5),
    ],
    "inbox": [
        ("", 0),
        ("--json --show-numbers", 0),
        ("{completed}", 0),
        ("{hostile}", 5),
        ("--since {hostile}", 2),
    ],
    "optouts list": [("", 0), ("--json", 0)],
    "optouts add": [
        ("+447700900005 --reason {hostile} --yes", 0),
        ("+447700900006 --dry-run", 0),
        ("{hostile} --yes", 2),
    ],
    "optouts remove": [("+447700900007 --dry-run", 0), ("{hostile} --yes", 2)],
    "optouts import": [("--csv {csv} --dry-run", 0), ("--csv {hostile} --yes", 2)],
    "optouts export": [("--csv {folder}/optouts.csv", 0), ("--csv {hostile}/x.csv", 2)],
    "explain": [("135000", 0), ("135000 --json", 0), ("{hostile}", 2)],
    "results": [
        ("{failed} --json", 0),
        ("{failed} --csv - --show-numbers", 0),
        ("{failed} --csv {out} --state refused", 6),
        ("{failed} --csv - --state {hostile}", 2),
        ("{hostile} --csv -", 5),
    ],
    "prune": [
        ("--dry-run", 0),
        ("--yes --json", 0),
        ("--details {hostile}", 2),
    ],
    "audit": [("", 0), ("--json", 0), ("{failed}", 0), ("{running} --show-numbers", 0)],
    # Meta is away on this stage.
    "doctor": [
        ("", 3),
        ("--json", 3),
        ("--fix --dry-run", 3),
        ("--yes", 2),
        ("--env-file {hostile}", 3),
    ],
    "number add": [
        ("{number} --waba {waba} --offline --yes", 0),
        ("{number} --waba {waba} --offline --dry-run --json", 0),
        ("{hostile} --waba {waba} --yes", 2),
    ],
    "number list": [("", 0), ("--json", 0)],
    "number set": [
        ("{number} --marketing-endpoint auto --dry-run", 0),
        ("{number} --marketing-endpoint on --product-policy STRICT --yes --json", 0),
        ("{number} --marketing-endpoint {hostile}", 2),
        ("{hostile} --marketing-endpoint on", 6),
    ],
    "templates sync": [("", 69), ("--json", 69), ("--number {hostile}", 6)],
    "templates list": [("--all", 0), ("--json", 0)],
    "templates copy": [("hello {hostile}", 2), ("{hostile} copy", 69), ("hello copy --json", 69)],
    "demo": [("--campaign-size {hostile}", 2)],
    "sandbox": [("--port {hostile}", 2), ("--webhook-url {hostile}", 2)],
    "sandbox fault set": [
        ("135000 --template {hostile}", 69),
        ("{hostile}", 2),
        ("hang --url {hostile}", 2),
        ("slow --seconds 1 --json", 69),
    ],
    "sandbox fault list": [("", 69), ("--known", 0), ("--known --json", 0)],
    "sandbox fault clear": [("{hostile}", 69), ("--json", 69)],
    "db migrate": [("--dry-run", 0), ("--env-file {hostile}", 78)],
    "db sql": [("", 0), ("--output-dir {csv}/x", 2)],
    "db check": [("", 0), ("--json", 0)],
}


def paths() -> list[str]:
    """Every command of the app, without `wacampaign`."""
    return [path.removeprefix("wacampaign ") for path, _ in helps()]


def lines(stage: Stage, folder: Path, *, of_each: int | None = None) -> list[tuple[list[str], int]]:
    """Every command line, or so many of each command, filled in, with its exit code."""
    filled = {
        "{running}": stage.running,
        "{paused}": stage.paused,
        "{failed}": stage.failed,
        "{completed}": stage.completed,
        "{number}": NUMBER,
        "{waba}": WABA,
        "{template}": "hello",
        "{hostile}": HOSTILE,
        "{nobody}": NOBODY,
        "{nowhere}": f"{NOWHERE}/video.mp4",
        "{folder}": str(folder),
        "{csv}": str(folder / f"list{HOSTILE.replace('/', '')}.csv"),
        "{out}": str(folder / f"failed{HOSTILE}.csv"),
    }

    def word(text: str) -> str:
        for name, value in filled.items():
            text = text.replace(name, value)
        return text

    return [
        ([*path.split(), *map(word, arguments.split())], code)
        for path, of_path in LINES.items()
        for arguments, code in of_path[:of_each]
    ]


def set_the_stage(database: str, folder: Path) -> Stage:
    """Seeds the database; `folder` gets a contact list with a hostile name and hostile rows."""
    csv = folder / f"list{HOSTILE.replace('/', '')}.csv"
    csv.write_text(f'phone,name\n+447700900001,Ann\n+447700900002,"{HOSTILE}"\n"x{HOSTILE}",Eve\n')
    ids = run_on(database, _campaigns)
    with psycopg.connect(database, autocommit=True) as sql:
        _make_hostile(sql, ids)
    return Stage(*ids, environment={})


async def _campaigns(store: Store) -> list[str]:
    number = await add_number(store, phone_number_id=NUMBER, waba_id=WABA)
    return [await add_campaign(store, number, 6, name=f"c{i}", start=i == 0) for i in range(4)]


def _make_hostile(sql: psycopg.Connection[Any], ids: list[str]) -> None:
    running, paused, failed, completed = ids
    for i, one in enumerate(ids):
        sql.execute("update campaigns set name = %s where id = %s", (f"{i} {HOSTILE}", one))
    sql.execute("update campaigns set pause_reason = %s where status = 'paused'", (HOSTILE,))
    sql.execute(
        "update send_queue set status = 'failed', error_message = %s where campaign_id = %s",
        (HOSTILE_ERROR, failed),
    )
    sql.execute(
        "update send_queue set status = 'sent', whatsapp_message_id = 'wamid.' || id"
        " where campaign_id = %s",
        (completed,),
    )
    sql.execute(
        "update campaigns set status = 'completed', start_time = now(), end_time = now()"
        " where id = any(%s)",
        ([failed, completed],),
    )
    # Rows in doubt, of a worker that is lost; and rows that another program left.
    sql.execute(
        "update send_queue set status = 'processing', in_doubt_since = now(), error_message = %s"
        " where id in (select id from send_queue where campaign_id = %s limit 2)",
        (HOSTILE, paused),
    )
    # A person who wrote, and one who said stop.
    sql.execute(
        "insert into wacampaign_inbound (wamid, at, person, phone, name, kind, body, source,"
        " campaign_id) values (%s, now(), '447700900008', '447700900008', %s, 'text', %s, 'x', %s)",
        (HOSTILE, HOSTILE, HOSTILE, completed),
    )
    sql.execute("select wacampaign_keep_conversations(array[%s], '{}', '{}')", (HOSTILE,))
    sql.execute(
        "insert into wacampaign_optouts (person, phone, since, cause, evidence)"
        " values ('447700900008', '447700900008', now(), %s, %s)",
        (HOSTILE, HOSTILE),
    )
    sql.execute(
        "update whatsapp_numbers set display_name = %s, verified_name = %s, quality_rating = %s",
        (HOSTILE, HOSTILE, HOSTILE),
    )
    sql.execute(
        "insert into templates (whatsapp_number_id, name, category, language, status, components,"
        " last_synced, is_active, is_quarantined) select id, %s, %s, %s, 'REJECTED', %s, now(),"
        " true, false from whatsapp_numbers",
        (HOSTILE, "MARKETING", HOSTILE[:60], json.dumps(BODY_TEMPLATE)),
    )
    sql.execute(
        "update send_queue set template_name = %s where id in"
        " (select id from send_queue where campaign_id = %s and status = 'ready' limit 1)",
        (HOSTILE, paused),
    )
    sql.execute(
        "update send_queue set payload = jsonb_build_object('var1', %s::text)"
        " where campaign_id = %s and status = 'ready'",
        (HOSTILE, running),
    )
    sql.execute(
        "insert into wacampaign_holds (scope, whatsapp_number_id, campaign_id, code, reason)"
        " select 'number', whatsapp_number_id, null, 131031, %s from campaigns where id = %s",
        (HOSTILE, running),
    )
    sql.execute(
        "insert into wacampaign_workers (id, host, pid, version, in_flight)"
        " values (gen_random_uuid(), %s, 1, %s, 0)",
        (HOSTILE, HOSTILE),
    )
