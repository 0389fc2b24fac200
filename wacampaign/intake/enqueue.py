"""Writes a surveyed contact list into the queue as a paused campaign, in batches."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID, uuid4

from wacampaign.intake.contacts import Survey, contacts
from wacampaign.intake.row_ids import RowIds
from wacampaign.problems import Problem
from wacampaign.store.store import Store

#: Rows of one call: some 100 ms of the database and 2 MB of JSON over REST, far from the limits of
#: either (8 s a statement there), and few enough calls that their way does not count.
BATCH_ROWS: Final = 5_000

#: Called with rows written and rows in all.
Written = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class NewCampaign:
    """A campaign to be made of a surveyed list."""

    id: UUID
    name: str
    #: Id of the row in `whatsapp_numbers`.
    number_id: str
    #: Contacts are dealt out to them in turn.
    templates: tuple[str, ...]
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
        self._store = store
        self._actor = actor

    async def run(self, on_written: Written | None = None) -> None:
        """Create the campaign `paused` and write all its rows.

        Raises `FileChanged` when the list is not the surveyed one any more and any `Problem` of
        the store, both with `changed` set if the campaign was created; it is then `paused` with
        rows missing and cannot be completed: cancel it and create it again.
        """
        campaign, store = self.campaign, self._store
        total = campaign.surveyed.accepted
        batches = _batches(campaign)
        try:
            # Read before anything is created: a list that changed since creates nothing.
            batch = await asyncio.to_thread(next, batches, None)
            self.begun = True
            await store.call(
                "create",
                id=str(campaign.id),
                name=campaign.name,
                number_id=campaign.number_id,
                templates=list(campaign.templates),
                total=total,
                invalid=campaign.surveyed.rejected,
                actor=self._actor,
            )
            while batch is not None:
                # The next batch is read while the database writes this one.
                writing = asyncio.create_task(self._write(batch))
                try:
                    following = await asyncio.to_thread(next, batches, None)
                finally:
                    await writing
                    self.written += len(batch.ids)
                if on_written is not None:
                    on_written(self.written, total)
                batch = following
            await store.call("filled", campaign_id=str(campaign.id), actor=self._actor)
            self.complete = True
        except Problem as problem:
            problem.changed = self.begun
            raise

    async def _write(self, batch: _Batch) -> None:
        await self._store.call(
            "enqueue",
            campaign_id=str(self.campaign.id),
            number_id=self.campaign.number_id,
            **batch._asdict(),
        )


def new_campaign(
    surveyed: Survey, number_id: str, templates: Sequence[str], name: str | None = None
) -> NewCampaign:
    """A campaign of the list, named as its file unless `name` is given."""
    return NewCampaign(uuid4(), name or surveyed.path.stem, number_id, tuple(templates), surveyed)


class _Batch(NamedTuple):
    """Parameters of `wacampaign_enqueue`, one element a row."""

    ids: list[str]
    phones: list[str]
    templates: list[str]
    payloads: list[str]


def _batches(campaign: NewCampaign) -> Iterator[_Batch]:
    row_ids = RowIds()
    templates = itertools.cycle(campaign.templates)
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    stream = contacts(campaign.surveyed)
    while part := list(itertools.islice(stream, BATCH_ROWS)):
        yield _Batch(
            ids=row_ids.take(len(part)),
            phones=[contact.phone for contact in part],
            templates=list(itertools.islice(templates, len(part))),
            payloads=[encode(contact.payload) for contact in part],
        )
