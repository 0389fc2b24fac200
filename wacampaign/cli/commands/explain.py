"""`explain`: what the error table says of one code."""

from typing import Annotated

import typer

from wacampaign.cli.options import AsJson
from wacampaign.cli.output import print_json, tell
from wacampaign.cli.plan import show_next
from wacampaign.core.errors import ErrorEntry, investigate, known, lookup


def explain(
    code: Annotated[
        int,
        typer.Argument(
            metavar="CODE",
            min=0,
            max=2_147_483_647,
            help="An error code of the Cloud API, such as 135000.",
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Explain an error code: what it means, what the worker does, and what to do.

    Works without a database. Of a code that the table does not have it says how such codes are
    handled.

    Example: wacampaign explain 135000
    """
    entry = lookup(code, 400)
    is_known = known(code) is not None
    if as_json:
        print_json(_as_json(entry, is_known))
        return
    tell(f"{code} {entry.title if is_known else 'is not in the error table'}")
    again = "may help once the cause is gone" if entry.retryable else "does not help"
    for name, text in (
        ("concerns", str(entry.scope)),
        ("HTTP", "not documented" if entry.http_status is None else str(entry.http_status)),
        ("handling", str(entry.handling)),
        ("the worker", entry.worker_action),
        ("retry-failed", again),
        ("you", entry.next_step),
    ):
        tell(f"  {name:<13} {text}")
    show_next(investigate(code))


def _as_json(entry: ErrorEntry, is_known: bool) -> dict[str, object]:
    return {
        "code": entry.code,
        "known": is_known,
        "title": entry.title,
        "scope": str(entry.scope),
        "http_status": entry.http_status,
        "handling": str(entry.handling),
        "worker_action": entry.worker_action,
        "retryable": entry.retryable,
        "next_step": entry.next_step,
    }
