"""Writes a surveyed contact list into the queue as a paused campaign, in batches."""

import asyncio
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

from wacampaign.core.campaign.name import name_of_file
from wacampaign.core.plan import Progress
from wacampaign.core.words import counted
from wacampaign.intake.contacts import Survey, contacts
from wacampaign.intake.row_ids import RowIds
from wacampaign.problems import Problem, Unreachable
from wacampaign.store.campaigns import Campaigns, NewRows
from wacampaign.store.store import Store

#: Rows of one call: some 100 ms of the database and 2 MB of JSON over REST, far from the limits of
#: either (8 s a statement there), and few enough calls that their way does not count.
BATCH_ROWS: Final = 5_000


@dataclass(frozen=True, slots=True)
class NewCampaign:
    """A campaign to be made of a surveyed list."""

    id: UUID
    name: str
    #: Id of the row in `whatsapp_numbers`.
    number_id: str
    #: Contacts are dealt out to them in turn.
    templates: tuple[str, ...]
    #: Of each template, as Meta writes it.
    languages: tuple[str, ...]
    surveyed: Survey

    @property
    def shares(self) -> dict[str, int]:
        """Template → contacts that it gets."""
        each, more = divmod(self.surveyed.accepted, len(self.templates))
        return {name: each + (i < more) for i, name in enumerate(self.templates)}


class Filling:
    """One attempt to create a campaign: what is in the database so far, also when it failed."""

    def __init__(self, store: Store, campaign: NewCampaign, actor: str) -> None:
        self.campaign = campaign
        #: Rows that the database has confirmed.
        self.written = 0
        #: Whether the campaign is, or (its answer was lost) may be, in the database.
        self.begun = False
        #: Whether all rows are in and the campaign may be started.
        self.complete = False
        self._campaigns = Campaigns(store)
        self._actor = actor

    async def run(self, on_written: Progress = None) -> None:
        """Create the campaign `paused` and write all its rows.

        Raises `FileChanged` when the list is not the surveyed one any more and any `Problem` of
        the store, both with `changed` set if the campaign was created; it is then `paused` with
        rows missing and cannot be completed: cancel it and create it again.
        """
        campaign = self.campaign
        total = campaign.surveyed.accepted
        batches = _batches(campaign)
        try:
            # Read before anything is created: a list that changed since creates nothing.
            batch = await asyncio.to_thread(next, batches, None)
            self.begun = True
            await self._campaigns.create(
                id=str(campaign.id),
                name=campaign.name,
                number_id=campaign.number_id,
                templates=list(campaign.templates),
                languages=list(campaign.languages),
                total=total,
                invalid=campaign.surveyed.rejected,
                actor=self._actor,
            )
            surveyed = campaign.surveyed
            await self._campaigns.keep_list(campaign.id, surveyed.people, surveyed.sketch)
            while batch is not None:
                # The next batch is read while the database writes this one.
                writing = asyncio.create_task(self._write(batch))
                try:
                    following = await asyncio.to_thread(next, batches, None)
                finally:
                    await _to_its_end(writing)
                if on_written is not None:
                    on_written(self.written, total)
                batch = following
            await self._campaigns.filled(campaign.id, self._actor)
            self.complete = True
        except Problem as problem:
            problem.changed = self.begun
            raise

    async def _write(self, batch: NewRows) -> None:
        await self._campaigns.enqueue(self.campaign.id, self.campaign.number_id, batch)
        self.written += len(batch["ids"])


async def _to_its_end(writing: asyncio.Task[None]) -> None:
    """Waits for rows on their way, also when it is cancelled meanwhile; a second time ends them."""
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        await writing
        raise


def unfinished(problem: Problem, filling: Filling | None) -> Problem:
    """The same problem, saying what is in the database and how to get rid of it.

    `filling` is None when it ended before anything was tried.
    """
    if filling is None or not filling.begun:
        problem.message += ". Nothing was created"
        problem.suggestion = "run the same command again"
        return problem
    campaign = filling.campaign
    problem.changed = True
    if filling.complete:
        problem.message += f". {campaign.name} ({campaign.id}) is complete and paused"
        problem.suggestion = f"wacampaign start {campaign.id}"
        return problem
    if filling.written == 0 and isinstance(problem, Unreachable):
        state = "may have been created; if so, it is paused and incomplete"
    else:
        total = counted(campaign.surveyed.accepted, "contact")
        state = f"is paused and incomplete ({filling.written:,} of {total} written)"
    problem.message += f". {campaign.name} ({campaign.id}) {state}; nothing was sent"
    problem.suggestion = f"wacampaign cancel {campaign.id}, then create it again"
    return problem


def new_campaign(
    surveyed: Survey,
    number_id: str,
    templates: Mapping[str, str],
    name: str | None = None,
) -> NewCampaign:
    """A campaign of the list, named as its file unless `name` is given; `templates` with the
    language of each."""
    # Its first eight digits are what people type; all decimal, they would be masked as a phone.
    campaign_id = next(one for one in iter(uuid4, None) if not one.hex[:8].isdecimal())
    return NewCampaign(
        campaign_id,
        name or name_of_file(surveyed.path.stem),
        number_id,
        tuple(templates),
        tuple(templates.values()),
        surveyed,
    )


def _batches(campaign: NewCampaign) -> Iterator[NewRows]:
    row_ids = RowIds()
    templates = itertools.cycle(campaign.templates)
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    stream = contacts(campaign.surveyed)
    readings = itertools.cycle(campaign.surveyed.reading.rows)
    while part := list(itertools.islice(stream, BATCH_ROWS)):
        yield {
            "ids": row_ids.take(len(part)),
            "phones": [contact.phone for contact in part],
            "templates": list(itertools.islice(templates, len(part))),
            "payloads": [
                encode(row.payload(contact.variables))
                for contact, row in zip(part, readings, strict=False)
            ],
        }
