"""Incoming messages: taken from the receiver and from what the backend stores, and read."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any, Final

from wacampaign.core.optout_words import OptOutWords
from wacampaign.core.webhook.updates import InboundMessage
from wacampaign.store.store import Capability

#: Messages taken by one call: a tenth of a second.
TAKE_STEP: Final = 500
#: Conversations or messages a page.
PAGE: Final = 500


class Inbound(Capability):
    """Replies, each taken once, whoever tells of it and how often."""

    async def take(
        self, messages: Sequence[InboundMessage], words: OptOutWords, source: str = "receiver"
    ) -> dict[str, int]:
        """Takes messages that a webhook told. Counts: taken, new, wishes (opt-outs and -ins)."""
        counts = {"taken": 0, "new": 0, "wishes": 0}
        for first in range(0, len(messages), TAKE_STEP):
            answer = await self._store.call(
                "take_inbound",
                messages=json.dumps(
                    [
                        _told(dataclasses.asdict(one), words)
                        for one in messages[first : first + TAKE_STEP]
                    ]
                ),
                source=source,
            )
            counts = {name: n + answer[name] for name, n in counts.items()}
        return counts

    async def take_logged(self, words: OptOutWords, limit: int = TAKE_STEP) -> dict[str, Any]:
        """Takes at most `limit` messages that the backend stored, new ones first, then older ones.

        Counts as `take`; `left`: more are waiting.
        """
        waiting = await self._store.call("logged_messages_waiting", limit=limit)
        counts = {"taken": 0, "new": 0, "wishes": 0}
        if waiting["messages"] or waiting["gone"] or waiting["read_to"] or waiting["look_again"]:
            told = [_told(one, words) for one in waiting["messages"]]
            # Most of what was there before says nothing that counts any more.
            idle = [one for one in told if one["old"] and "wish" not in one]
            counts |= await self._store.call(
                "take_logged_messages",
                messages=json.dumps([one for one in told if one not in idle]),
                gone=[*waiting["gone"], *(one["message_id"] for one in idle)],
                read_to=json.dumps(waiting["read_to"]) if waiting["read_to"] else None,
            )
        return {**counts, "left": waiting["left"]}

    async def conversations(
        self,
        *,
        campaign_id: str | None = None,
        since: str | None = None,
        before: dict[str, Any] | None = None,
        limit: int = PAGE,
    ) -> list[dict[str, Any]]:
        """Last incoming messages, newest first; `before` is the last one of the page before.

        One a person and number; with a campaign the last reply to it, one a person.
        """
        last = before or {}
        return await self._store.call_list(
            "inbox",
            campaign_id=campaign_id,
            since=since,
            before=last.get("at"),
            before_person=last.get("person"),
            before_number=last.get("number_id"),
            limit=limit,
        )

    async def newest(self) -> int:
        """How many messages have come so far: where `after` begins."""
        return int((await self._store.call("inbox_newest"))["n"])

    async def after(
        self, n: int, *, campaign_id: str | None = None, limit: int = PAGE
    ) -> list[dict[str, Any]]:
        """Messages taken after the n-th, oldest first, each with its `n`."""
        return await self._store.call_list("inbox_after", n=n, campaign_id=campaign_id, limit=limit)


def _told(message: dict[str, Any], words: OptOutWords) -> dict[str, Any]:
    wished = words.wished(message["kind"], message.get("text"), message.get("payload"))
    if wished is None:
        return message
    return {**message, **dataclasses.asdict(wished)}
