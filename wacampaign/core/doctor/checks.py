"""The checks of a doctor, in the order in which they are looked at. Each is judged in its module:

- `machine_checks`: settings, env_files, environment, env_rights, key, api_version, home, disk
- `pm2_checks`: pm2, pm2_kill_timeout, pm2_interpreter, pm2_autorestart, pm2_settings, pm2_secrets
- `database_checks`: database_reachable, database_speed, clock, pooler, database_writable,
  connections, publication, table_sizes, jit
- `schema_checks`: schema, guard, indexes, unique_ids, grants, open_to_anon,
  open_to_users
- `traffic_checks`: workers, receivers, other_senders, kept_back, backlog, orphan_logs, templates,
  totals, alerts, statuses
- `meta_checks`: cloud_api, token, token_expiry, token_permissions, number, quality, throughput,
  health, app_secret, subscription

docs/reference/doctor.md says of each what it looks at and what mends it.
"""

from collections.abc import Sequence

from wacampaign.core.doctor.database_checks import OF_THE_SERVER, database_checks
from wacampaign.core.doctor.facts import Database, Failed, Machine, Pm2
from wacampaign.core.doctor.machine_checks import OF_THE_MACHINE, machine_checks
from wacampaign.core.doctor.meta_checks import OF_META, meta_checks
from wacampaign.core.doctor.meta_facts import Account
from wacampaign.core.doctor.model import Examined, Mending, failing, unseen_all, worst_first
from wacampaign.core.doctor.pm2_checks import pm2_checks
from wacampaign.core.doctor.schema_checks import OF_THE_SCHEMA, schema_checks
from wacampaign.core.doctor.traffic_checks import OF_THE_TRAFFIC, traffic_checks


def examine(
    machine: Machine, pm2: Pm2 | None, database: Database, meta: Account | Failed, version: str
) -> list[Examined]:
    """Everything, worst first; `version`: that of this program."""
    checks = [*machine_checks(machine), *pm2_checks(pm2), *database_checks(database, machine)]
    if isinstance(database.answer_ms, Failed):
        names = (*OF_THE_SCHEMA, *OF_THE_TRAFFIC, *OF_META)
        checks += unseen_all(names, "the database did not answer")
        return worst_first(checks)
    checks += schema_checks(database.schema, machine, _log_rows(database))
    checks += traffic_checks(database.traffic, version)
    checks += meta_checks(meta)
    return worst_first(checks)


def without_settings(text: str, fix: str, pm2: Pm2 | None) -> list[Examined]:
    """The settings cannot be read: nothing that needs them can be looked at."""
    checks = [failing("settings", text, fix, Mending.WORDS), *pm2_checks(pm2)]
    checks += unseen_all(OF_THE_MACHINE, "the settings cannot be read")
    names = (
        "database_reachable",
        "database_speed",
        "clock",
        *OF_THE_SERVER,
        *OF_THE_SCHEMA,
        *OF_THE_TRAFFIC,
        *OF_META,
    )
    checks += unseen_all(names, "the settings cannot be read")
    return worst_first(checks)


def failures(checks: Sequence[Examined]) -> bool:
    """Whether one failed."""
    return any(one.verdict == "fail" for one in checks)


def _log_rows(database: Database) -> int:
    if isinstance(database.server, Failed):
        return 0
    sizes = {table.name: table.rows for table in database.server.sizes}
    return sizes.get("message_status_logs", 0)


def next_step(checks: Sequence[Examined]) -> str:
    """What to type next: the worst finding's own command, or to look again when it is mended."""
    first = checks[0] if checks else None
    if first is None or first.verdict not in ("fail", "warn"):
        return "wacampaign queue-stats"
    if first.mending is Mending.SHELL:
        return first.fix.partition("\n")[0]
    return "wacampaign doctor    (once that is put right)"
