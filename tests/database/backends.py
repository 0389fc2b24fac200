"""Databases as operators have them: the backend's tables of backend-contract.md, with data.

The strictest reading: a column is `not null` unless the contract marks it, and has no default but
those the contract names. What works here works on a database that is more lenient.
"""

from __future__ import annotations

from typing import Any

import psycopg

Connection = psycopg.Connection[Any]

#: Ids that the tests name.
NUMBER = "00000000-0000-4000-8000-000000000001"
CAMPAIGNS = {
    status: f"00000000-0000-4000-8000-00000000001{n}"
    for n, status in enumerate(("scheduled", "running", "paused", "completed", "failed"))
}

EARLY = """
create table whatsapp_numbers (
    id uuid primary key default gen_random_uuid(), number text not null unique,
    display_name text, access_token text, phone_number_id text, waba_id text, app_id text,
    app_secret text, verified_name text, quality_rating text, tier text,
    max_send_rate_per_sec int not null default 60, last_stable_rate_per_sec int not null default 60,
    is_active bool not null default true, last_updated timestamptz not null
);
create table templates (
    id uuid primary key default gen_random_uuid(),
    whatsapp_number_id uuid not null references whatsapp_numbers (id) on delete cascade,
    name text not null, category text not null, language text not null, status text not null,
    components jsonb not null, last_synced timestamptz not null, is_active bool not null,
    is_quarantined bool not null, unique (name, whatsapp_number_id)
);
create table campaigns (
    id uuid primary key default gen_random_uuid(), name text not null,
    whatsapp_number_id uuid not null references whatsapp_numbers (id),
    template_names text[] not null, total_contacts int not null,
    invalid_contacts_count int not null, total_sent int not null, total_failed int not null,
    start_time timestamptz, end_time timestamptz, scheduled_start_time timestamptz,
    is_scheduled bool not null,
    status text not null
        check (status in ('scheduled', 'running', 'paused', 'completed', 'failed')),
    created_at timestamptz not null
);
create table campaign_contacts (
    id uuid primary key default gen_random_uuid(),
    campaign_id uuid not null references campaigns (id) on delete cascade, phone text not null,
    template_name text, variables jsonb not null, is_valid bool not null, invalid_reason text,
    created_at timestamptz not null
);
create table send_queue (
    id uuid primary key default gen_random_uuid(),
    campaign_id uuid not null references campaigns (id) on delete cascade,
    whatsapp_number_id uuid not null references whatsapp_numbers (id), template_name text not null,
    phone text not null, payload jsonb not null,
    status text not null check (status in ('pending', 'ready', 'processing', 'sent', 'failed')),
    retry_count int not null, error_message text, next_retry_at timestamptz,
    created_at timestamptz not null, updated_at timestamptz not null, sent_at timestamptz,
    whatsapp_message_id text
);
create index idx_send_queue_status on send_queue (campaign_id, status);
create table messages (
    id uuid primary key default gen_random_uuid(),
    whatsapp_number_id uuid not null references whatsapp_numbers (id), user_phone text not null,
    direction text not null check (direction in ('incoming', 'outgoing')),
    message_type text not null, message_body text, template_name text,
    campaign_id uuid references campaigns (id), whatsapp_message_id text not null unique,
    status text not null default 'sent', created_at timestamptz not null
);
create table message_status_logs (
    id uuid primary key default gen_random_uuid(), message_id uuid references messages (id),
    whatsapp_number_id uuid not null, campaign_id uuid, user_phone text not null,
    whatsapp_message_id text not null,
    status text not null check (status in ('sent', 'delivered', 'read', 'failed')),
    error_code int, error_message text, created_at timestamptz not null,
    unique (whatsapp_message_id, status)
);
create table notifications (
    id uuid primary key default gen_random_uuid(),
    type text not null check (type in ('info', 'success', 'warning', 'error')),
    title text not null, message text not null, action_url text, related_entity_type text,
    related_entity_id uuid, created_at timestamptz not null, is_read bool not null
);

-- Things of the backend that have nothing to do with us.
create table backend_log (at timestamptz default now(), entry text);
create function backend_remembers() returns trigger language plpgsql as $$
begin
    insert into backend_log (entry) values (tg_table_name || ' ' || new.status);
    return new;
end
$$;
create trigger backend_remembers before update on campaigns
    for each row execute function backend_remembers();
create policy members on campaigns for select to authenticated using (true);
grant select on campaigns, messages to authenticated;
grant insert on backend_log to service_role;
"""

