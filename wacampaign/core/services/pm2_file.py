"""`ecosystem.config.cjs`: what PM2 has to know of our processes.

Why each line stands there: docs/how-to/run-under-pm2.md.
"""

import json
from collections.abc import Sequence
from typing import Final

from wacampaign.core.services.service import (
    KILL_SECONDS,
    MEMORY_MIB,
    STOPPED_EARLY,
    WRONG_SETTING,
    Installed,
    Service,
    words,
)

#: Milliseconds for which `pm2 start` waits until a process works; then PM2 takes it for started.
LISTEN_MS: Final = 20_000
#: Milliseconds before the first restart; each next one waits half as long again, 15 s at most.
BACKOFF_MS: Final = 500
#: PM2 keeps no variable of the caller's shell whose name holds one of these: neither settings,
#: which are to come from `.env`, nor anybody's secrets, which `pm2 save` would write in clear.
KEPT_OUT: Final = (
    "META_",
    "SUPABASE_",
    "WACAMPAIGN_",
    "WHATSAPP_",
    "DATABASE_URL",
    "SECRET",
    "TOKEN",
    "PASSW",
    "CREDENTIAL",
    "_KEY",
)


def pm2_file(installed: Installed, services: Sequence[Service]) -> str:
    """The whole file, which is CommonJS whatever package.json lies above it."""
    apps = "\n".join(_app(installed, service) for service in services)
    return (
        "// Made by `wacampaign pm2`. Settings and secrets belong into .env, never in here:\n"
        "// `pm2 save` writes all that it knows in clear.\n"
        f"module.exports = {{ apps: [\n{apps}\n]}};\n"
    )


def _app(installed: Installed, service: Service) -> str:
    script, *arguments = words(installed, service)
    if " " in script:
        # PM2 hands a script with a blank to `bash -c`, and leaves its arguments out.
        script, arguments = "/usr/bin/env", [script, *arguments]
    fields = {
        "name": service.name,
        "cwd": str(installed.folder),
        "script": script,
        "interpreter": "none",
        "args": arguments,
        "exec_mode": "fork",
        "instances": 1,
        "env": {"PYTHONUNBUFFERED": "1"},
        "kill_timeout": KILL_SECONDS * 1000,
        "wait_ready": True,
        "listen_timeout": LISTEN_MS,
        "stop_exit_codes": [WRONG_SETTING, STOPPED_EARLY],
        "exp_backoff_restart_delay": BACKOFF_MS,
        "max_memory_restart": f"{MEMORY_MIB}M",
        "filter_env": list(KEPT_OUT),
    }
    # Escaped: a path may hold what turns the direction of a line or ends it.
    lines = "".join(f"    {name}: {json.dumps(value)},\n" for name, value in fields.items())
    return f"  {{\n{lines}  }},"
