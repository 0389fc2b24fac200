"""`db migrate`, `db sql`, `db check`: the schema, applied, printed, compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wacampaign.cli.options import AsJson, DryRun, EnvFile, StoreFlag, Yes
from wacampaign.cli.output import print_json, tell, tell_text
from wacampaign.cli.plan import Plan, Step, agreed, show_next
from wacampaign.cli.progress import progress_bar
from wacampaign.cli.session import read_settings
from wacampaign.problems import Misconfigured, NotWritable, Problem, SchemaMissing, Usage
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

    Adds tables, columns, indexes and functions; removes and renames nothing. Readers and writers go
    on meanwhile: locks are short, indexes are made concurrently. May be run again at any time, also
    after it was cut. Over REST alone, use `db sql`.

    Example: wacampaign db migrate --dry-run
    """
    from wacampaign.store import schema

    url = _direct_url(read_settings(env_file, store))
    found = schema.check(url)
    if not found:
        tell(f"the schema is up to date ({schema.expected_version()}): nothing was changed")
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
    with progress_bar("applying") as bar:
        left = schema.migrate(url, bar and (lambda done, of, _: bar(done, of)))
    tell(f"applied {len(files)} migrations: version {schema.expected_version()}")
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
    psql: Annotated[
        bool,
        typer.Option(
            "--psql",
            help="Print steps for psql, which block nobody on a database that is in use.",
        ),
    ] = False,
) -> None:
    """Print all migrations, for Supabase's SQL editor. Works without a database.

    For a new or small database, in one transaction; on one with a filled queue the printed SQL
    refuses and changes nothing. There, use `db migrate`, or --psql.

    Example: wacampaign db sql > wacampaign.sql

    Example: wacampaign db sql --psql > steps.sql

    Example: wacampaign db sql --output-dir supabase/migrations
    """
    from wacampaign.store import schema_steps
    from wacampaign.store.schema import LOCK_SECONDS, migrations

    if psql and output_dir is not None:
        raise Usage("--psql and --output-dir exclude each other", "wacampaign db sql --psql")
    if psql:
        tell_text(schema_steps.for_psql(migrations(), LOCK_SECONDS))
        return
    if output_dir is None:
        tell_text(schema_steps.for_editor(migrations()))
        return
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        for migration in migrations():
            path = output_dir / migration.file_name
            text = schema_steps.for_deployment(migration)
            if path.is_file() and path.read_text("utf-8") == text:
                tell(f"unchanged {path}")
            else:
                path.write_text(text, "utf-8")
                tell(f"written {path}")
    except OSError as error:
        raise NotWritable(
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
            tell(one.text)
        if len(found) > SHOWN_MAX:
            tell(f"and {len(found) - SHOWN_MAX} more")
        tell(f"{len(found)} differences ({name}; looked at: {looked})")
        show_next(fix)
    else:
        tell(f"as it should be: version {schema.expected_version()} ({name}; looked at: {looked})")
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
