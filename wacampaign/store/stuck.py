"""Stopped campaigns in the database: facts about them, and the steps that set them going again."""

from collections.abc import Sequence
from typing import Any, Final

from wacampaign.core.campaign.stuck_facts import StuckFacts, read_stuck
from wacampaign.store.store import Capability

#: Rows that one call changes: some hundred milliseconds, REST allows 8 s.
STEP_ROWS: Final = 5000


class StuckCampaigns(Capability):
    """The functions of stuck.sql, mend.sql, restart.sql and doubt.sql. Calls may be repeated."""

    async def look(self, campaign_ids: Sequence[str] | None = None) -> StuckFacts:
        """Facts for `examine`; of all campaigns that may be stuck without ids."""
        ids = None if campaign_ids is None else list(campaign_ids)
        return read_stuck(await self._store.call("stuck", campaign_ids=ids))

    async def sample(self, campaign_id: str, what: str, limit: int) -> list[dict[str, Any]]:
        """Some rows (id, phone, template) that are `ready` or `in_doubt`."""
        return await self._store.call_list(
            "stuck_rows", campaign_id=campaign_id, what=what, limit=limit
        )

    async def settle_by_messages(self, campaign_id: str, actor: str) -> int:
        """Rows that the backend's `messages` prove to have been accepted become `sent`."""
        return (await self._steps("settle_by_messages", campaign_id, actor, "sent"))["sent"]

    async def mend_rows(self, campaign_id: str, actor: str) -> dict[str, int]:
        """Puts right what keeps rows from being taken, and the totals that the backend shows.

        Returns the rows that were `accepted` already, `pending`, or are `in_doubt` from now on.
        """
        changed = "accepted", "pending", "in_doubt"
        return await self._steps("mend_rows", campaign_id, actor, *changed)

    async def _steps(
        self, function: str, campaign_id: str, actor: str, *changed: str
    ) -> dict[str, int]:
        """Calls it until a step changes nothing; how many rows were changed, by these names."""
        done = dict.fromkeys(changed, 0)
        while True:
            answer = await self._store.call(
                function, campaign_id=campaign_id, actor=actor, limit=STEP_ROWS
            )
            for name in changed:
                done[name] += answer[name]
            if not any(answer[name] for name in changed):
                return done

    async def restart(
        self, campaign_id: str, token: str, actor: str, reason: str
    ) -> dict[str, Any]:
        """Sets a campaign going again, if its state is still the one that `token` stands for.

        `changed` is False when somebody else was quicker. Raises `Refused` for one that is
        scheduled or cancelled.
        """
        return await self._store.call(
            "restart", campaign_id=campaign_id, token=token, actor=actor, reason=reason
        )

    async def resolve_doubt(
        self,
        campaign_id: str,
        action: str,
        expected: int,
        actor: str,
        *,
        seen_at: str,
        seen_claims: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Rows in doubt are sent again (`resend`) or count as sent (`assume_sent`).

        `expected`: how many the person saw, `seen_at`: when, by the database's clock (ISO 8601),
        `seen_claims`: claims of dead workers whose rows were among them. What came to be in doubt
        later is left alone. Returns `rows` that were changed, and how many of those seen are
        `left`: all of them when there are more than expected (`found`). Raises `Refused` for a
        cancelled campaign.
        """
        done: dict[str, Any] = {"rows": 0, "found": 0, "left": 0, "reopened": False}
        while True:
            answer = await self._store.call(
                "resolve_doubt",
                campaign_id=campaign_id,
                action=action,
                expected=expected - done["rows"],
                actor=actor,
                seen_at=seen_at,
                seen_claims=list(seen_claims),
                limit=STEP_ROWS,
            )
            done["rows"] += int(answer["rows"])
            done["found"] = max(done["found"], int(answer["found"]))
            done["left"] = int(answer["left"])
            done["reopened"] = done["reopened"] or answer["reopened"]
            if not answer["left"] or not answer["rows"]:
                return done
