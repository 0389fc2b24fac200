"""The worker's log: one line an event."""

import logging
from typing import Any, Final
from uuid import UUID

from wacampaign.core.words import short_id
from wacampaign.logs import log_event

_LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}
_logger = logging.getLogger("wacampaign.worker")


class EventLines:
    """Writes a line with this worker's short name; fields that are None are left out."""

    def __init__(self, worker_id: UUID) -> None:
        self._worker = short_id(str(worker_id))

    def __call__(self, event: str, *, level: str = "info", **fields: object) -> None:
        number = _LEVELS.get(level, logging.ERROR)
        if _logger.isEnabledFor(number):
            shown: dict[str, Any] = {k: value for k, value in fields.items() if value is not None}
            log_event(_logger, event, level=number, worker=self._worker, **shown)
