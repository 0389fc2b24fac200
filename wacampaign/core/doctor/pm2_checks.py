"""PM2's settings of our processes, as it has them: what its defaults do to a worker."""

import shlex
from collections.abc import Iterator
from typing import Final

from wacampaign.core.doctor.facts import Pm2, Pm2App
from wacampaign.core.doctor.model import Examined, Mending, failing, passed, some, unseen, wanting
from wacampaign.core.services.pm2_file import KEPT_OUT
from wacampaign.core.services.service import KILL_SECONDS, STOPPED_EARLY, WRONG_SETTING
from wacampaign.core.words import counted

#: Milliseconds that a worker needs at most to end in order.
_KILL_TIMEOUT_MS: Final = KILL_SECONDS * 1000
_OTHERS: Final = 0o077


def pm2_checks(facts: Pm2 | None) -> Iterator[Examined]:
    """All of PM2; nothing where it does not run."""
    if facts is None:
        return
    if facts.fault:
        yield unseen("pm2", facts.fault, "pm2 jlist, as the user whose PM2 it is", Mending.WORDS)
    elif facts.apps:
        yield from _state(facts.apps)
        yield from _settings(facts.apps)
    yield from _secrets(facts)


def _state(apps: tuple[Pm2App, ...]) -> Iterator[Examined]:
    down = [app for app in apps if app.status not in ("online", "launching")]
    for app in down:
        yield failing(
            "pm2",
            f"{app.name} is {app.status} in PM2 (started {app.restarts + 1} times)",
            f"pm2 logs {shlex.quote(app.name)} --lines 20 --nostream;"
            f" pm2 restart {shlex.quote(app.name)}",
        )
    if not down:
        yield passed("pm2", f"{some([app.name for app in apps])} online in PM2")


def _settings(apps: tuple[Pm2App, ...]) -> Iterator[Examined]:
    fine = []
    for app in apps:
        faults = list(_of_one(app))
        yield from faults
        if not faults:
            fine.append(app.name)
    if fine:
        yield passed("pm2_settings", f"{some(fine)}: as in docs/how-to/run-under-pm2.md")


def _of_one(app: Pm2App) -> Iterator[Examined]:
    if app.kill_timeout_ms < _KILL_TIMEOUT_MS:
        yield failing(
            "pm2_kill_timeout",
            f"PM2 kills {app.name} {app.kill_timeout_ms:,.0f} ms after it was told to stop, in the"
            " middle of Meta's answers: rows come to be in doubt",
            f"kill_timeout: {_KILL_TIMEOUT_MS} in ecosystem.config.cjs, {_again(app)}",
            Mending.WORDS,
        )
    if app.exec_mode != "fork":
        yield failing(
            "pm2_interpreter",
            f"{app.name} runs in {app.exec_mode} mode, which is for Node",
            f"exec_mode: 'fork' in ecosystem.config.cjs, {_again(app)}",
            Mending.WORDS,
        )
    elif app.interpreter.rpartition("/")[2] in ("node", "nodejs", "bun"):
        yield failing(
            "pm2_interpreter",
            f"PM2 runs {app.name} with {app.interpreter}, and it is Python",
            f"interpreter: 'none' in ecosystem.config.cjs, {_again(app)}",
            Mending.WORDS,
        )
    if not app.autorestart:
        yield wanting(
            "pm2_autorestart",
            f"PM2 does not start {app.name} again after a crash",
            f"take autorestart: false out of ecosystem.config.cjs, {_again(app)}",
            Mending.WORDS,
        )
    if WRONG_SETTING not in app.stop_exit_codes:
        yield wanting(
            "pm2_settings",
            f"PM2 starts {app.name} again and again when a setting is wrong (exit code"
            f" {WRONG_SETTING})",
            f"stop_exit_codes: [{WRONG_SETTING}, {STOPPED_EARLY}] in ecosystem.config.cjs,"
            f" {_again(app)}",
            Mending.WORDS,
        )
    if app.log_date_format:
        yield wanting(
            "pm2_settings",
            f"with log_date_format PM2 loses lines of {app.name}'s log",
            f"take log_date_format out of ecosystem.config.cjs, {_again(app)}",
            Mending.WORDS,
        )


def _again(*apps: Pm2App) -> str:
    """Deleted, not restarted: that leaves what the file does not name, and another name beside."""
    names = shlex.join(app.name for app in apps)
    services = ",".join(dict.fromkeys(app.service for app in apps))
    deleted = f"pm2 delete {names} && " if apps else ""
    only = f" --only {services}" if apps else ""
    return (
        f"as `wacampaign pm2` prints it, and then: {deleted}pm2 start ecosystem.config.cjs{only}"
        " && pm2 save"
    )


def _secrets(facts: Pm2) -> Iterator[Examined]:
    names = sorted({name for app in facts.apps for name in app.secrets} | set(facts.dump_secrets))
    if not names:
        if facts.apps:
            yield passed("pm2_secrets", "PM2 keeps no secret of ours")
        return
    told = counted(len(names), "secret")
    keeping = [app for app in facts.apps if app.secrets]
    if facts.dump_secrets and facts.dump_mode is not None and facts.dump_mode & _OTHERS:
        yield failing(
            "pm2_secrets",
            f"everybody on this machine may read {told} of ours in {facts.dump}: {some(names)}."
            " filter_env in ecosystem.config.cjs keeps them out",
            f"chmod 600 {shlex.quote(facts.dump)}",
        )
    else:
        yield wanting(
            "pm2_secrets",
            f"PM2 keeps {told} of ours in its processes' environment: {some(names)}",
            f"filter_env: {list(KEPT_OUT)} in ecosystem.config.cjs, {_again(*keeping)}",
            Mending.WORDS,
        )
