"""Log lines: one event a line, logfmt or NDJSON, stamped here, without secrets and whole phones.

The lines are stamped here because PM2's own stamping (`log_date_format`) loses data.

Tokens and passwords are masked always, phone numbers unless numbers are asked for. Ids stay
readable: UUIDs everywhere; a value that is a wamid; digits under `*_id` keys; under `number` 14 or
more digits (a phone number id), while a shorter run there is a phone. Integers below 10 digits and
those named `*_ms`, `*_bytes`, `*_seconds`, `*_total` are no phones.
"""

import contextlib
import json
import logging
import os
import re
import sys
import time
import traceback
from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import Enum
from pathlib import Path
from typing import Any, Final, Literal, TextIO

from wacampaign.core import masking
from wacampaign.core.shown_text import HARMFUL, json_text
from wacampaign.problems import Problem

LogFormat = Literal["logfmt", "json"]

#: Version of the NDJSON lines.
SCHEMA_VERSION: Final = 1
#: Characters of one value. An answer of the API may be a whole HTML page.
VALUE_CHARS_MAX: Final = 4000
#: Calls of a traceback that are logged, innermost first.
TRACE_DEPTH_MAX: Final = 25

_SECRET_KEYS: Final = frozenset(
    {"access_token", "api_key", "apikey", "app_secret", "authorization", "password", "secret"}
    | {"service_key", "token", "verify_token"}
)
#: Ids that stay readable. Under `number` a phone number id (15 or 16 digits) stands; a phone of 14
#: digits or more is next to unknown, and a shorter one there is masked.
_NUMBER_ID: Final = re.compile(r"\d{14,20}")
_META_ID: Final = re.compile(r"\d{1,20}")
_WAMID: Final = re.compile(r"wamid\.[A-Za-z0-9+/=_-]+")
#: Keys of ids that may be cut to their first 8 hex digits, 2 % of which look like a number.
_CUT_ID_KEYS: Final = frozenset({"campaign", "claim", "receiver", "repair", "row", "worker"})
_CUT_ID: Final = re.compile(r"[0-9a-f]{6,8}")
#: An integer from here on may be a phone; smaller ones are counts.
_PHONE_INT_MIN: Final = 10**9
_MEASURES: Final = ("_ms", "_bytes", "_seconds", "_total")
_RESERVED: Final = frozenset({"at", "level", "event", "schema_version"})
_BARE: Final = re.compile(rf"[^\s\"=\\\xa0{HARMFUL}]+")
_ESCAPED: Final = re.compile(rf"[\"\\{HARMFUL}]")
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_FIELDS: Final = "wacampaign_fields"


def log_event(
    logger: logging.Logger,
    event: str,
    /,
    *,
    level: int = logging.INFO,
    exc_info: BaseException | bool | None = None,
    **fields: object,
) -> None:
    """Log `event` (one lower-case word) with `fields` in the order given.

    `exc_info` (an exception, or True inside `except`) adds `error` and `trace`. Units belong into
    the names of fields: `took_ms`, `wait_seconds`.
    """
    if logger.isEnabledFor(level):
        logger.log(level, event, exc_info=exc_info, extra={_FIELDS: fields})


