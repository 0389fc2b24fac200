"""`inbox`: what people answered, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wacampaign.cli.options import (
    SHOWN_MAX,
    AsJson,
    EnvFile,
    OptionalCampaign,
    ShowNumbers,
    Since,
    StoreFlag,
)
from wacampaign.cli.output import print_json, say
from wacampaign.cli.screens.inbox import inbox_json, reply_json, show_inbox, show_reply
from wacampaign.cli.session import read_settings, with_arrivals, with_store
from wacampaign.operations import inbox as operation
from wacampaign.operations.since import read_since

if TYPE_CHECKING:
    from wacampaign.store.store import Store


def inbox(
    campaign: OptionalCampaign = None,
    follow: Annotated[
        bool,
        typer.Option("--follow", "-f", help="Show new messages as they come, until Ctrl-C."),
    ] = False,
    since: Since = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="At most so many.")
    ] = SHOWN_MAX,
    as_json: AsJson = False,
    show_numbers: ShowNumbers = False,
    env_file: EnvFile = None,
    store: StoreFlag = None,
) -> None:
    """Show what people answered: the last message of each conversation, newest first.

    With a campaign: the last reply of each person to it. A reply belongs to the message that it
    names, else to the last campaign message that the person had. Beside it stands how long free
    answers may be sent, until 24 hours after the person's last message. Phones are masked, in the
    texts too, unless --show-numbers is given. With --follow each new message (with --since the
    last ones before), with --json one object a line.

    Example: wacampaign inbox Bajaj_market_2 --since 2026-11-26

    Example: wacampaign inbox --follow
    """
    settings = read_settings(env_file, store)
    when = None if since is None else read_since(since, "wacampaign inbox")

    async def work(opened: Store) -> None:
        async for reply in operation.follow(
            opened, settings, campaign, when, limit, say, show_numbers=show_numbers
        ):
            if as_json:
                print_json(reply_json(reply), one_line=True)
            else:
                show_reply(reply)

    if follow:
        with_store(settings, work)
        return
    found = with_arrivals(
        settings, operation.look, campaign, when, limit, show_numbers=show_numbers
    )
    if as_json:
        print_json(inbox_json(found))
    else:
        show_inbox(found)
