"""What is answered to whom: verification, signatures, limits, secrets; a start, an end."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import random
import signal
import socket
from pathlib import Path

import pytest

from tests.campaigns import add_number
from tests.servers import free_port, wait_until
from tests.webhook.rig import (
    NUMBER,
    SECRET,
    VERIFY_TOKEN,
    ReceiverRig,
    envelope,
    request,
    status_body,
)
from wacampaign.webhook.server import BODY_BYTES_MAX
from wacampaign.webhook.signature import HEADER, sign


def test_a_missing_signature_is_no_wrong_secret(rig: ReceiverRig) -> None:
    process = rig.start()
    assert request(rig.url, b"{}").status == 401
    wait_until(lambda: "without_signature=1" in rig.log_of(process), what="the refusal")
    assert "META_APP_SECRET" not in rig.log_of(process)
    assert "X-Hub-Signature-256" in rig.log_of(process)


def test_meta_verifies_the_address(rig: ReceiverRig) -> None:
    process = rig.start()
    asked = f"{rig.url}?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="
    assert request(asked + VERIFY_TOKEN) == (200, b"1158201444")
    assert request(asked + "another") == (403, b"")
    assert request(rig.url) == (403, b"")
    assert request(f"{rig.url}?hub.mode=unsubscribe&hub.verify_token={VERIFY_TOKEN}").status == 403
    assert VERIFY_TOKEN not in rig.log_of(process)


def test_a_body_is_stored_byte_for_byte_and_again_if_it_comes_again(rig: ReceiverRig) -> None:
    rig.start()
    bodies = [
        status_body("wamid.A"),
        # As it came: escapes, blanks, what is no UTF-8, NUL, an empty body.
        b'{"a": "\\u00e9\\u0000 \\ud800"}\r\n',
        '{"é": "漢"}'.encode(),
        b"\xff\xfe\x00no JSON",
        b"",
        status_body("wamid.A"),
    ]
    assert [rig.post(body) for body in bodies] == [200] * len(bodies)
    assert rig.wait_stored(len(bodies)) == bodies


def test_a_compressed_and_a_chunked_body(rig: ReceiverRig) -> None:
    rig.start()
    body = status_body("wamid.A")
    connection = http.client.HTTPConnection("127.0.0.1", rig.port, timeout=20)
    signed = {HEADER: sign(SECRET, body)}
    parts = iter([body[:7], body[7:]])
    connection.request("POST", "/api/webhooks", parts, signed, encode_chunked=True)
    assert connection.getresponse().read() == b""
    packed = gzip.compress(body)
    connection.request("POST", "/api/webhooks", packed, signed | {"Content-Encoding": "gzip"})
    assert connection.getresponse().status == 200
    connection.close()
    assert rig.wait_stored(2) == [body, body]


@pytest.mark.parametrize(
    "header",
    [None, "", "sha256=", "sha256=" + "0" * 64, sign("another", b"{}"), "sha1=x", "sha256=é"],
)
def test_what_is_not_signed_with_our_secret_is_refused(
    rig: ReceiverRig, header: str | None
) -> None:
    process = rig.start()
    headers = {} if header is None else {HEADER.replace("-", "_"): header}
    assert request(rig.url, b"{}", **headers).status == 401
    assert request(rig.url, b'{"secret": "text"}', **headers).status == 401
    assert rig.stored() == []
    assert sum(rig.health()["refused"].values()) == 2
    log = rig.log_of(process)
    assert log.count("event=refused") == 1
    # Without any it is no wrong secret: a stranger's, or a proxy dropped the header.
    assert ("META_APP_SECRET" in log, HEADER in log) == (bool(header), not header)
    assert 'secret": "text' not in log


def test_a_body_above_the_limit_is_refused_and_one_at_the_limit_taken(rig: ReceiverRig) -> None:
    rig.start()
    assert rig.post(b"x" * BODY_BYTES_MAX) == 200
    body = b"x" * (BODY_BYTES_MAX + 1)
    assert rig.post(body) == 413
    # Without a length it is not read to its end either.
    connection = http.client.HTTPConnection("127.0.0.1", rig.port, timeout=20)
    chunks = iter([body[:1_000_000]] * 4)
    try:
        connection.request("POST", "/api/webhooks", chunks, {}, encode_chunked=True)
        assert connection.getresponse().status == 413
    except ConnectionError:
        pass  # it hung up before it had all
    assert len(rig.wait_stored(1)) == 1


def test_each_number_has_its_secret_and_several_may_be_set(rig: ReceiverRig) -> None:
    for phone_number_id in ("100000000000002", "100000000000003"):
        rig.ask(lambda store, it=phone_number_id: add_number(store, phone_number_id=it))
        rig.sql(
            "update whatsapp_numbers set app_secret = %s where phone_number_id = %s",
            f" secret-of-{phone_number_id}\n",
            phone_number_id,
        )
    rig.start(META_APP_SECRET=f" {SECRET}, the-older-secret ,")
    ours = status_body("wamid.A", number="100000000000002")
    assert rig.post(ours, secret="secret-of-100000000000002") == 200
    assert rig.post(ours, secret="the-older-secret") == 200
    assert rig.post(ours, secret="secret-of-100000000000003") == 401
    # News of templates and accounts name no number.
    news = envelope("account_update", {"event": "ACCOUNT_RESTRICTION"})
    assert rig.post(news, secret="secret-of-100000000000003") == 200
    assert rig.post(status_body("wamid.A", number=NUMBER), secret=SECRET) == 200


def test_a_number_that_is_new_is_known_soon(rig: ReceiverRig) -> None:
    rig.start()
    body = status_body("wamid.A", number="100000000000002")
    assert rig.post(body, secret="a-new-secret") == 401
    rig.ask(lambda store: add_number(store, phone_number_id="100000000000002"))
    rig.sql("update whatsapp_numbers set app_secret = 'a-new-secret'")
    wait_until(lambda: rig.post(body, secret="a-new-secret") == 200, 30, "the secret is known")


def test_without_any_secret_it_does_not_begin(rig: ReceiverRig) -> None:
    process = rig.start(META_APP_SECRET="", wait=False)
    assert process.wait(30) == 78
    assert "META_APP_SECRET" in rig.log_of(process)


def test_a_port_that_is_taken_and_a_forward_to_itself(rig: ReceiverRig) -> None:
    with socket.create_server(("127.0.0.1", rig.port)):
        process = rig.start(wait=False)
        assert process.wait(30) == 78
        assert f"127.0.0.1:{rig.port}" in rig.log_of(process)
        assert "--port" in rig.log_of(process)
    process = rig.start("--forward", rig.url, wait=False)
    assert process.wait(30) == 2
    assert "this receiver itself" in rig.log_of(process)


def test_other_paths_and_methods(rig: ReceiverRig) -> None:
    rig.start("--path", "hooks/wa/")
    at = f"http://127.0.0.1:{rig.port}"
    assert request(f"{at}/hooks/wa?hub.mode=subscribe").status == 403
    assert request(f"{at}/api/webhooks", b"{}").status == 404
    connection = http.client.HTTPConnection("127.0.0.1", rig.port, timeout=20)
    connection.request("DELETE", "/hooks/wa")
    assert connection.getresponse().status == 405


def test_health_and_the_row_of_a_receiver(rig: ReceiverRig) -> None:
    process = rig.start()
    assert rig.post(status_body("wamid.A")) == 200
    health = rig.health()
    assert health["received"] == 1
    wait_until(lambda: rig.health()["status"] == "ok", 30, "all is well")
    rig.wait_stored(1)
    assert health["spool"]["error"] is None
    assert health["forward"] is None
    assert rig.sql("select wacampaign_receiver_alive()") == [(True,)]
    assert rig.stop(process) == 0
    assert rig.sql("select wacampaign_receiver_alive()") == [(False,)]
    kinds = rig.sql("select kind from wacampaign_events order by id")
    assert [kind for (kind,) in kinds] == ["receiver_started", "receiver_stopped"]
    assert not [path for path in (rig.home / "webhooks").rglob("*") if path.is_file()]


def test_ctrl_c_ends_it_in_order(rig: ReceiverRig) -> None:
    process = rig.start()
    assert rig.stop(process, signal.SIGINT) == 0
    assert "event=stopped" in rig.log_of(process)


def test_its_log_as_json_names_no_secret(rig: ReceiverRig) -> None:
    process = rig.start("--log-format", "json", "--port", str(free_port()), wait=False)
    wait_until(lambda: "started" in rig.log_of(process), 30, "it has started")
    lines = [json.loads(line) for line in rig.log_of(process).splitlines()]
    assert lines[0]["event"] == "started"
    assert SECRET not in rig.log_of(process)
    assert Path(rig.home).is_dir()


def test_broken_requests_leave_it_as_it_was(rig: ReceiverRig) -> None:
    """Cut off in the middle, wrongly packed, no HTTP at all: counted, and not told word by word."""
    process = rig.start()
    dice = random.Random(9)
    body = status_body("wamid.A")
    head = (
        f"POST /api/webhooks HTTP/1.1\r\nHost: x\r\n{HEADER}: {sign(SECRET, body)}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    packed = head.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
    requests = [
        head + body[:100],
        packed + body,
        head.replace(b"Content-Length", b"Transfer-Encoding: chunked\r\nX") + b"zz\r\nbad",
        b"GET /healthz\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        *(dice.randbytes(dice.randrange(1, 400)) for _ in range(100)),
        *(bytes(b ^ (dice.random() < 0.02) for b in head) + body for _ in range(100)),
    ]
    for data in requests:
        with (
            socket.create_connection(("127.0.0.1", rig.port), 20) as connection,
            contextlib.suppress(OSError),
        ):
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 16):
                pass
    assert rig.post(body) == 200
    assert body in rig.wait_stored(1)
    assert set(rig.stored()) == {body}
    assert process.poll() is None
    log = rig.log_of(process)
    assert "level=error" not in log
    assert "event=log" not in log
    assert rig.health()["refused"]["no_http"] > 10
