"""What `pm2 trigger` may ask of a worker: pause, resume and stats of its campaigns."""

import asyncio
import os
import shlex
import socket
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from wacampaign import __version__
from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.campaign.state import Campaign
from wacampaign.core.engine.ports import EventLog
from wacampaign.core.masking import mask_secrets
from wacampaign.core.services.service import worker
from wacampaign.core.shown_text import every_line
from wacampaign.core.words import short_id
from wacampaign.operations.campaigns import resolve_campaign
from wacampaign.problems import Problem
from wacampaign.store.campaigns import Campaigns
from wacampaign.store.store import Store
from wacampaign.store.templates import Templates
from wacampaign.worker.measured import Measured

#: The names that PM2 is told.
NAMES: Final = ("pause", "resume", "stats")
#: Seconds after which a person who waits at `pm2 trigger` is answered, whatever the database does.
ANSWER_SECONDS: Final = 10.0
#: Who paused, as a campaign's events and its `pause_reason` say.
ACTOR: Final = "pm2 trigger"


class Triggers:
    """Answers one name and the word after it with an object that PM2 prints.

    A pause is the campaign's, by the function that `wacampaign pause` calls: it holds for all
    workers and through restarts, and every screen tells who paused. One of this process alone would
    end with the next restart, in silence (ADR 0030).
    """

    def __init__(
        self,
        store: Store,
        worker_id: UUID,
        log: EventLog,
        campaign_ids: Sequence[str] | None,
        measured: Measured,
    ) -> None:
        self._store = store
        self._campaigns = Campaigns(store)
        self._worker_id = worker_id
        self._log = log
        self._campaign_ids = campaign_ids
        self._measured = measured

    async def __call__(self, name: str, word: str | None) -> Mapping[str, Any]:
        """`word`: a campaign as people name it; without it all that the worker works at."""
        self._log("triggered", action=name, given=word)
        answer: dict[str, Any] = {"ok": True}
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                if name == "pause":
                    await self._pause(word, answer)
                elif name == "resume":
                    await self._resume(word, answer)
                else:
                    await self._stats(word, answer)
        except Problem as problem:
            told = mask_secrets(problem.message)
            answer |= {"ok": False, "error": told, "next": problem.suggestion}
        except TimeoutError:
            told = f"the database gave no answer within {ANSWER_SECONDS:g} s"
            answer |= {"ok": False, "error": told, "next": "wacampaign db check"}
        clean: dict[str, Any] = every_line(answer)
        return clean

    async def _named(self, word: str | None) -> Sequence[str] | None:
        if word is None:
            return self._campaign_ids
        return [(await resolve_campaign(self._store, word)).id]

    async def _pause(self, word: str | None, answer: dict[str, Any]) -> None:
        done = answer["paused"] = []
        may_be_resumed = False
        for campaign in (await self._campaigns.stats(await self._named(word))).campaigns:
            if campaign.status == "running":
                changed = await self._campaigns.set_status(campaign.id, "pause", _actor())
                done += [str(campaign)] if changed["changed"] else []
                continue
            may_be_resumed |= campaign.status == "paused" and (bool(word) or _is_ours(campaign))
            if word:
                answer["note"] = f"{campaign} is {campaign.status}"
        if done or may_be_resumed:
            named = f" {shlex.quote(word)}" if word else ""
            answer["next"] = f"pm2 trigger {worker().name} resume{named}"
            return
        answer.setdefault("note", "none of this worker's campaigns is running")
        answer["next"] = "wacampaign list"

    async def _resume(self, word: str | None, answer: dict[str, Any]) -> None:
        """Without a word: what was paused this way, and nothing that a person or a fault paused."""
        done = answer["resumed"] = []
        for campaign in (await self._campaigns.stats(await self._named(word))).campaigns:
            if campaign.status != "paused" or not (word or _is_ours(campaign)):
                if word:
                    answer["note"] = f"{campaign} is {campaign.status}"
                continue
            if await Templates(self._store).changes(campaign.id):
                self._leave(answer, campaign, "its template changed since it was planned")
                continue
            # Who names one has looked at it; else what Meta holds meanwhile stays held.
            changed = await self._campaigns.set_status(
                campaign.id, "resume", _actor(), lifts_holds=bool(word)
            )
            if changed["status"] == "paused":
                self._leave(answer, campaign, "it is held; wacampaign queue-stats says why")
                continue
            done += [str(campaign)] if changed["changed"] else []
        if not (done or answer.keys() & {"note", "left_paused"}):
            answer["note"] = "none of this worker's campaigns was paused this way"
            answer["next"] = "wacampaign list"

    def _leave(self, answer: dict[str, Any], campaign: CampaignName, why: str) -> None:
        answer.setdefault("left_paused", []).append(f"{campaign}: {why}")
        answer["next"] = f"wacampaign resume {campaign.short_id}"

    async def _stats(self, word: str | None, answer: dict[str, Any]) -> None:
        answer |= {
            "worker": short_id(str(self._worker_id)),
            "pid": os.getpid(),
            "version": __version__,
        }
        answer |= self._measured.facts
        stats = await self._campaigns.stats(await self._named(word))
        answer["workers_alive"] = stats.live_workers
        answer["campaigns"] = [
            {
                "campaign": str(campaign),
                "status": campaign.status,
                "pause_reason": campaign.pause_reason,
                "rate_per_second": campaign.rate_per_second,
                "eta_seconds": campaign.eta_seconds,
                "limited_by": None if campaign.limit is None else campaign.limit.text,
                **campaign.counts.by_name(),
            }
            for campaign in stats.campaigns
        ]


def _is_ours(campaign: Campaign) -> bool:
    """Whether a campaign was paused this way."""
    return (campaign.pause_reason or "").startswith(f"paused by {ACTOR}")


def _actor() -> str:
    return f"{ACTOR}@{socket.gethostname()}"
