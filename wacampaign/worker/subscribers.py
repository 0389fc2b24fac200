"""Who hears what happens in a worker: its log. An alert would be one subscriber more."""

from uuid import UUID

from wacampaign.core.engine.events import Events
from wacampaign.worker.event_lines import EventLines


def events_of(worker_id: UUID) -> Events:
    """What a worker tells its events to, in the order in which the subscribers hear them."""
    return Events(EventLines(worker_id))
