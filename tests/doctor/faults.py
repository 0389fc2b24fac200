"""Faults that a doctor has to find: how each is planted, and how it is mended."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.doctor.rig import Installation
from wacampaign import __version__
from wacampaign.core.preflight.model import Check
from wacampaign.sandbox.demo import (
    DEMO_APP_ID,
    DEMO_APP_SECRET,
    DEMO_PHONE_NUMBER_ID,
    DEMO_TOKEN,
    DEMO_WABA_ID,
)

Act = Callable[[Installation], object]
#: At a closed port: nobody answers.
NOWHERE = "http://127.0.0.1:9"
#: Nothing but the fix as it is printed.
AS_PRINTED = "as printed"


@dataclass(frozen=True)
class Typed:
    """The fix as it is printed, and a word more: it would not end by itself."""

    more: str


@dataclass(frozen=True)
class Worded:
    """A command that is part of a sentence, and a word that answers its question."""

    pattern: str
    more: str = ""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong."""

    #: The check that finds it.
    check: str
    verdict: Check
    plant: Act
    #: A word of what is said.
    said: str
    #: What a person does beside or in place of the printed fix; None: that is no part of a test.
    mend: Act | str | Typed | Worded | None = AS_PRINTED
    #: Other checks that find the same.
    also: tuple[str, ...] = ()
    only: str | None = None


def sql(statement: str) -> Act:
    return lambda made: made.run_sql(statement)


def env(**changed: str | None) -> Act:
    return lambda made: made.write_env(**changed)


def pm2(**changed: object) -> Act:
    return lambda made: made.write_pm2(**changed)


def both(*acts: Act) -> Act:
    return lambda made: [act(made) for act in acts]


def taken_by_another(made: Installation) -> None:
    campaign = made.campaign()
    made.sql.execute(
        "update send_queue set status = 'processing', updated_at = now() where id in"
        " (select id from send_queue where campaign_id = %s limit 3)",
        (campaign,),
    )


def doubt_made_ready(made: Installation) -> None:
    campaign = made.campaign()
    made.run_sql("alter table send_queue disable trigger wacampaign_guard_row")
    made.sql.execute(
        "update send_queue set in_doubt_since = now() where id in"
        " (select id from send_queue where campaign_id = %s limit 2)",
        (campaign,),
    )
    made.run_sql("alter table send_queue enable trigger wacampaign_guard_row")


def sent_made_ready(made: Installation) -> None:
    campaign = made.campaign()
    made.sql.execute(
        "update send_queue set status = 'sent', whatsapp_message_id = 'wamid.' || id where"
        " campaign_id = %s",
        (campaign,),
    )
    made.sql.execute("update send_queue set status = 'ready' where campaign_id = %s", (campaign,))
    made.sql.execute("update campaigns set total_sent = 20 where id = %s", (campaign,))


def orphans(made: Installation) -> None:
    campaign = made.campaign()
    made.sql.execute(
        "insert into messages (whatsapp_number_id, user_phone, direction, message_type,"
        " campaign_id, whatsapp_message_id) select %s, '999000000000001', 'outgoing', 'template',"
        " %s, 'w.' || n"
        " from generate_series(1, 50) as n",
        (made.number, campaign),
    )
    made.sql.execute(
        "insert into message_status_logs (whatsapp_message_id, status, whatsapp_number_id)"
        " select 'w.' || n, 'delivered', %s from generate_series(1, 50) as n",
        (made.number,),
    )


def silent(*minutes: int) -> Act:
    """Messages were accepted so many minutes ago, and the last status is a day old."""

    def plant(made: Installation) -> None:
        _silent(made, minutes)

    return plant


def _silent(made: Installation, minutes: tuple[int, ...]) -> None:
    campaign = made.campaign()
    made.sql.execute("delete from send_queue where campaign_id = %s", (campaign,))
    made.sql.execute("update campaigns set status = 'completed' where id = %s", (campaign,))
    made.sql.execute("delete from wacampaign_events where kind = 'rows_deleted'")
    made.sql.execute("update campaigns set total_sent = 20 where id = %s", (campaign,))
    made.sql.execute(
        "insert into wacampaign_runs (campaign_id, last_settled_at) values (%s, now() -"
        " make_interval(mins => %s)) on conflict (campaign_id) do update set last_settled_at ="
        " excluded.last_settled_at",
        (campaign, min(minutes)),
    )
    made.sql.execute(
        "insert into wacampaign_pace (campaign_id, at, sent) select %s,"
        " now() - make_interval(mins => m), 5 from unnest(%s::int[]) as m",
        (campaign, list(minutes)),
    )
    made.sql.execute(
        "insert into wacampaign_hearing (number_id, first_status_at, last_status_at)"
        " values (%s, now() - interval '2 days', now() - interval '1 day')",
        (made.number,),
    )


