"""One measurement in a process of its own: `python -m bench.variants`, a `Spec` as JSON on stdin.

`bare` and `row_by_row` are here; `worker` is the whole worker of `wacampaign run-worker`, with
its heartbeat, journal and log, in `bench.worker_variant`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.meter import Meter
from bench.surroundings import NUMBERS, TEMPLATE, TOKEN

#: Answers after which the ramp counts as over: five messages a number, then enough that every
#: connection is open. The bare loop skips as many.
RAMP_MESSAGES = 1_000
#: Connections of the row-by-row loop: what PostgREST and Supabase's pooler give a small project.
ROW_CONNECTIONS = 10


@dataclass(frozen=True)
class Spec:
    """What to measure. `servers`: name → pid of the processes whose CPU is read, too."""

    kind: str
    messages: int
    in_flight: int = 400
    api_url: str = ""
    authority: str = ""
    database: str = ""
    servers: dict[str, int] = field(default_factory=dict)
    #: End in order after so many answers, though rows are left.
    stop_after: int | None = None

    def as_json(self) -> str:
        return json.dumps(asdict(self))


Send = Callable[[int], Awaitable[None]]


def quiet_collector() -> None:
    """Python's cycle collector looks 70 times as rarely: it took a fifth of the CPU otherwise.

    The loops that the worker is compared with get it, so that they are as fast as they can be;
    the worker sets its own.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


async def bare(spec: Spec) -> Meter:
    """POSTs and nothing else: `in_flight` tasks, each sends its next message at once."""
    from wacampaign.meta.send import MessageSender

    meter = Meter(spec.servers)
    async with MessageSender(spec.api_url, "v25.0", ca_file=spec.authority) as sender:

        async def send(i: int) -> None:
            answer = await sender.post(NUMBERS[i % len(NUMBERS)], TOKEN, _body(i))
            assert answer.status == 200, answer

        await _run_all(spec, meter, send, calls_a_message=0)
    return meter


async def bare_aiohttp(spec: Spec) -> Meter:
    """The same with aiohttp's own session: what a script does that has its list in memory."""
    import ssl

    import aiohttp

    meter = Meter(spec.servers)
    url = f"{spec.api_url}/v25.0/"
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(
        limit=spec.in_flight, ssl=ssl.create_default_context(cafile=spec.authority)
    )
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def send(i: int) -> None:
            number = NUMBERS[i % len(NUMBERS)]
            async with session.post(f"{url}{number}/messages", data=_body(i)) as answer:
                assert (await answer.json())["messages"][0]["id"], answer

        await _run_all(spec, meter, send, calls_a_message=0)
    return meter


async def row_by_row(spec: Spec) -> Meter:
    """As a backend does it that moves each row by itself.

    A list of ready ids is read ahead (not counted). Then, for each: one read of the row with its
    campaign's status and its number's token, one write `processing`, the POST, and one write with
    the outcome; each is a statement and a commit of its own. (The backend writes its inbox, too.)
    """
    from psycopg.types.json import set_json_loads  # noqa: F401 - imported before the clock starts
    from psycopg_pool import AsyncConnectionPool

    from wacampaign.meta.send import MessageSender

    meter = Meter(spec.servers)
    async with (
        AsyncConnectionPool(
            spec.database,
            min_size=ROW_CONNECTIONS,
            max_size=ROW_CONNECTIONS,
            kwargs={"autocommit": True},
            open=False,
        ) as pool,
        MessageSender(spec.api_url, "v25.0", ca_file=spec.authority) as sender,
    ):

        async def run(statement: str, *values: object) -> Any:
            async with pool.connection() as connection:
                cursor = await connection.execute(statement.encode(), values)
                return await cursor.fetchone() if cursor.description else None

        async with pool.connection() as connection:
            cursor = await connection.execute(
                "select id from public.send_queue where status = 'ready'"
                " order by created_at, id limit %s",
                (spec.messages,),
            )
            ids = [row[0] for row in await cursor.fetchall()]

        async def send(i: int) -> None:
            row = await run(_READ, ids[i])
            assert row is not None and row[0] == "running"
            await run(_TAKE, ids[i])
            answer = await sender.post(row[1], row[2], _body(i, row[3]))
            assert answer.status == 200, answer
            await run(_WRITE, json.loads(answer.body)["messages"][0]["id"], ids[i])

        await _run_all(spec, meter, send, calls_a_message=3)
    return meter


_READ = """
select k.status, n.phone_number_id, n.access_token, q.phone, q.payload, q.template_name
from public.send_queue q
join public.campaigns k on k.id = q.campaign_id
join public.whatsapp_numbers n on n.id = q.whatsapp_number_id
where q.id = %s
"""
_TAKE = "update public.send_queue set status = 'processing', updated_at = now() where id = %s"
_WRITE = """
update public.send_queue
set status = 'sent', whatsapp_message_id = %s, sent_at = now(), updated_at = now()
where id = %s
"""


async def _run_all(spec: Spec, meter: Meter, send: Send, *, calls_a_message: int) -> None:
    numbers = iter(range(spec.messages))
    answered = 0

    async def work() -> None:
        nonlocal answered
        for i in numbers:
            await send(i)
            answered += 1
            if answered == RAMP_MESSAGES:
                meter.read(answered, answered * calls_a_message)

    quiet_collector()
    meter.read(0)
    await asyncio.gather(*(work() for _ in range(spec.in_flight)))
    for _ in range(2):
        meter.read(answered, answered * calls_a_message, last=True)


def _body(i: int, phone: str | None = None) -> bytes:
    """A message like those of the worker, made with as little work as possible."""
    to = phone or f"999{i:012d}"
    return (
        f'{{"messaging_product":"whatsapp","recipient_type":"individual","to":"+{to}",'
        f'"type":"template","template":{{"name":"{TEMPLATE}","language":{{"code":"en"}},'
        f'"components":[{{"type":"body","parameters":[{{"type":"text","text":"person {i}"}}]}}]}},'
        f'"biz_opaque_callback_data":"00000000-0000-0000-0000-{i:012d}"}}'
    ).encode()


def main() -> None:
    """Measures once and prints one JSON object."""
    import uvloop

    from bench.worker_variant import worker
    from wacampaign.logs import set_up_logs

    spec = Spec(**json.loads(sys.stdin.read()))
    home = os.environ.get("WACAMPAIGN_HOME", ".")
    # As PM2 takes it: one write a line.
    set_up_logs(Path(home, "worker.log").open("a"))  # noqa: SIM115 - until the process ends
    variants = {
        "bare": bare,
        "bare_aiohttp": bare_aiohttp,
        "row_by_row": row_by_row,
        "worker": worker,
    }
    meter = uvloop.run(variants[spec.kind](spec))
    print(json.dumps(meter.figures().as_dict()))


if __name__ == "__main__":
    main()