def set_up_logs(
    stream: TextIO | None = None,
    *,
    log_format: LogFormat = "logfmt",
    level: int = logging.INFO,
    show_numbers: bool = False,
) -> logging.Handler:
    """Send all log lines of the process to `stream` (default: stderr), and nowhere else.

    `wacampaign`'s own loggers log from `level` on, libraries only warnings. A second call replaces
    the first. Returns the handler; it outlives a reader that goes away.
    """
    handler = SteadyHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(
        NdjsonFormatter(show_numbers) if log_format == "json" else LogfmtFormatter(show_numbers)
    )
    root = logging.getLogger()
    for old in [h for h in root.handlers if isinstance(h, SteadyHandler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("wacampaign").setLevel(level)
    logging.captureWarnings(True)
    return handler


class SteadyHandler(logging.Handler):
    """Writes whole lines, flushes each, and never lets a broken stream stop the process.

    When the reader of stdout or stderr has gone (PM2 died), that descriptor is pointed at
    /dev/null, so that Python's flush at exit does not fail either; `broken` is then True.
    """

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__()
        self._stream = stream  # None: the process was started with that descriptor closed
        self.broken = stream is None

    def emit(self, record: logging.LogRecord) -> None:
        """Write `record`; what cannot be written is dropped."""
        if self._stream is None or self.broken:
            return
        try:
            line = self.format(record) + "\n"
        except Exception:  # a value whose repr fails must not stop a worker
            line = _stamp(record) + " level=error event=unloggable\n"
        try:
            try:
                self._stream.write(line)
            except UnicodeEncodeError:
                self._stream.write(line.encode("ascii", "backslashreplace").decode("ascii"))
            self._stream.flush()
        except (OSError, ValueError) as error:  # ValueError: closed on our side
            full = isinstance(error, OSError) and not isinstance(error, BrokenPipeError)
            if not full:  # a full disk may have room again, a reader does not come back
                self.broken = True
                self._silence(self._stream)

    @staticmethod
    def _silence(stream: TextIO) -> None:
        with contextlib.suppress(OSError, ValueError):
            descriptor = stream.fileno()
            if descriptor in (1, 2):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, descriptor)
                os.close(nowhere)


class _EventFormatter(logging.Formatter):
    def __init__(self, show_numbers: bool = False) -> None:
        super().__init__()
        self._show_numbers = show_numbers

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """The record as ordered fields, masked; values are str, int, float, bool or None."""
        given: Mapping[str, object] | None = getattr(record, _FIELDS, None)
        named: dict[str, object] = {"level": record.levelname.lower()}
        if given is None:  # a library's line
            named |= {"event": "log", "logger": record.name, "message": record.getMessage()}
        else:
            named["event"] = record.msg
            for key, value in given.items():
                named[f"{key}_" if key in _RESERVED else key] = value
        if record.exc_info and record.exc_info[1] is not None:
            named |= {"error": _error(record.exc_info[1]), "trace": _trace(record.exc_info[1])}
        return {key: self._masked(key, _plain(value)) for key, value in named.items()}

    def _masked(self, key: str, value: str | int | float | bool | None) -> Any:
        if value is None or isinstance(value, (bool, float)):
            return value
        if key in _SECRET_KEYS:
            return "***"
        if isinstance(value, int):
            if abs(value) < _PHONE_INT_MIN or key.endswith(_MEASURES):
                return value
            masked = self._masked(key, str(value))
            return value if masked == str(value) else masked
        if _is_id(key, value):
            text = value
        elif self._show_numbers:
            text = masking.mask_tokens(value)
        else:
            text = masking.mask_secrets(value)
        return text if len(text) <= VALUE_CHARS_MAX else text[:VALUE_CHARS_MAX] + "…"


class LogfmtFormatter(_EventFormatter):
    """`2026-11-23T14:32:07.123Z level=info event=settled campaign=… n=500`"""

    def format(self, record: logging.LogRecord) -> str:
        """One line, without its end."""
        pairs = (f"{key}={logfmt_value(v)}" for key, v in self.fields(record).items())
        return f"{_stamp(record)} {' '.join(pairs)}"


class NdjsonFormatter(_EventFormatter):
    """`{"schema_version":1,"at":"2026-11-23T14:32:07.123Z","level":"info","event":…}`"""

    def format(self, record: logging.LogRecord) -> str:
        """One line, without its end."""
        line = {"schema_version": SCHEMA_VERSION, "at": _stamp(record), **self.fields(record)}
        return json_text(line, separators=(",", ":"), allow_nan=False)


def _is_id(key: str, value: str) -> bool:
    if key.endswith("_id"):
        return bool(_META_ID.fullmatch(value))
    if key in _CUT_ID_KEYS:
        return bool(_CUT_ID.fullmatch(value))
    return bool(_WAMID.fullmatch(value) or (key == "number" and _NUMBER_ID.fullmatch(value)))


def logfmt_value(value: str | int | float | bool | None) -> str:
    """`value` as the right side of a logfmt pair: bare if it can be, else quoted and escaped."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if _BARE.fullmatch(text):
        return text
    escaped = _ESCAPED.sub(lambda c: _ESCAPES.get(c[0]) or f"\\u{ord(c[0]):04x}", text)
    return f'"{escaped}"'


def _plain(value: object) -> str | int | float | bool | None:
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        # Three decimals are what a person reads; infinity and nan are no JSON.
        return round(value, 3) if abs(value) < float("inf") else str(value)
    if isinstance(value, datetime):
        if value.tzinfo:
            return value.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, BaseException):
        return _error(value)
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return str(value)


def _stamp(record: logging.LogRecord) -> str:
    seconds, milliseconds = divmod(int(record.created * 1000), 1000)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{stamp}.{milliseconds:03d}Z"


def _error(error: BaseException, depth: int = 0) -> str:
    """Kind and text of `error`, of its parts if it is a group, and of what caused it."""
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, Problem) and error.suggestion != error.default_suggestion:
        text += f" → {error.suggestion}"
    if depth > 4:
        return text
    if isinstance(error, BaseExceptionGroup):
        text += " [" + "; ".join(_error(part, depth + 1) for part in error.exceptions) + "]"
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return f"{text} (because of {_error(cause, depth + 1)})" if cause else text


def _trace(error: BaseException) -> str:
    """Where `error` was raised and by what that was called: `a.py:12 in f < b.py:30 in g`."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    calls = traceback.extract_tb(error.__traceback__)[::-1][:TRACE_DEPTH_MAX]
    return " < ".join(f"{Path(c.filename).name}:{c.lineno} in {c.name}" for c in calls)
