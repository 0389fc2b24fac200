"""How `inbox` shows what people wrote."""

from dataclasses import asdict
from typing import Any

from wacampaign.cli.output import say, tell
from wacampaign.cli.screens.tables import print_table
from wacampaign.core.replies import Reply
from wacampaign.core.words import counted, local_time
from wacampaign.operations.inbox import Inbox


def reply_json(reply: Reply) -> dict[str, Any]:
    """One message as an object."""
    return asdict(reply)


def inbox_json(inbox: Inbox) -> dict[str, Any]:
    """The object of `inbox --json`."""
    return {
        "campaign": None if inbox.campaign is None else asdict(inbox.campaign),
        "replies": [reply_json(reply) for reply in inbox.replies],
        "more": inbox.more,
    }


def show_inbox(inbox: Inbox) -> None:
    """A table, newest first; then whether there is more."""
    if not inbox.replies:
        to = "" if inbox.campaign is None else f" to {inbox.campaign}"
        say(f"nobody has replied{to}")
        return
    print_table(
        ("when", "from", "name", "says", "window", "campaign", "number"),
        [
            (
                local_time(reply.at),
                reply.who,
                reply.name,
                _said(reply),
                reply.window,
                reply.campaign,
                reply.number,
            )
            for reply in inbox.replies
        ],
    )
    if inbox.more:
        shown = counted(len(inbox.replies), "conversation")
        say(f"{shown} shown, there are older ones: --limit {2 * len(inbox.replies)} shows more")


def show_reply(reply: Reply) -> None:
    """One message on one line."""
    name = f" ({reply.name})" if reply.name else ""
    campaign = f"  [{reply.campaign}]" if reply.campaign else ""
    tell(f"{local_time(reply.at)}  {reply.who}{name}{campaign}: {_said(reply)}")


def _said(reply: Reply) -> str:
    return f"{reply.said} (opted out)" if reply.opted_out else reply.said