def other_env(made: Installation) -> None:
    (made.folder / "backend").mkdir()
    copy = made.env_file.read_text("utf-8").replace(NOWHERE, "").replace("META_APP", "#META_APP")
    (made.folder / "backend" / ".env").write_text(copy + "META_APP_SECRET=of-another-app\n")


def dump(made: Installation) -> None:
    file = made.pm2_home / "dump.pm2"
    file.write_text('[{"name": "whatsapp-app", "env": {"SUPABASE_SERVICE_KEY": "sb_secret_x"}}]')
    file.chmod(0o644)


def database_away(made: Installation) -> None:
    if made.store == "postgres":
        made.write_env(DATABASE_URL="postgresql://postgres@unreachable.invalid/x")
    else:
        made.write_env(SUPABASE_URL=NOWHERE)


def home_is_a_file(made: Installation) -> None:
    (made.folder / "home").rmdir()
    (made.folder / "home").write_text("")


def newer(made: Installation) -> None:
    made.sql.execute(
        "create or replace function wacampaign_schema_version() returns jsonb language sql as"
        """ $$ select '{"version": "20991231-000000000000"}'::jsonb $$"""
    )


HOUR = "clock_timestamp() - interval '1 hour'"

FAULTS = {
    # --- this machine -------------------------------------------------------------------------
    "publishable key": Fault(
        "settings", Check.FAIL, env(SUPABASE_SERVICE_KEY="sb_publishable_x"), "publishable key",
        env(SUPABASE_SERVICE_KEY="sb_secret_of_the_tests"),
    ),
    "no address": Fault(
        "settings", Check.FAIL, env(WACAMPAIGN_STORE="supabase", SUPABASE_URL=None), "SUPABASE_URL",
        None, only="supabase",
    ),
    "readable .env": Fault(
        "env_rights", Check.WARN, lambda made: made.env_file.chmod(0o640), "others may read",
    ),
    "writable .env": Fault(
        "env_rights", Check.FAIL, lambda made: made.env_file.chmod(0o666), "others may write",
    ),
    "two .env": Fault(
        "env_files", Check.FAIL, other_env, "differs from", Worded(r"ln -sf .*"),
    ),
    "no home": Fault(
        "home", Check.WARN, lambda made: (made.folder / "home").rmdir(), "not there yet",
    ),
    "a file for a home": Fault("home", Check.FAIL, home_is_a_file, "is no folder"),
    "a file on the way to a home": Fault(
        "home", Check.FAIL, both(
            home_is_a_file, lambda made: made.write_env(
                WACAMPAIGN_HOME=str(made.folder / "home" / "of" / "us"))), "is no folder",
    ),
    "old API in the address": Fault(
        "api_version", Check.FAIL, lambda made: made.write_env(
            WHATSAPP_API_URL=made.settings["WHATSAPP_API_URL"] + "/v20.0"), "ended on",
        lambda made: made.write_env(
            WHATSAPP_API_URL=made.settings["WHATSAPP_API_URL"].removesuffix("/v20.0")),
    ),
    "old API": Fault(
        "api_version", Check.FAIL, env(WHATSAPP_API_VERSION="v20.0"), "ended on",
        env(WHATSAPP_API_VERSION=None),
    ),
    "clock ahead": Fault(
        "clock", Check.FAIL, lambda made: setattr(made, "clock", lambda: time.time() + 300),
        "5 min 00 s ahead of", lambda made: setattr(made, "clock", time.time),
    ),
    "clock behind": Fault(
        "clock", Check.WARN, lambda made: setattr(made, "clock", lambda: time.time() - 20),
        "20 s behind", lambda made: setattr(made, "clock", time.time),
    ),
    # --- PM2 ----------------------------------------------------------------------------------
    "PM2 kills early": Fault(
        "pm2_kill_timeout", Check.FAIL, pm2(kill_timeout=1600), "1,600 ms",
        pm2(kill_timeout=30000),
    ),
    "PM2's own kill_timeout": Fault(
        "pm2_kill_timeout", Check.FAIL, pm2(kill_timeout=None), "1,600 ms", pm2(kill_timeout=30000),
    ),
    "Node runs Python": Fault(
        "pm2_interpreter", Check.FAIL, pm2(exec_interpreter="/usr/bin/node"), "is Python",
        pm2(exec_interpreter="none"),
    ),
    "cluster": Fault(
        "pm2_interpreter", Check.FAIL, pm2(exec_mode="cluster_mode"), "cluster mode",
        pm2(exec_mode="fork_mode"),
    ),
    "no restart": Fault(
        "pm2_autorestart", Check.WARN, pm2(autorestart=False), "after a crash",
        pm2(autorestart=True),
    ),
    "errored": Fault("pm2", Check.FAIL, pm2(status="errored"), "errored", pm2(status="online")),
    "stamped log": Fault(
        "pm2_settings", Check.WARN, pm2(log_date_format="HH:mm"), "loses lines",
        pm2(log_date_format=None),
    ),
    "flaps when misconfigured": Fault(
        "pm2_settings", Check.WARN, pm2(stop_exit_codes=[0]), "again and again",
        pm2(stop_exit_codes=[78]),
    ),
    "secrets in PM2": Fault(
        "pm2_secrets", Check.WARN, pm2(env={"META_ACCESS_TOKEN": "EAAx"}), "META_ACCESS_TOKEN",
        pm2(env={}),
    ),
    "secrets in PM2's dump": Fault(
        "pm2_secrets", Check.FAIL, dump, "everybody on this machine", None,
    ),
    # --- the database's server ----------------------------------------------------------------
    "database away": Fault(
        "database_reachable", Check.FAIL, database_away, "reach", None,
    ),
    "transaction pooler": Fault(
        "pooler", Check.WARN, lambda made: made.write_env(
            DATABASE_URL=f"{made.database}&pgbouncer=true"), "transaction mode",
        lambda made: made.write_env(DATABASE_URL=made.database), only="postgres",
    ),
    "read only": Fault(
        "database_writable", Check.FAIL, lambda made: made.run_sql(
            f"alter database {made.sql.info.dbname} set default_transaction_read_only = on"),
        "read only", only="postgres",  # a REST server's connections are older than the setting
    ),
    "login without rows": Fault(
        "database_writable", Check.FAIL, both(
            sql("do $$ begin create role reads_nothing login in role service_role;"
                " exception when duplicate_object then null; end $$\n"
                "alter role reads_nothing nobypassrls"),
            lambda made: made.write_env(
                DATABASE_URL=made.database.replace("postgres@", "reads_nothing@"))),
        "hides all rows", also=("number",), only="postgres",
    ),
    "published schema": Fault(
        "publication", Check.WARN, sql(
            "create publication supabase_realtime for tables in schema public"), "all tables",
    ),
    "published queue": Fault(
        "publication", Check.WARN, sql(
            "create publication supabase_realtime for table public.send_queue, public.campaigns"),
        "send_queue",
    ),
    "all published": Fault(
        "publication", Check.WARN, sql("create publication supabase_realtime for all tables"),
        "all tables",
    ),
    # --- the schema ---------------------------------------------------------------------------
    "no schema": Fault(
        "schema", Check.FAIL, sql(
            "drop function wacampaign_schema_version(), wacampaign_catalogue(),"
            " wacampaign_server(), wacampaign_traffic(int)"), "wacampaign_",
    ),
    "a function less": Fault(
        "schema", Check.FAIL, sql("drop function wacampaign_goodbye(uuid)"), "wacampaign_goodbye",
    ),
    "a function of another text": Fault(
        "schema", Check.FAIL, sql(
            "create or replace function wacampaign_dead_after() returns interval language sql"
            " immutable as $$ select interval '5 seconds' $$"), "of another version",
    ),
    "a column less": Fault(
        "schema", Check.FAIL, sql("alter table wacampaign_lanes drop column ramp_heard"),
        "wacampaign_lanes.ramp_heard",
    ),
    "a newer schema": Fault(
        "schema", Check.FAIL, newer, "newer than this program", None,
    ),
    "guard off": Fault(
        "guard", Check.FAIL, sql("alter table send_queue disable trigger wacampaign_guard_row"),
        "wacampaign_guard_row is switched off",
    ),
    "guard gone": Fault(
        "guard", Check.FAIL, sql("drop trigger wacampaign_guard_completion on campaigns"),
        "wacampaign_guard_completion is missing",
    ),
    "all triggers off": Fault(
        "guard", Check.FAIL, sql("alter table send_queue disable trigger user"),
        "wacampaign_guard_deleted, wacampaign_guard_emptied, wacampaign_guard_inserted and 2 more",
        also=("schema",),
    ),
    "no trigger fires in the database": Fault(
        "guard", Check.FAIL, lambda made: made.run_sql(
            f"alter database {made.sql.info.dbname} set session_replication_role = replica"),
        "session_replication_role is replica for the database t_",
    ),
    "no trigger fires for a login that may write by another role": Fault(
        "guard", Check.FAIL, both(
            sql("do $$ begin create role of_the_backend login noinherit in role service_role;"
                " exception when duplicate_object then null; end $$"),
            lambda made: made.run_sql(
                f"alter role of_the_backend in database {made.sql.info.dbname}"
                " set session_replication_role = REPLICA")),
        "session_replication_role is replica for the login of_the_backend in the database t_",
    ),
    "no trigger fires on a connection": Fault(
        "guard", Check.FAIL, lambda made: made.write_env(
            DATABASE_URL=f"{made.database}&options=-csession_replication_role%3Dreplica"),
        "on the connection that asks", lambda made: made.write_env(DATABASE_URL=made.database),
        only="postgres",
    ),
    "index gone": Fault(
        "indexes", Check.FAIL, sql("drop index wacampaign_queue_fresh"), "wacampaign_queue_fresh",
    ),
    "index broken": Fault(
        "indexes", Check.FAIL, sql(
            "update pg_index set indisvalid = false where indexrelid ="
            " 'wacampaign_queue_claimed'::regclass"), "was not built to its end",
    ),
    "no index for the dashboard": Fault(
        "indexes", Check.WARN, sql(
            "update pg_class set reltuples = 2000000 where oid = 'message_status_logs'::regclass"),
        "message_status_logs (2,000,000 rows)",
    ),
    "ids may repeat": Fault(
        "unique_ids", Check.FAIL, sql("drop index send_queue_whatsapp_message_id_key"),
        "send_queue may hold the same whatsapp_message_id twice",
    ),
    "ids may repeat, and a try to mend that broke off": Fault(
        "unique_ids", Check.FAIL, sql(
            "update pg_index set indisvalid = false where indexrelid ="
            " 'send_queue_whatsapp_message_id_key'::regclass"), "send_queue may hold",
    ),
    "an index for the dashboard that broke off": Fault(
        "indexes", Check.WARN, sql(
            "create index idx_message_status_logs_campaign_id on message_status_logs (campaign_id)"
            "\nupdate pg_index set indisvalid = false where indexrelid ="
            " 'idx_message_status_logs_campaign_id'::regclass"
            "\nupdate pg_class set reltuples = 2000000 where oid ="
            " 'message_status_logs'::regclass"),
        "has no index by campaign_id",
    ),
    "anon calls a function": Fault(
        "grants", Check.FAIL, sql("grant execute on function wacampaign_tokens(uuid[]) to anon"),
        "role anon may call wacampaign_tokens",
    ),
    "no row level security": Fault(
        "grants", Check.FAIL, sql("alter table wacampaign_events disable row level security"),
        "wacampaign_events has no row level security",
    ),
    "tokens open to anon": Fault(
        "open_to_anon", Check.FAIL, sql(
            "alter table whatsapp_numbers disable row level security\n"
            "grant all on whatsapp_numbers to anon"), "tokens and secrets in whatsapp_numbers",
        also=("open_to_users",),  # Supabase grants all to both, and leaves it to row security
    ),
    "messages open to anon by a policy": Fault(
        "open_to_anon", Check.FAIL, sql(
            "create policy everybody on messages for select to anon using (true)\n"
            "grant select on messages to anon"), "read messages",
    ),
    "tables open to everybody": Fault(
        "open_to_anon", Check.FAIL, sql(
            "alter table campaigns disable row level security\n"
            "grant insert on campaigns to public"),
        "write campaigns", also=("open_to_users",),
    ),
    "a view over tokens": Fault(
        "open_to_anon", Check.FAIL, sql(
            "create view numbers_of_the_page as select number, access_token from whatsapp_numbers\n"
            "grant select on numbers_of_the_page to anon"),
        "tokens and secrets in numbers_of_the_page",
        also=("open_to_users",),  # Supabase grants all of what is new to both
    ),
    "tokens open to who signs in": Fault(
        "open_to_users", Check.WARN, sql(
            "alter table whatsapp_numbers disable row level security\n"
            "grant select on whatsapp_numbers to authenticated"),
        "tokens and secrets in whatsapp_numbers", also=("open_to_anon",),
    ),
    # --- the traffic --------------------------------------------------------------------------
    "no worker": Fault(
        "workers", Check.FAIL, lambda made: made.campaign(start=True), "20 rows",
        Typed("--until-idle"),
    ),
    "a worker of another version": Fault(
        "workers", Check.WARN, lambda made: made.worker("0.0.1"), "version 0.0.1",
        sql("update wacampaign_workers set stopped_at = now()"),
    ),
    "a receiver of another version": Fault(
        "receivers", Check.WARN, sql(
            "insert into wacampaign_receivers (id, host, pid, version, last_beat_at)"
            " values (gen_random_uuid(), 'app1', 77, '0.0.1', clock_timestamp())"),
        "app1 (pid 77): version 0.0.1",
        sql(f"update wacampaign_receivers set version = '{__version__}'"),
    ),
    "receiver lost": Fault(
        "receivers", Check.FAIL, sql(
            "insert into wacampaign_receivers (id, host, pid, version, last_beat_at)"
            f" values (gen_random_uuid(), 'app1', 77, '1', {HOUR})"), "app1 (pid 77)",
        sql("update wacampaign_receivers set stopped_at = now()"),
    ),
    "old processor": Fault(
        "other_senders", Check.FAIL, taken_by_another, "3 rows were taken", sql(
            "update send_queue set status = 'sent', whatsapp_message_id = 'w' || id"
            " where status = 'processing'\n"
            "update campaigns set total_sent = 3"), also=("kept_back", "totals"),
    ),
    "doubt made ready": Fault(
        "other_senders", Check.FAIL, doubt_made_ready, "rows in doubt are ready to be sent",
    ),
    "sent made ready": Fault(
        "kept_back", Check.WARN, sent_made_ready, "20 rows", sql(
            "update wacampaign_events set at = now() - interval '2 days'"),
    ),
    "webhooks not worked on": Fault(
        "backlog", Check.FAIL, sql(
            "insert into wacampaign_webhooks (id, received_at, encoding, body) values"
            f" (gen_random_uuid(), {HOUR}, 'text', '{{}}')"), "1 webhook stored",
        Typed("--until-idle"),
    ),
    "webhooks with faults": Fault(
        "backlog", Check.WARN, sql(
            "insert into wacampaign_webhooks (id, received_at, encoding, body, taken_at, faults)"
            " values (gen_random_uuid(), now(), 'text', '{}', now(), '{why}')"), "in full",
        sql("update wacampaign_webhooks set faults = null"),
    ),
    "statuses not taken": Fault(
        "backlog", Check.WARN, sql(
            f"insert into wacampaign_logged_statuses (wamid, status, at) values"
            f" ('w', 'read', {HOUR})"), "wait to be taken",
    ),
    "alerts given up": Fault(
        "alerts", Check.WARN, sql(
            "insert into wacampaign_alerts (key, kind, severity, title, text, command,"
            " last_told_at, problem) values ('no_worker', 'no_worker', 'error', 'no worker',"
            " 'none', 'x', now(), 'json://127.0.0.1/*** answered 404')"),
        "1 alert given up since yesterday: json://127.0.0.1/*** answered 404",
        sql("insert into wacampaign_alerts (key, kind, severity, title, text, command,"
            " last_told_at) values ('later', 'no_worker', 'error', 'no worker', 'none', 'x',"
            " now())"),
    ),
    "alerts still tried": Fault(
        "alerts", Check.WARN, sql(
            "insert into wacampaign_alerts (key, kind, severity, title, text, command, due,"
            " problem) values ('no_worker', 'no_worker', 'error', 'no worker', 'none', 'x', 'new',"
            " 'json://127.0.0.1/*** answered 503')"),
        "1 alert not taken yet: json://127.0.0.1/*** answered 503",
        sql("update wacampaign_alerts set due = null, problem = null, last_told_at = now()"),
    ),
    "orphan logs": Fault("orphan_logs", Check.WARN, orphans, "100% of message_status_logs"),
    "stale templates": Fault(
        "templates", Check.WARN, both(
            lambda made: made.campaign(),
            sql("update templates set last_synced = now() - interval '30 days'")), "demo_text",
    ),
    "wrong totals": Fault(
        "totals", Check.WARN, both(
            lambda made: made.campaign(), sql("update campaigns set total_sent = 5")),
        "shows 5 sent",
    ),
    "no status comes": Fault(
        "statuses", Check.FAIL, silent(20), "accepted 20 min", sql(
            "update wacampaign_hearing set last_status_at = now()"),
    ),
    "no status comes while it sends": Fault(
        "statuses", Check.FAIL, silent(60, 20, 0), "accepted 1 h 0",
        sql("update wacampaign_hearing set last_status_at = now()"),
    ),
    "no status ever came": Fault(
        "statuses", Check.FAIL, both(silent(60, 0), sql(
            "update wacampaign_hearing set last_status_at = null, first_status_at = null")),
        "(none ever came)", sql("update wacampaign_hearing set last_status_at = now()"),
    ),
    # --- Meta ---------------------------------------------------------------------------------
    "Meta away": Fault(
        "cloud_api", Check.FAIL, env(WHATSAPP_API_URL=NOWHERE), "cannot be reached", None,
    ),
    "no number": Fault(
        "number", Check.WARN, sql("update whatsapp_numbers set is_active = false"), "no sending",
        lambda made: made.type(
            f"wacampaign number add {DEMO_PHONE_NUMBER_ID} --waba {DEMO_WABA_ID} --yes"),
    ),
    "token revoked": Fault(
        "token", Check.FAIL, lambda made: made.meta.revoke_token(DEMO_TOKEN), "refused",
        lambda made: made.meta.put_waba(DEMO_WABA_ID, DEMO_TOKEN),
    ),
    "no token": Fault(
        "token", Check.FAIL, env(META_ACCESS_TOKEN=None), "no access token",
        env(META_ACCESS_TOKEN=DEMO_TOKEN),
    ),
    "token expires": Fault(
        "token_expiry", Check.WARN, lambda made: made.meta.put_token(
            DEMO_TOKEN, expires_at=int(time.time()) + 3 * 86_400), "expires in",
        lambda made: made.meta.put_token(DEMO_TOKEN, expires_at=0),
    ),
    "token expires today": Fault(
        "token_expiry", Check.FAIL, lambda made: made.meta.put_token(
            DEMO_TOKEN, data_access_expires_at=int(time.time()) + 600), "expires in",
        lambda made: made.meta.put_token(DEMO_TOKEN, data_access_expires_at=0),
    ),
    "token may not send": Fault(
        "token_permissions", Check.FAIL, lambda made: made.meta.put_token(
            DEMO_TOKEN, scopes=["whatsapp_business_management"]), "cannot send",
        lambda made: made.meta.put_token(
            DEMO_TOKEN, scopes=["whatsapp_business_management", "whatsapp_business_messaging"]),
    ),
    "number offline": Fault(
        "number", Check.FAIL, lambda made: made.meta.put_number(
            DEMO_PHONE_NUMBER_ID, status="RESTRICTED"), "RESTRICTED",
        lambda made: made.meta.put_number(DEMO_PHONE_NUMBER_ID, status="CONNECTED"),
    ),
    "rate above throughput": Fault(
        "throughput", Check.WARN, sql("update whatsapp_numbers set max_send_rate_per_sec = 500"),
        "above the number's throughput", Worded(r"wacampaign number add .* --rate \d+", "--yes"),
    ),
    "account blocked": Fault(
        "health", Check.FAIL, lambda made: made.meta.set_health(
            DEMO_WABA_ID, can_send_message="BLOCKED"), "BLOCKED",
        lambda made: made.meta.set_health(DEMO_WABA_ID, can_send_message="AVAILABLE"),
    ),
    "no app secret": Fault(
        "app_secret", Check.WARN, env(META_APP_SECRET=None), "none of its webhooks is believed",
        lambda made: made.sql.execute("update whatsapp_numbers set app_secret = 'kept-with-it'"),
    ),
    "app secret of another app": Fault(
        "app_secret", Check.WARN, env(META_APP_SECRET="of-another-app"), "is not the secret of",
        env(META_APP_SECRET=DEMO_APP_SECRET),
    ),
    "not subscribed": Fault(
        "subscription", Check.FAIL, lambda made: made.meta.subscriptions(
            DEMO_WABA_ID, {"42": None}), f"our app {DEMO_APP_ID} is not subscribed",
    ),
    "fields missing": Fault(
        "subscription", Check.WARN, lambda made: made.meta.subscriptions(
            DEMO_WABA_ID, fields=["messages"]), "does not get", None,
    ),
    "another app in the database": Fault(
        "subscription", Check.WARN, sql("update whatsapp_numbers set app_id = '4711'"), "4711",
        sql("update whatsapp_numbers set app_id = null"),
    ),
}  # fmt: skip
