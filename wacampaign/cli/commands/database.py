"""`db migrate`, `db sql`, `db check`: the schema, applied, printed, compared."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from wacampaign.cli.options import AsJson, DryRun, EnvFile, StoreFlag, Yes
from wacampaign.cli.output import FINDING, print_json, tell, tell_text
from wacampaign.cli.plan import agreed, change_told, show_next
from wacampaign.cli.screens.progress import progress_bar
from wacampaign.cli.session import read_settings, with_store
from wacampaign.core.plan import Change, Plan
from wacampaign.core.words import are, counted, verb
from wacampaign.problems import Misconfigured, Problem, Usage
from wacampaign.settings import Settings
from wacampaign.store import schema, schema_steps
from wacampaign.store.embedded import start_embedded
from wacampaign.store.schema_over_rest import differences_over_rest
from wacampaign.store.supabase_migrations import write_schema

#: Differences that people are shown; of a database without our schema there are many.
SHOWN_MAX = 20

app = typer.Typer(help="The schema: apply, print, compare.")


@app.command()
def migrate(
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Bring the database's schema up to date, over a direct connection.

    Adds tables, columns, indexes and functions; removes and renames nothing. Readers and writers go
    on meanwhile: locks are short, indexes are made concurrently. May be run again at any time, also
    after it was cut. Over REST alone, use `db sql`.

    Example: wacampaign db migrate --dry-run
    """
    url = _direct_url(read_settings(env_file, store))
    with change_told(as_json=as_json, dry_run=dry_run) as told:
        found = schema.check(url)
        version = schema.expected_version()
        told.done(changed=False, version=version, differences=len(found))
        if not found:
            tell(f"the schema is up to date ({version}): nothing was changed")
            show_next("wacampaign queue-stats")
            return
        files = schema.sql_files()
        plan = Plan(
            title=f"apply {counted(len(files), 'migration')}, up to version {version}",
            steps=tuple(
                Change(n, kind, "missing or different", "as in this version")
                for kind, n in Counter(one.kind for one in found).items()
            ),
            samples=[one.text for one in found],
            notes=("no row of the backend's tables changes",),
            next_command="wacampaign db check",
        )
        if not agreed(plan, yes=yes, dry_run=dry_run):
            return
        with progress_bar("applying") as bar:
            left = schema.migrate(url, bar and (lambda done, of, _: bar(done, of)))
        tell(f"applied {counted(len(files), 'migration')}: version {version}")
        told.done(differences=len(left))
        if left:
            problem = Problem(
                f"{counted(len(left), 'difference')} {are(len(left))} left, the first:"
                f" {left[0].text}",
                "wacampaign db check",
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
            help="Write a file there (supabase/migrations) instead, for supabase db push.",
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
    """Print the schema, for Supabase's SQL editor. Works without a database.

    For a new or small database, in one transaction; on one with a filled queue the printed SQL
    refuses and changes nothing. There, use `db migrate`, or --psql.

    Example: wacampaign db sql > wacampaign.sql

    Example: wacampaign db sql --psql > steps.sql

    Example: wacampaign db sql --output-dir supabase/migrations
    """
    if psql and output_dir is not None:
        raise Usage("--psql and --output-dir exclude each other", "wacampaign db sql --psql")
    if psql:
        tell_text(schema_steps.for_psql(schema.sql_files(), schema.LOCK_SECONDS))
        return
    if output_dir is None:
        tell_text(schema_steps.for_editor(schema.sql_files()))
        return
    file = write_schema(output_dir)
    tell(f"{'written' if file.written else 'unchanged'} {file.path}")
    if n := len(file.earlier):
        tell(
            f"{counted(n, 'file')} of earlier versions {verb(n, 'stay')} as"
            f" {'it is' if n == 1 else 'they are'}:"
            " supabase db push wants every file that it has applied"
        )


@app.command()
def check(as_json: AsJson = False, env_file: EnvFile = None, store: StoreFlag = None) -> None:
    """Compare the database's schema and counts with what this version needs.

    Ends with exit code 3 when something differs. Over a direct connection every table, column,
    index, trigger, function and grant is looked at; over REST the version, and the counts of the
    campaigns that are not over.

    Example: wacampaign db check
    """
    settings = read_settings(env_file, store)
    name = settings.require_store()
    match name:
        case "supabase":
            found, looked = with_store(settings, differences_over_rest), "version, counts"
            fix = "wacampaign db sql"
        case "postgres" | "embedded":
            found = schema.check(_direct_url(settings))
            looked = "tables, columns, indexes, triggers, functions, grants, counts"
            fix = "wacampaign db migrate"
    if as_json:
        print_json(
            {
                "store": name,
                "expected_version": schema.expected_version(),
                "looked_at": looked.split(", "),
                "differences": [asdict(one) for one in found],
                "ok": not found,
            }
        )
    elif found:
        for one in found[:SHOWN_MAX]:
            tell(one.text)
        if len(found) > SHOWN_MAX:
            tell(f"and {len(found) - SHOWN_MAX} more")
        tell(f"{counted(len(found), 'difference')} ({name}; looked at: {looked})")
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
            return start_embedded(settings.home)
        case "postgres":
            assert settings.database_url is not None
            return settings.database_url
