"""Log lines: one event a line, quoted so that they can be read back, without secrets and phones."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wacampaign.logs import (
    LogFormat,
    SteadyHandler,
    log_event,
    logfmt_value,
    set_up_logs,
)

PHONE = "447700900123"
LOGGER = logging.getLogger("wacampaign.test")


@pytest.fixture(autouse=True)
def leave_logging_as_it_was() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("wacampaign")
    before = root.level, ours.level
    yield
    for handler in [h for h in root.handlers if isinstance(h, SteadyHandler)]:
        root.removeHandler(handler)
    root.setLevel(before[0])
    ours.setLevel(before[1])
    logging.captureWarnings(False)


def line(event: str = "settled", *, log_format: LogFormat = "logfmt", **fields: Any) -> str:
    stream = io.StringIO()
    show = bool(fields.pop("show_numbers", False))
    set_up_logs(stream, log_format=log_format, show_numbers=show)
    log_event(LOGGER, event, **fields)
    text = stream.getvalue()
    assert text.endswith("\n")
    assert len(text.splitlines()) == 1
    return text[:-1]


def parse(text: str) -> dict[str, str]:
    """What any logfmt reader makes of a line, its stamp aside."""
    pairs = re.findall(r' ([a-z_]+)=("(?:[^"\\]|\\.)*"|[^ "]+)', text)
    assert "".join(f" {k}={v}" for k, v in pairs) == text[text.index(" ") :]
    return {k: json.loads(v) if v.startswith('"') else v for k, v in pairs}


def test_a_line() -> None:
    campaign = str(uuid.UUID("3d824b99-a638-4363-b720-919000000001"))
    text = line(campaign=campaign, n=500, rate=78.64999999999, done=False, why=None)
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=info event=settled "
        rf"campaign={campaign} n=500 rate=78\.65 done=false why=null",
        text,
    )


def test_ndjson() -> None:
    text = line(log_format="json", n=500, why=None, at_=1, names=["a", "b"], text='x "y"\n')
    got = json.loads(text)
    datetime.strptime(got.pop("at"), "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    assert list(json.loads(text))[:4] == ["schema_version", "at", "level", "event"]
    assert got == {
        "schema_version": 1,
        "level": "info",
        "event": "settled",
        "n": 500,
        "why": None,
        "at_": 1,
        "names": '["a","b"]',
        "text": 'x "y"\n',
    }


@given(st.text())
def test_any_text_survives_logfmt(text: str) -> None:
    value = logfmt_value(text)
    assert len(f"x {value}".splitlines()) == 1
    assert parse(f"stamp key={value} end=1") == {"key": text, "end": "1"}


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.text(max_size=6)))
def test_any_fields_survive_both_formats(fields: dict[str, str]) -> None:
    # Six characters hold no phone and no token.
    fields = {k: v for k, v in fields.items() if k not in {"level", "event", "token", "secret"}}
    fields = {k: v for k, v in fields.items() if k not in {"at", "password", "apikey"}}
    expected = {"level": "info", "event": "settled", **fields}
    assert parse(_event(fields, "logfmt")) == expected
    got = json.loads(_event(fields, "json"))
    assert {k: got[k] for k in expected} == expected


def _event(fields: dict[str, Any], log_format: LogFormat) -> str:
    stream = io.StringIO()
    set_up_logs(stream, log_format=log_format)
    LOGGER.info("settled", extra={"wacampaign_fields": fields})
    text = stream.getvalue()
    assert text.count("\n") == 1
    return text[:-1]


@pytest.mark.parametrize(
    "text",
    [
        PHONE,
        f"+{PHONE}",
        "+44 7700 900123",
        "+44 (7700) 900-123",
        f"to {PHONE}, failed",
        f"x{PHONE}_",
    ],
)
def test_phones_are_masked(text: str) -> None:
    got = parse(line(text=text))["text"]
    assert "***0123" in got
    assert "900" not in got


def test_ids_stay_readable() -> None:
    fields = {
        "number": "874163789109558",
        "phone_number_id": "8741637891",
        "template_id": 1234567890123456,
        "campaign": "3d824b99-a638-4363-b720-222222222222",
        "wamid": "wamid.HBgMOTE5MDAwMDAwMDAxFQIAERgSMTIzNDU2Nzg5MDEyMzQ1Njc4AA==",
        "worker": "12345678",
        "receiver": "23456789",
        "took_ms": 1795444327123,
        "n": 10807,
    }
    got = json.loads(line(log_format="json", **fields))
    assert {k: got[k] for k in fields} == fields


@pytest.mark.parametrize("field", ["phone", "number", "reason", "n"])
def test_a_phone_is_masked_under_any_other_key(field: str) -> None:
    assert PHONE not in line(**{field: PHONE})
    assert parse(line(**{field: int(PHONE)}))[field] == "+44***0123"
    assert parse(line(**{field: PHONE}, show_numbers=True))[field] == PHONE


def test_a_phone_beside_an_id_is_masked() -> None:
    text = "3d824b99-a638-4363-b720-222222222222 447700900123"
    assert parse(line(text=text))["text"] == "3d824b99-a638-4363-b720-222222222222 +44***0123"
    assert PHONE not in line(template_id=f"sent to {PHONE}")
    assert PHONE not in line(wamid=f"wamid.abc for {PHONE}")


SECRETS = {
    "EAA" + "Gx9" * 20: "EAA***",
    "sb_secret_" + "abc-DEF_" * 4: "sb_***",
    "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoieCJ9.c2lnbmF0dXJl": "eyJ***",
    "Bearer abc.def/ghi+jkl": "Bearer ***",
    "https://x.example/y?access_token=abc123&z=1": "access_token=***&z=1",
    '{"access_token": "abc123"}': '"access_token": "***"',
    "postgresql://boss:hunter2@db/app": "boss:***@db",
}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("show_numbers", [False, True])
def test_secrets_are_always_masked(secret: str, show_numbers: bool) -> None:
    got = parse(line(text=f"failed: {secret} (again)", show_numbers=show_numbers))
    assert SECRETS[secret] in got["text"]
    assert got["text"].endswith("(again)")
    assert secret not in got["text"]


def test_a_secret_under_its_own_name_is_masked_whatever_it_looks_like() -> None:
    assert parse(line(password="plain", token="plain", n=1))["password"] == "***"


def test_an_exception_is_one_line_with_its_cause_and_place() -> None:
    def fails() -> None:
        try:
            raise ValueError(f"bad phone\n{PHONE}")
        except ValueError as error:
            raise RuntimeError("Bearer abcdef") from error

    try:
        fails()
    except RuntimeError as error:
        got = parse(line(level=logging.ERROR, exc_info=error))
    assert got["error"] == (
        "RuntimeError: Bearer *** (because of ValueError: bad phone\n+44***0123)"
    )
    assert re.fullmatch(r"test_logs\.py:\d+ in fails < test_logs\.py:\d+ in test_\w+", got["trace"])


def test_the_parts_of_a_group_are_named() -> None:
    group = ExceptionGroup("unhandled", [ValueError("one"), KeyError("two")])
    assert "[ValueError: one; KeyError: 'two']" in parse(line(exc_info=group))["error"]


def test_libraries_log_warnings_only_and_masked() -> None:
    stream = io.StringIO()
    set_up_logs(stream)
    logging.getLogger("httpx").info("hidden")
    logging.getLogger("httpx").warning("GET %s", f"https://x/?access_token=abc&to={PHONE}")
    got = parse(stream.getvalue().rstrip("\n"))
    assert got["event"] == "log"
    assert got["logger"] == "httpx"
    assert got["message"] == "GET https://x/?access_token=***&to=+44***0123"


def test_a_second_set_up_replaces_the_first() -> None:
    first, second = io.StringIO(), io.StringIO()
    set_up_logs(first)
    set_up_logs(second, level=logging.WARNING)
    log_event(LOGGER, "quiet")
    log_event(LOGGER, "loud", level=logging.WARNING)
    assert first.getvalue() == ""
    assert "event=loud" in second.getvalue()
    assert "quiet" not in second.getvalue()


def test_long_values_are_cut_and_fields_cannot_forge_the_head() -> None:
    got = parse(line(text="x" * 10_000, event_=1, level_="y"))
    assert len(got["text"]) == 4001
    assert parse(_event({"event": "forged", "level": "error"}, "logfmt")) == {
        "level": "info",
        "event": "settled",
        "event_": "forged",
        "level_": "error",
    }


def test_what_cannot_be_formatted_or_encoded_stops_nothing() -> None:
    class Bad:
        def __str__(self) -> str:
            raise RuntimeError

    assert "event=unloggable" in line(value=Bad())
    raw = io.BytesIO()
    set_up_logs(io.TextIOWrapper(raw, encoding="ascii"))
    log_event(LOGGER, "named", name_="आशा")
    assert rb"\u0906\u0936\u093e" in raw.getvalue()


def test_a_closed_or_missing_stream_stops_nothing() -> None:
    stream = io.StringIO()
    handler = set_up_logs(stream)
    stream.close()
    log_event(LOGGER, "lost")
    log_event(LOGGER, "lost")
    assert isinstance(handler, SteadyHandler)
    assert handler.broken
    assert SteadyHandler(None).broken


def test_a_full_disk_may_have_room_again() -> None:
    class Full(io.StringIO):
        full = True

        def flush(self) -> None:
            if self.full:
                raise OSError(28, "No space left on device")

    stream = Full()
    handler = set_up_logs(stream)
    log_event(LOGGER, "lost")
    stream.full = False
    log_event(LOGGER, "kept")
    assert isinstance(handler, SteadyHandler)
    assert not handler.broken
    assert "event=kept" in stream.getvalue()


def test_a_worker_survives_its_reader() -> None:
    """The reader of stdout dies (PM2 killed): the process goes on and ends well."""
    code = (
        "import logging, sys\n"
        "from wacampaign.logs import log_event, set_up_logs\n"
        "set_up_logs(sys.stdout)\n"
        "sys.stdin.readline()\n"
        "for n in range(1000): log_event(logging.getLogger('wacampaign'), 'claimed', n=n)\n"
        "print('x' * 100000)\n"
        "sys.stderr.write('alive')\n"
    )
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    os.close(reader)
    _, errors = process.communicate("go\n", timeout=60)
    assert (process.returncode, errors) == (0, "alive")
