"""`db migrate`, `db sql`, `db check`: the schema, applied, printed, compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wacampaign.cli.options import AsJson, DryRun, EnvFile, StoreFlag, Yes
from wacampaign.cli.output import print_json
from wacampaign.cli.plan import Plan, Step, agreed, show_next
from wacampaign.cli.session import read_settings
from wacampaign.problems import Misconfigured, Problem, Refused, SchemaMissing
from wacampaign.settings import Settings

if TYPE_CHECKING:
    from wacampaign.store.schema import Difference
    from wacampaign.store.store import Store

#: Exit code of a reading command that found something.
FINDING = 3
#: Differences that people are shown; of a database without our schema there are many.
SHOWN_MAX = 20

app = typer.Typer(help="The schema: apply, print, compare.")


@app.command()
def migrate(
    yes: Yes = False,
    dry_run: DryRun = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Bring the database's schema up to date, over a direct connection.

    Adds tables, columns, indexes and functions; removes and renames nothing. May be run again at
    any time. Over REST alone, use `db sql`.

    Example: wacampaign db migrate --dry-run
    """
    from wacampaign.store import schema

    url = _direct_url(read_settings(env_file, store))
    found = schema.check(url)
    if not found:
        print(f"the schema is up to date ({schema.expected_version()}): nothing was changed")
        show_next("wacampaign queue-stats")
        return
    files = schema.migrations()
    plan = Plan(
        title=f"apply {len(files)} migrations, up to version {schema.expected_version()}",
        steps=tuple(
            Step(n, kind, "missing or different", "as in this version")
            for kind, n in _by_kind(found).items()
        ),
        samples=[one.text for one in found],
        notes=("no row of the backend's tables changes",),
        next_command="wacampaign db check",
    )
    if not agreed(plan, yes=yes, dry_run=dry_run):
        return
    left = schema.migrate(url)
    print(f"applied {len(files)} migrations: version {schema.expected_version()}")
    if left:
        problem = Problem(
            f"{len(left)} differences are left, the first: {left[0].text}", "wacampaign db check"
        )
        problem.changed = True
        raise problem
    show_next("wacampaign queue-stats")


@app.command()
def sql(
    output_dir: Annotated[
        Path | None,
        typer.Option(
            "--output-dir",
            metavar="DIR",
            help="Write one file a migration there (supabase/migrations) instead of printing.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Print all migrations, for Supabase's SQL editor. Works without a database.

    Example: wacampaign db sql > wacampaign.sql

    Example: wacampaign db sql --output-dir supabase/migrations
    """
    from wacampaign.store.schema import migrations

    if output_dir is None:
        for migration in migrations():
            print(f"-- {migration.file_name}\n\n{migration.sql.rstrip()}\n")
        return
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        for migration in migrations():
            path = output_dir / migration.file_name
            if path.is_file() and path.read_text("utf-8") == migration.sql:
                print(f"unchanged {path}")
            else:
                path.write_text(migration.sql, "utf-8")
                print(f"written {path}")
    except OSError as error:
        raise Refused(
            f"{error.filename or output_dir} cannot be written: {error.strerror}",
            "wacampaign db sql > wacampaign.sql",
        ) from None


@app.command()
def check(as_json: AsJson = False, env_file: EnvFile = None, store: StoreFlag = None) -> None:
    """Compare the database's schema and counts with what this version needs.

    Ends with exit code 3 when something differs. Over a direct connection every table, column,
    index, trigger, function and grant is looked at; over REST the version, and the counts of the
    campaigns that are not over.

    Example: wacampaign db check
    """
    from wacampaign.store import schema

    settings = read_settings(env_file, store)
    name = settings.require_store()
    if name == "supabase":
        found, looked = _check_over_rest(settings), "version, counts"
    else:
        found = schema.check(_direct_url(settings))
        looked = "tables, columns, indexes, triggers, functions, grants, counts"
    fix = "wacampaign db sql" if name == "supabase" else "wacampaign db migrate"
    if as_json:
        print_json(
            {
                "store": name,
                "expected_version": schema.expected_version(),
                "looked_at": looked.split(", "),
                "differences": [
                    {"kind": one.kind, "name": one.name, "text": one.text} for one in found
                ],
                "ok": not found,
            }
        )
    elif found:
        for one in found[:SHOWN_MAX]:
            print(one.text)
        if len(found) > SHOWN_MAX:
            print(f"and {len(found) - SHOWN_MAX} more")
        print(f"{len(found)} differences ({name}; looked at: {looked})")
        show_next(fix)
    else:
        print(f"as it should be: version {schema.expected_version()} ({name}; looked at: {looked})")
        show_next("wacampaign queue-stats")
    if found:
        raise typer.Exit(FINDING)


def _direct_url(settings: Settings) -> str:
    """The address of a direct connection; the embedded database is started for it."""
    match settings.require_store():
        case "supabase":
            raise Misconfigured(
                "the REST address cannot change a schema; that needs DATABASE_URL",
                "wacampaign db sql   (paste its output into Supabase's SQL editor)",
            )
        case "embedded":
            from wacampaign.store.embedded import start_embedded

            return start_embedded(settings.home)
        case "postgres":
            assert settings.database_url is not None
            return settings.database_url


def _check_over_rest(settings: Settings) -> list[Difference]:
    from wacampaign.cli.session import with_store
    from wacampaign.store.schema import Difference, expected_version

    async def work(store: Store) -> list[Difference]:
        try:
            answer: dict[str, Any] = await store.call("schema_version")
            version = str(answer["version"])
            if version != expected_version():
                text = f"the database has version {version}, this program {expected_version()}"
                return [Difference("version", version, text)]
            stats = await store.stats()
            audits = [await store.audit(one["id"]) for one in stats["campaigns"]]
        except SchemaMissing as missing:
            return [Difference("version", "none", missing.message)]
        return [
            Difference("count", one["id"], f"campaign {one['id']}: counts differ from its rows")
            for one in audits
            if one["count_drift"]
        ]

    return with_store(settings, work)


def _by_kind(found: list[Difference]) -> dict[str, int]:
    """How many differences of each kind, in the order in which they were found."""
    kinds: dict[str, int] = {}
    for one in found:
        kinds[one.kind] = kinds.get(one.kind, 0) + 1
    return kinds
