"""The referee's counts, lists and rates."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wacampaign.sandbox.client import ControlRefused, SandboxControl
from wacampaign.sandbox.demo import DEMO_PHONE_NUMBER_ID, DEMO_TOKEN, DEMO_WABA_ID
from wacampaign.sandbox.referee import NumberRate, Referee

Send = Callable[..., httpx.Response]


def test_totals_and_repeats(send: Send, control: SandboxControl) -> None:
    for to, row in [("1", "a:1"), ("2", "a:2"), ("1", "a:1"), ("1", "b:1"), ("3", None)]:
        more = {} if row is None else {"biz_opaque_callback_data": row}
        assert send(to=f"+9199999 0000{to}", **more).status_code == 200
    assert send("demo_named", to="+919999900002").status_code == 200
    assert send("demo_paused").status_code == 400
    totals = control.totals()
    assert totals["accepted"] == 6
    assert totals["recipients"] == 3
    assert totals["repeated_recipients"] == 2
    assert totals["repeated_callback_data"] == 1
    assert totals["without_callback_data"] == 2
    assert totals["refused"] == {"132015": 1}
    assert totals["message_requests"] == totals["requests"] == 7
    assert (totals["in_flight"], totals["max_in_flight"]) == (0, 1)

    assert control.repeated("recipient") == [
        {"to": "919999900001", "count": 3},
        {"to": "919999900002", "count": 2},
    ]
    assert control.repeated("callback_data") == [{"callback_data": "a:1", "count": 2}]
    assert control.repeated("recipient_template") == [
        {"to": "919999900001", "template": "demo_text", "language": "en_US", "count": 3}
    ]
    assert control.repeated("recipient_callback_data") == [
        {"to": "919999900001", "callback_data": "a:1", "count": 2}
    ]
    assert control.repeated("recipient", callback_prefix="a:") == [
        {"to": "919999900001", "count": 2}
    ]
    assert control.repeated("recipient", callback_prefix="b:") == []
    assert control.counts(template="demo_named")["items"] == [{"to": "919999900002", "count": 1}]
    assert control.counts(phone_number_id="404404")["items"] == []


def test_attempts_of_two_claims_are_of_one_row(send: Send, control: SandboxControl) -> None:
    row, first, second, other = (str(UUID(int=n)) for n in range(4))
    for data in (f"{row}:{first}", f"{row}:{second}", row, f"{other}:{second}"):
        assert send(biz_opaque_callback_data=data).status_code == 200
    assert control.totals()["repeated_callback_data"] == 1
    assert control.repeated("callback_data") == [{"callback_data": row, "count": 3}]
    assert control.counts("callback_data", callback_prefix=f"{row}:{first}")["items"] == [
        {"callback_data": row, "count": 1}
    ]
    # What was sent is shown whole, as statuses bring it back.
    assert [m["callback_data"] for m in control.accepted()][:3] == [
        f"{row}:{first}",
        f"{row}:{second}",
        row,
    ]


def test_counts_are_paged(send: Send, control: SandboxControl) -> None:
    for n in range(5):
        send(to=f"+9199999{n:05}")
    first, last = control.counts(limit=3), control.counts(limit=3, offset=3)
    assert first["groups"] == last["groups"] == 5
    listed = [item["to"] for item in first["items"] + last["items"]]
    assert listed == [f"9199999{n:05}" for n in range(5)]


def test_the_accepted_list_is_paged(http: httpx.Client, send: Send) -> None:
    wamids = [send(to=f"+9199999{n:05}").json()["messages"][0]["id"] for n in range(7)]
    pages, after = [], 0
    while after is not None:
        answer = http.get("/_sandbox/accepted", params={"after": after, "limit": 3}).json()
        pages.append([item["wamid"] for item in answer["items"]])
        after = answer["next"]
    assert pages == [wamids[:3], wamids[3:6], wamids[6:]]
    assert http.get("/_sandbox/accepted?limit=0").status_code == 400


def test_rates_per_number(send: Send, control: SandboxControl) -> None:
    control.put_number("200000000000002", waba_id=DEMO_WABA_ID)
    for n in range(4):
        send(to=f"+9199999{n:05}")
    send(number="200000000000002")
    rates = control.rates()
    assert sum(count for _, count in rates[DEMO_PHONE_NUMBER_ID]["seconds"]) == 4
    assert 1 <= rates[DEMO_PHONE_NUMBER_ID]["max_in_any_second"] <= 4
    assert rates["200000000000002"]["max_in_any_second"] == 1
    times = [m["time"] for m in control.accepted() if m["phone_number_id"] != "200000000000002"]
    assert Counter(int(time) for time in times) == dict(rates[DEMO_PHONE_NUMBER_ID]["seconds"])


def test_reset_keeps_the_account_and_everything_does_not(
    send: Send, control: SandboxControl
) -> None:
    control.put_number("200000000000002", waba_id=DEMO_WABA_ID)
    control.settings(tolerance=0.5)
    send()
    control.reset()
    assert control.totals()["accepted"] == 0
    assert list(control.accepted()) == []
    assert control.settings()["tolerance"] == 0.5
    assert send(number="200000000000002").status_code == 200
    control.reset(everything=True)
    assert control.settings()["tolerance"] != 0.5
    assert send(number="200000000000002").json()["error"]["code"] == 100


def test_many_at_once_are_counted_exactly(control: SandboxControl, sandbox, message) -> None:
    """50 connections, with latency and a fault that takes some answers away."""
    control.put_number(DEMO_PHONE_NUMBER_ID, mps=None)
    control.settings(latency_ms=20, jitter_ms=10)
    control.add_fault("drop_answer", every=10)

    async def play() -> Counter[str]:
        outcomes: Counter[str] = Counter()
        limits = httpx.Limits(max_connections=50)
        async with httpx.AsyncClient(
            base_url=sandbox.url, limits=limits, trust_env=False, timeout=60
        ) as client:

            async def one(n: int) -> None:
                try:
                    answer = await client.post(
                        f"/v25.0/{DEMO_PHONE_NUMBER_ID}/messages",
                        json=message(to=f"+9199999{n:05}", biz_opaque_callback_data=f"row-{n}"),
                        headers={"Authorization": f"Bearer {DEMO_TOKEN}"},
                    )
                    outcomes[str(answer.status_code)] += 1
                except httpx.RemoteProtocolError:
                    outcomes["dropped"] += 1

            await asyncio.gather(*(one(n) for n in range(200)))
        return outcomes

    assert asyncio.run(play()) == {"200": 180, "dropped": 20}
    totals = control.totals()
    assert (totals["accepted"], totals["recipients"], totals["answers_dropped"]) == (200, 200, 20)
    assert (totals["repeated_recipients"], totals["repeated_callback_data"]) == (0, 0)
    assert 1 < totals["max_in_flight"] <= 50
    assert {m["callback_data"] for m in control.accepted()} == {f"row-{n}" for n in range(200)}


@pytest.mark.parametrize(
    "call",
    [
        lambda control: control.counts("colour"),
        lambda control: control.settings(colour="red"),
        lambda control: control.settings(latency_ms=-1),
        lambda control: control.settings(pair_limit=1),
        lambda control: control.put_number("1", waba_id="unknown"),
        lambda control: control.put_number("1", waba_id=DEMO_WABA_ID, mps=0),
        lambda control: control.put_number("1", waba_id=DEMO_WABA_ID, colour="red"),
        lambda control: control.put_number("1", waba_id=DEMO_WABA_ID, throughput="LOW"),
        lambda control: control.put_templates(DEMO_WABA_ID, {"name": "a", "language": "en_US"}),
        lambda control: control.put_templates("unknown", {"name": "a", "language": "en_US"}),
        lambda control: control.put_templates(DEMO_WABA_ID, "demo_text"),
        lambda control: control.put_media("unknown", b"", "image/png"),
        lambda control: control.put_hosted("host", "path", status=700),
        lambda control: control.set_health("1", "UNWELL"),
        lambda control: control.webhook("http://127.0.0.1/", "secret", batch=1001),
        lambda control: control.webhook("http://127.0.0.1/", "secret", statuses=["seen"]),
        lambda control: control.webhook("http://127.0.0.1/", "secret", colour="red"),
    ],
)
def test_wrong_control_requests_are_refused(
    control: SandboxControl, call: Callable[[SandboxControl], object]
) -> None:
    with pytest.raises(ControlRefused):
        call(control)


@given(st.lists(st.floats(0, 5), max_size=60).map(sorted))
def test_the_sliding_second_is_exact(times: list[float]) -> None:
    rate = NumberRate()
    for time in times:
        rate.accept(time, time)
    windows = [sum(1 for other in times if 0 <= end - other < 1.0) for end in times]
    # Of several messages at one instant, the last one sees the whole window.
    assert rate.max_in_any_second == max(windows, default=0)
    assert sum(rate.seconds.values()) == len(times)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["919999900001", "919999900002", "447700900003"]),
            st.sampled_from([None, "a:1", "a:2", "b:1"]),
            st.sampled_from(["n1", "n2"]),
            st.sampled_from([("t1", "en"), ("t1", "hi"), ("t2", "en")]),
        )
    )
)
def test_counts_agree_with_a_plain_count(
    messages: list[tuple[str, str | None, str, tuple[str, str]]],
) -> None:
    referee = Referee()
    for seq, (to, callback, number, template) in enumerate(messages):
        assert referee.accept(to, callback, number, template, float(seq), float(seq)) == seq
    assert len(referee) == len(messages)
    expected = Counter(to for to, *_ in messages)
    assert {g["to"]: n for g, n in referee.counts("recipient")} == expected
    assert referee.repeated_recipients == sum(count > 1 for count in expected.values())
    rows = Counter(callback for _, callback, *_ in messages if callback)
    assert {g["callback_data"]: n for g, n in referee.counts("callback_data")} == rows
    assert referee.repeated_callback_data == sum(count > 1 for count in rows.values())
    templates = Counter((to, *template) for to, _, _, template in messages)
    assert {
        (g["to"], g["template"], g["language"]): n for g, n in referee.counts("recipient_template")
    } == templates
    filtered = Counter(
        (to, callback)
        for to, callback, number, template in messages
        if callback and callback.startswith("a:") and number == "n1" and template[0] == "t1"
    )
    assert {
        (g["to"], g["callback_data"]): n
        for g, n in referee.counts(
            "recipient_callback_data", phone_number_id="n1", template="t1", callback_prefix="a:"
        )
    } == filtered
    assert len({referee.wamid(seq) for seq in range(len(messages))}) == len(messages)