LATER = """
alter table campaigns
    add column current_template_index int default 0, add column spam_pause_count int default 0,
    add column spam_paused_until timestamp, add column pause_reason text,
    add column total_delivered int default 0, add column total_read int default 0,
    add column total_replied int default 0;
alter table send_queue
    add column template_order int default 0, add column actual_sent_at timestamptz,
    add column spam_error_detected bool default false;
alter table messages add column media_url text;
create table media_library (
    id uuid primary key default gen_random_uuid(), whatsapp_number_id uuid not null,
    media_id text not null, file_name text not null, file_type text not null,
    mime_type text not null, file_size bigint not null, created_at timestamptz not null
);
"""

UNIQUE_WAMID = """
create unique index send_queue_wamid on send_queue (whatsapp_message_id)
    where whatsapp_message_id is not null;
"""

LATER_DATA = """
update campaigns set spam_pause_count = 2, spam_paused_until = '2025-11-10 13:00',
    pause_reason = 'spam rate', total_delivered = 3 where status = 'paused';
update send_queue set template_order = 1, actual_sent_at = sent_at where status = 'sent';
update messages set media_url = 'https://example.org/a.mp4';
insert into media_library (whatsapp_number_id, media_id, file_name, file_type, mime_type, file_size,
                           created_at)
    select id, '1001', 'a.mp4', 'video', 'video/mp4', 114688, '2025-11-10 12:00Z'
    from whatsapp_numbers;
"""

#: What the old processor left as `error_message`, and the code that is meant.
ERROR_TEXTS = {
    "(#135000) Generic user error": 135000,
    '{"error":{"message":"(#131026) Message undeliverable","code":131026}}': 131026,
    '{"error":{"message":"Generic user error","type":"OAuthException","code":135000}}': 135000,
    '{"error": {"message": "Too many", "code" : 130429, "error_subcode": 2494055}}': 130429,
    "Request timeout after 30000 ms": 0,
    "HTTP 500 (#12345678901234567890)": 0,
    '{"code": "EAI_AGAIN"}': 0,
    "": 0,
}


def fill(connection: Connection) -> None:
    """Campaigns in each status, each with rows in each of the five, and all that goes with them."""
    connection.execute(
        "insert into whatsapp_numbers (id, number, display_name, access_token, phone_number_id,"
        " waba_id, last_updated) values (%s, '99900', 'old', ' token with space ', '10001',"
        " '20001', '2025-11-10 12:00Z')",
        (NUMBER,),
    )
    connection.execute(
        "insert into templates (whatsapp_number_id, name, category, language, status, components,"
        " last_synced, is_active, is_quarantined) values (%s, 'hello', 'MARKETING', 'en',"
        """ 'APPROVED', '[{"type": "BODY", "text": "Hello {{1}}"}]', '2025-11-10 12:00Z',"""
        " true, false)",
        (NUMBER,),
    )
    texts = list(ERROR_TEXTS)
    for n, (status, campaign) in enumerate(CAMPAIGNS.items()):
        connection.execute(
            "insert into campaigns (id, name, whatsapp_number_id, template_names, total_contacts,"
            " invalid_contacts_count, total_sent, total_failed, start_time, scheduled_start_time,"
            " is_scheduled, status, created_at) values (%s, %s, %s, '{hello}', 100, 1, 20, 20,"
            " '2025-11-10 12:35Z', %s, %s, %s, '2025-11-10 12:00Z')",
            (campaign, f"old {status}", NUMBER, None, status == "scheduled", status),
        )
        connection.execute(
            "insert into campaign_contacts (campaign_id, phone, variables, is_valid,"
            " invalid_reason, created_at) select %s, '999' || g, jsonb_build_object('var1', g),"
            " g > 1, case when g = 1 then 'too short' end, now() from generate_series(1, 5) g",
            (campaign,),
        )
        for status_of_row in ("pending", "ready", "processing", "sent", "failed"):
            connection.execute(
                "insert into send_queue (campaign_id, whatsapp_number_id, template_name, phone,"
                " payload, status, retry_count, error_message, next_retry_at, created_at,"
                " updated_at, sent_at, whatsapp_message_id)"
                " select %(campaign)s, %(number)s, 'hello', '9990' || g,"
                """ jsonb_build_object('var1', 'person ' || g, 'odd', '{"b": 1,  "a":2}'::json),"""
                " %(status)s, g %% 3,"
                " case when %(status)s in ('failed', 'ready') and g %% 2 = 0"
                "      then (%(texts)s::text[])[1 + (g / 2) %% cardinality(%(texts)s::text[])] end,"
                " case when %(status)s = 'ready' and g %% 4 = 0"
                "      then '2025-11-10 13:00Z'::timestamptz + g * interval '1 second' end,"
                " '2025-11-10 12:00Z'::timestamptz + g * interval '1 ms', now(),"
                " case when %(status)s = 'sent' then '2025-11-10 12:36Z'::timestamptz end,"
                " case when %(status)s = 'sent' then 'wamid.' || %(n)s || '.' || g end"
                " from generate_series(1, 20) g",
                {
                    "campaign": campaign,
                    "number": NUMBER,
                    "status": status_of_row,
                    "texts": texts,
                    "n": n,
                },
            )
    connection.execute(
        "insert into messages (whatsapp_number_id, user_phone, direction, message_type,"
        " template_name, campaign_id, whatsapp_message_id, created_at)"
        " select whatsapp_number_id, phone, 'outgoing', 'template', template_name, campaign_id,"
        " whatsapp_message_id, sent_at from send_queue where status = 'sent'"
    )
    connection.execute(
        "insert into message_status_logs (message_id, whatsapp_number_id, campaign_id, user_phone,"
        " whatsapp_message_id, status, created_at) select id, whatsapp_number_id, campaign_id,"
        " user_phone, whatsapp_message_id, 'delivered', created_at from messages"
    )
    connection.execute(
        "insert into notifications (type, title, message, created_at, is_read)"
        " values ('error', 'Campaign failed', 'see the log', now(), true)"
    )


