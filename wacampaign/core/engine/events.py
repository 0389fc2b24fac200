"""What happens in a worker, told to everything that listens to it."""

from wacampaign.core.engine.ports import EventLog


class Events:
    """An `EventLog` that passes each event on to its subscribers, one after the other.

    A subscriber that raises an exception keeps neither the others nor the worker from going on.
    The first time, that is an event of its own (`subscriber_failed`).
    """

    def __init__(self, *subscribers: EventLog) -> None:
        self._subscribers = subscribers
        self._failed: list[EventLog] = []

    def __call__(self, event: str, *, level: str = "info", **fields: object) -> None:
        for subscriber in self._subscribers:
            try:
                subscriber(event, level=level, **fields)
            except Exception as error:
                if subscriber not in self._failed:
                    self._failed.append(subscriber)
                    name = type(subscriber).__name__
                    self("subscriber_failed", level="error", subscriber=name, error=error)
