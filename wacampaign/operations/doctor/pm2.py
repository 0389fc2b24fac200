"""PM2's part: its processes of ours, as `pm2 jlist` has them, and what `pm2 save` wrote."""

import asyncio
import contextlib
import dataclasses
import json
import os
import re
import shutil
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from wacampaign.core.doctor.facts import Pm2, Pm2App
from wacampaign.core.services.service import receiver, worker
from wacampaign.operations.doctor.patience import PM2_SECONDS

#: Milliseconds that PM2 waits when nothing is set (platform-facts, 1.1).
_KILL_TIMEOUT_MS: Final = 1_600
_PERMISSIONS: Final = 0o777
#: Commands of ours that PM2 keeps running.
_COMMANDS: Final = ("run-worker", "webhook")
#: Settings whose value is a secret, or has one in it.
_SECRET: Final = frozenset(
    {"SUPABASE_SERVICE_KEY", "SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY", "DATABASE_URL"}
    | {"META_ACCESS_TOKEN", "META_APP_SECRET", "META_WEBHOOK_VERIFY_TOKEN"}
    | {"WACAMPAIGN_ALERT_URLS"}
)


def _home() -> Path:
    given = os.environ.get("PM2_HOME")
    try:
        return Path(given) if given else Path.home() / ".pm2"
    except RuntimeError:  # a user without a home, as in containers: there is no PM2 of it
        return Path(os.devnull)


def dump_of() -> Path:
    """The file of `pm2 save`; it may not be there."""
    return _home() / "dump.pm2"


async def ask_pm2() -> Pm2 | None:
    """PM2 of this user; None: it does not run. Never starts its daemon."""
    dump = dump_of()
    secrets: tuple[str, ...] = ()
    mode = None
    with contextlib.suppress(OSError, ValueError, RecursionError):
        secrets = _secrets_in(json.loads(dump.read_text("utf-8")))
        mode = None if os.name == "nt" else dump.stat().st_mode & _PERMISSIONS
    told = Pm2((), str(dump), secrets, mode)
    if not await asyncio.to_thread(_runs):
        return told if secrets else None
    program = shutil.which("pm2")
    if program is None:
        why = "PM2 runs, and the command pm2 is not found (PATH)"
        return dataclasses.replace(told, fault=why)
    try:
        listed = await _jlist(program)
    except (OSError, ValueError, TimeoutError) as error:
        why = f"pm2 jlist gave no list ({type(error).__name__})"
        return dataclasses.replace(told, fault=why)
    return dataclasses.replace(told, apps=tuple(_app(one) for one in listed if _is_ours(one)))


def _runs() -> bool:
    """`pm2 jlist` would start a daemon where there is none.

    Asked is its socket: the process of `pm2.pid` may be another one's, after a reboot for one.
    """
    if not hasattr(socket, "AF_UNIX"):  # Windows, where it listens on a pipe
        return (_home() / "pm2.pid").is_file()
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(PM2_SECONDS)
        try:
            asking.connect(str(_home() / "rpc.sock"))
        except (PermissionError, TimeoutError):
            return True
        except OSError:
            return False
    return True


async def _jlist(program: str) -> list[dict[str, Any]]:
    asked = await asyncio.create_subprocess_exec(
        program,
        "jlist",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(PM2_SECONDS):
            answer, _ = await asked.communicate()
    finally:
        if asked.returncode is None:
            asked.kill()
            await asked.wait()
    # It may tell of an update, or of itself, before the list and after it.
    text = answer.decode("utf-8", "replace")
    for found in re.finditer(r"\[\s*[{\]]", text):
        with contextlib.suppress(ValueError):
            listed, _ = json.JSONDecoder().raw_decode(text, found.start())
            return [one for one in listed if isinstance(one, dict)]
    raise ValueError("no list")


def _env(app: Mapping[str, Any]) -> Mapping[str, Any]:
    env = app.get("pm2_env")
    return env if isinstance(env, dict) else {}


def _arguments(app: Mapping[str, Any]) -> list[str]:
    given = _env(app).get("args")
    return [str(one) for one in given] if isinstance(given, list) else str(given or "").split()


def _is_ours(app: Mapping[str, Any]) -> bool:
    words = [str(_env(app).get("pm_exec_path") or ""), *_arguments(app)]
    program = any(Path(word).name in ("wacampaign", "wacampaign.exe") for word in words)
    return program and any(command in words for command in _COMMANDS)


def _app(app: Mapping[str, Any]) -> Pm2App:
    env, words = _env(app), _arguments(app)
    codes = env.get("stop_exit_codes")
    return Pm2App(
        name=str(app.get("name") or env.get("name") or "?"),
        service=_service(words),
        status=str(env.get("status") or "?"),
        env_file=_env_file(Path(str(env.get("pm_cwd") or "")), words),
        kill_timeout_ms=_number(env.get("kill_timeout"), _KILL_TIMEOUT_MS),
        interpreter=str(env.get("exec_interpreter") or "none"),
        exec_mode=str(env.get("exec_mode") or "fork").removesuffix("_mode"),
        autorestart=env.get("autorestart") is not False,
        stop_exit_codes=tuple(
            int(str(code)) for code in (codes if isinstance(codes, list) else [codes])
            if str(code).isdecimal()
        ),
        restarts=int(_number(env.get("restart_time"), 0)),
        log_date_format=str(env.get("log_date_format") or "") or None,
        secrets=_secrets_in([env]),
    )  # fmt: skip


def _service(words: list[str]) -> str:
    """What it is called in the file that we print."""
    return (worker() if "run-worker" in words else receiver()).name


def _env_file(folder: Path, words: list[str]) -> str:
    """What the process reads, by its arguments; by itself `.env` where it is started."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == "--env-file" or word.startswith("--env-file="):
            return str(folder / (word.partition("=")[2] or following))
    return str(folder / ".env")


def _number(given: Any, otherwise: float) -> float:
    try:
        return float(given)
    except (TypeError, ValueError):
        return otherwise


def _secrets_in(kept: Any) -> tuple[str, ...]:
    """Names of secrets of ours that stand with a value anywhere in what PM2 keeps."""
    return tuple(sorted(set(_walk(kept))))


def _walk(kept: Any) -> Iterator[str]:
    if isinstance(kept, dict):
        for name, value in kept.items():
            if name in _SECRET and isinstance(value, str) and value.strip():
                yield name
            elif isinstance(value, dict | list):
                yield from _walk(value)
    elif isinstance(kept, list):
        for one in kept:
            yield from _walk(one)