def make_backend(
    connection: Connection, *, later: bool = False, twice: bool = False, rls: bool = False
) -> None:
    """The backend's tables with data. `twice`: one message id stands in two rows."""
    connection.execute(EARLY.encode())
    if later:
        connection.execute(LATER.encode())
    if later and not twice:
        connection.execute(UNIQUE_WAMID.encode())
    fill(connection)
    if later:
        connection.execute(LATER_DATA.encode())
    if twice:
        connection.execute(
            "update send_queue set whatsapp_message_id = 'wamid.0.1'"
            " where whatsapp_message_id = 'wamid.0.2'"
        )
    if rls:
        for table in tables(connection):
            connection.execute(f"alter table {table} enable row level security".encode())


def tables(connection: Connection) -> list[str]:
    """The tables in `public` that are not ours."""
    found = connection.execute(
        "select c.relname::text from pg_class c where c.relkind = 'r'"
        " and c.relnamespace = 'public'::regnamespace"
        " and c.relname not like 'wacampaign\\_%' order by 1"
    )
    return [name for (name,) in found]


def our_tables(connection: Connection) -> list[str]:
    """The tables that wacampaign added."""
    found = connection.execute(
        "select relname::text from pg_class where relkind = 'r'"
        " and relnamespace = 'public'::regnamespace and relname like 'wacampaign\\_%' order by 1"
    )
    return [name for (name,) in found]


def snapshot(connection: Connection, like: dict[str, Any] | None = None) -> dict[str, Any]:
    """All that the backend has: columns, rows, constraints, indexes, triggers, rights.

    With `like` (an earlier snapshot) only that one's tables and columns. `xmin` tells when a row
    was written, so rows that compare equal were not even written anew.
    """
    found: dict[str, Any] = {}
    for table in like or tables(connection):

        def all_of(query: str, table: str = table) -> list[Any]:
            return connection.execute(query.encode(), {"table": table}).fetchall()

        columns = all_of(
            "select a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull,"
            " pg_get_expr(d.adbin, d.adrelid) from pg_attribute a"
            " left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum"
            " where a.attrelid = %(table)s::regclass and a.attnum > 0 order by a.attnum"
        )
        if like:
            columns = columns[: len(like[table]["columns"])]
        names = ", ".join(f'"{column[0]}"' for column in columns)
        found[table] = {
            "columns": columns,
            "rows": all_of(
                f"select to_json(r)::text from (select {names}, xmin from {table}) r order by 1"
            ),
            "constraints": all_of(
                "select conname::text, pg_get_constraintdef(oid) from pg_constraint"
                " where conrelid = %(table)s::regclass order by 1"
            ),
            "indexes": all_of(
                "select indexdef from pg_indexes where tablename = %(table)s"
                " and indexname not like 'wacampaign\\_%%'"
                " and indexname <> 'send_queue_whatsapp_message_id_key' order by 1"
            ),
            "triggers": all_of(
                "select tgname::text, pg_get_triggerdef(oid), tgenabled from pg_trigger"
                " where tgrelid = %(table)s::regclass and not tgisinternal"
                " and tgname not like 'wacampaign\\_%%' order by 1"
            ),
            "policies": all_of(
                "select policyname::text, roles::text, cmd, qual from pg_policies"
                " where tablename = %(table)s order by 1"
            ),
            "row security": all_of(
                "select relrowsecurity, relforcerowsecurity from pg_class"
                " where oid = %(table)s::regclass"
            ),
            "others may": all_of(
                "select role, privilege, has_table_privilege(role, %(table)s::regclass, privilege)"
                " from unnest(array['anon', 'authenticated']) role,"
                " unnest(array['select', 'insert', 'update', 'delete', 'truncate']) privilege"
                " order by 1, 2"
            ),
        }
    return found
