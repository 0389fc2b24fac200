"""`fix-media` when something is in the way: nothing half done, and the way on is named."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.campaigns import as_found
from tests.cli.conftest import Wacampaign
from tests.cli.test_fix_media import (
    FIRST,
    OLD,
    SECOND,
    TOKEN,
    VIDEO,
    WABA,
    market,
    media_of,
    put_video,
    sandbox,
    template,
)
from tests.servers import wait_until
from tests.store.test_repairs import snapshot
from wacampaign.core.words import short_id
from wacampaign.sandbox.process import SandboxProcess
from wacampaign.store.repairs import REPAIR_STEP

__all__ = ["market", "sandbox"]

Connection = psycopg.Connection[Any]


def second_number(sql: Connection, token: str = TOKEN) -> None:
    """Half of the rows are on it, with a template of the same name."""
    sql.execute(
        "insert into whatsapp_numbers (number, phone_number_id, waba_id, access_token)"
        " values ('447700900772', %s, %s, %s)",
        (SECOND, WABA, token),
    )
    sql.execute(
        "insert into templates (whatsapp_number_id, name, language, status, category, components)"
        " select n.id, t.name, t.language, t.status, t.category, t.components"
        " from templates t, whatsapp_numbers n where n.phone_number_id = %s",
        (SECOND,),
    )
    sql.execute(
        "update send_queue set whatsapp_number_id = (select id from whatsapp_numbers"
        " where phone_number_id = %s) where id in (select id from send_queue order by id limit 10)",
        (SECOND,),
    )


@pytest.fixture
def file(market: str, tmp_path: Path) -> str:
    assert market
    (tmp_path / "header.mp4").write_bytes(VIDEO)
    return "header.mp4"


def test_each_number_gets_its_own_upload(
    wacampaign: Wacampaign, market: str, file: str, sql: Connection
) -> None:
    second_number(sql)
    done = wacampaign("fix-media", market, "--upload", file, "--yes")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert "2 uploads to Meta, before any row changes" in done.stdout
    media = dict(
        sql.execute(
            "select n.phone_number_id, array_agg(distinct q.payload ->> 'var1') from send_queue q"
            " join whatsapp_numbers n on n.id = q.whatsapp_number_id"
            " where q.status = 'ready' group by 1"
        ).fetchall()
    )
    assert [len(media[FIRST]), len(media[SECOND])] == [1, 1]
    assert media[FIRST] != media[SECOND]


def test_an_upload_refused_between_two_numbers_changes_nothing(
    wacampaign: Wacampaign, market: str, file: str, sql: Connection
) -> None:
    second_number(sql, token="unknown-to-Meta")
    before = snapshot(sql)
    done = wacampaign("fix-media", market, "--upload", file, "--yes")
    assert done.exit_code == 4, done.stdout + done.stderr
    assert "→ " in done.stderr
    assert snapshot(sql) == before
    assert sql.execute("select count(*) from wacampaign_repairs").fetchone() == (0,)
    # With the token in place only the second is uploaded.
    sql.execute("update whatsapp_numbers set access_token = %s", (TOKEN,))
    done = wacampaign("fix-media", market, "--upload", file, "--yes")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert sql.execute("select count(*) from media_library").fetchone() == (2,)


@pytest.mark.parametrize("choice", [("--upload",), ("--from-template",), ("--media-id", "77")])
def test_no_api_and_a_wrong_token(
    wacampaign: Wacampaign, market: str, sql: Connection, choice: tuple[str, ...]
) -> None:
    before = snapshot(sql)
    away = {"WHATSAPP_API_URL": "http://127.0.0.1:9"}
    done = wacampaign("fix-media", market, *choice, "--yes", env=away)
    assert done.exit_code == 69, done.stdout + done.stderr
    assert "→ " in done.stderr
    sql.execute("update whatsapp_numbers set access_token = 'unknown-to-Meta'")
    done = wacampaign("fix-media", market, *choice, "--yes")
    assert done.exit_code == 4, done.stdout + done.stderr
    assert snapshot(sql) == before


def test_a_url_is_validated(
    wacampaign: Wacampaign, market: str, sandbox: SandboxProcess, sql: Connection
) -> None:
    before = snapshot(sql)
    done = wacampaign("fix-media", market, "--url", "https://media.example.org/none.mp4", "--yes")
    assert done.exit_code == 3, done.stdout + done.stderr
    assert "nothing was changed" in done.stderr
    assert snapshot(sql) == before
    url = put_video(sandbox)
    done = wacampaign("fix-media", market, "--url", url, "--yes")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert media_of(sql) == {url: 19, OLD: 1}


def test_the_samples_address_is_read_fresh_and_warned_of(
    wacampaign: Wacampaign, market: str, sandbox: SandboxProcess, sql: Connection
) -> None:
    sandbox.control.put_hosted("scontent.whatsapp.net", "/v/new.mp4", VIDEO, "video/mp4")
    new = "https://scontent.whatsapp.net/v/new.mp4"

    def signed(n: int) -> None:
        sandbox.control.put_templates(WABA, template(f"{new}?oh={n}&oe=7fffffff"))

    signed(1)
    done = wacampaign("fix-media", market, "--from-template", "--yes")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert "Meta may refuse to fetch it" in " ".join(done.stdout.split())
    assert media_of(sql) == {f"{new}?oh=1&oe=7fffffff": 19, OLD: 1}
    signed(2)
    done = wacampaign("fix-media", market, "--from-template", "--yes")
    assert "nothing was changed" in done.stdout
    # An upload of the sample does not warn of a link that nobody fetches.
    done = wacampaign("fix-media", market, "--upload", "--dry-run")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert "Links to" not in done.stdout


def test_several_campaigns_share_the_upload(
    wacampaign: Wacampaign, market: str, file: str, sql: Connection
) -> None:
    other = "6b6c39a6-0000-4000-8000-000000000002"
    sql.execute(
        "insert into campaigns (id, name, whatsapp_number_id, template_names, status)"
        " select %s, 'market_2', whatsapp_number_id, template_names, 'paused' from campaigns",
        (other,),
    )
    sql.execute(
        "insert into send_queue (campaign_id, whatsapp_number_id, template_name, phone, payload)"
        " select %s, whatsapp_number_id, template_name, phone, payload from send_queue limit 3",
        (other,),
    )
    done = wacampaign("fix-media", market, "market_2", "--upload", file, "--yes")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert "repair the header media of 2 campaigns" in done.stdout
    assert "repaired: 19 rows of market_1" in done.stdout
    assert "repaired: 3 rows of market_2" in done.stdout
    assert f"wacampaign start {other[:8]}    (it is paused)" in done.stdout
    assert sql.execute("select count(*) from media_library").fetchone() == (1,)
    # The second is cancelled in between: the first stays repaired, and that is said.
    sql.execute("update campaigns set status = 'failed' where id = %s", (other,))
    sql.execute(
        "insert into wacampaign_events (campaign_id, kind, actor) values (%s, 'cancelled', 't')",
        (other,),
    )
    sql.execute(
        "update send_queue set payload = payload || jsonb_build_object('var1', %s::text)",
        (OLD,),
    )
    done = wacampaign("fix-media", market, "market_2", "--upload", file, "--yes")
    assert done.exit_code == 6, done.stdout + done.stderr
    assert "repaired: 19 rows of market_1" in done.stdout
    assert "cancelled" in done.stderr


def test_of_two_templates_only_the_one_with_a_header(
    wacampaign: Wacampaign, market: str, file: str, sql: Connection
) -> None:
    sql.execute(
        "insert into templates (whatsapp_number_id, name, language, status, category, components)"
        " select id, 'plain', 'en', 'APPROVED', 'MARKETING', %s from whatsapp_numbers",
        (json.dumps([{"type": "BODY", "text": "Hello {{1}}"}]),),
    )
    sql.execute(
        "update send_queue set template_name = 'plain' where id in (select id from send_queue"
        " where status = 'ready' order by id limit 3)"
    )
    sql.execute(
        "update send_queue set template_name = 'unknown' where id in (select id from send_queue"
        " where status = 'ready' and template_name = 'hello' order by id limit 2)"
    )
    sql.execute("update templates set status = 'PAUSED' where name = 'hello'")
    done = wacampaign("fix-media", market, "--upload", file, "--code", "0", "--yes")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert "3 rows of plain left out: its header takes no media" in done.stdout
    assert "2 rows of unknown left out: it is not known here" in done.stdout
    assert "the template hello is PAUSED" in done.stdout
    assert media_of(sql)[OLD] == 18
    # What gets it going keeps the choice of rows.
    as_found(sql, "update campaigns set status = 'completed'")
    done = wacampaign("fix-media", market, "--upload", file, "--code", "135000", "--yes")
    assert done.stdout.splitlines()[-1].endswith("--code 135000 --restart")


def test_ctrl_c_says_what_changed_and_how_to_go_on(
    wacampaign: Wacampaign,
    market: str,
    sandbox: SandboxProcess,
    sql: Connection,
    database: str,
    environment: dict[str, str],
) -> None:
    sql.execute(
        "insert into send_queue (campaign_id, whatsapp_number_id, template_name, phone, payload)"
        " select campaign_id, whatsapp_number_id, template_name, phone, payload"
        " from send_queue, generate_series(1, 900) where status = 'failed'"
        " and whatsapp_message_id is null"
    )
    before = snapshot(sql)
    media_id = sandbox.control.put_media(FIRST, VIDEO, "video/mp4")
    command = ["fix-media", market, "--media-id", media_id, "--yes"]
    with psycopg.connect(database) as other:
        # The second step waits for this row.
        other.execute(
            "select 1 from send_queue where id = (select max(id::text)::uuid"
            " from send_queue where status = 'ready') for update"
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "wacampaign", *command],
            env=os.environ | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            wait_until(lambda: media_of(sql).get(media_id), what="a step of the repair")
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()
            process.wait()
    some = media_of(sql)[media_id]
    assert process.returncode == 130
    assert REPAIR_STEP - 1 <= some <= REPAIR_STEP
    assert f"interrupted: {some:,} rows of market_1" in said
    assert f"--media-id {media_id}" in said
    repair = sql.execute("select id::text from wacampaign_repairs").fetchone()
    assert repair is not None
    assert f"--undo {short_id(repair[0])}" in said
    done = wacampaign("fix-media", market, "--undo", short_id(repair[0]), "--yes")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert snapshot(sql) == before


def test_lines_fit_a_terminal(
    wacampaign: Wacampaign, market: str, sandbox: SandboxProcess, sql: Connection
) -> None:
    second_number(sql)
    sql.execute(
        "update send_queue set payload = jsonb_build_object('var1', 'https://media.example.org'"
        " || repeat('/long', 30) || '.mp4') where status = 'ready'"
    )
    sandbox.control.put_hosted("scontent.whatsapp.net", "/v/new.mp4", VIDEO, "video/mp4")
    url = "https://scontent.whatsapp.net/v/new.mp4"
    sandbox.control.put_templates(WABA, template(url))
    printed = ""
    for arguments in (
        ("--upload", "--dry-run"),
        ("--from-template", "--code", "135000", "--dry-run"),
        ("--number", SECOND, "--dry-run"),
        ("--upload", "--yes"),
    ):
        done = wacampaign("fix-media", market, *arguments)
        assert done.exit_code == 0, done.stdout + done.stderr
        printed += done.stdout
    repair = sql.execute("select id::text from wacampaign_repairs").fetchone()
    assert repair is not None
    printed += wacampaign("fix-media", market, "--undo", repair[0], "--dry-run").stdout
    assert [line for line in printed.splitlines() if len(line) > 80] == []


def test_the_sample_is_that_of_the_rows_language(
    wacampaign: Wacampaign, market: str, sandbox: SandboxProcess, sql: Connection
) -> None:
    # Meta's pages have `ar` first, with a sample of its own.
    waba, samples = "100000000000778", {}
    for language in ("ar", "en"):
        path = f"/v/{language}.mp4"
        sandbox.control.put_hosted("scontent.whatsapp.net", path, VIDEO, "video/mp4")
        samples[language] = f"https://scontent.whatsapp.net{path}"
    pages = {code: template(url) | {"language": code} for code, url in samples.items()}
    sandbox.control.put_waba(waba, TOKEN)
    sandbox.control.put_number(FIRST, waba_id=waba)
    sandbox.control.put_templates(waba, pages["ar"])
    sql.execute("update whatsapp_numbers set waba_id = %s", (waba,))
    try:
        done = wacampaign("fix-media", market, "--from-template", "--yes")
        assert done.exit_code == 6, done.stdout + done.stderr
        assert "no approved template 'hello' in en, which the rows go out in, but in ar" in (
            done.stderr
        )
        sandbox.control.put_templates(waba, pages["en"])
        done = wacampaign("fix-media", market, "--from-template", "--yes")
        assert done.exit_code == 0, done.stdout + done.stderr
        assert media_of(sql) == {samples["en"]: 19, OLD: 1}
    finally:
        sandbox.control.put_number(FIRST, waba_id=WABA)
