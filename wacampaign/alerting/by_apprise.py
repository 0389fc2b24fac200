"""Addresses of chat, mail and push services, as Apprise knows them; it is an optional extra."""

import asyncio
import logging
import threading
from importlib import import_module
from typing import Any, Final

from wacampaign.core.alerts.alert import Alert
from wacampaign.extras import APPRISE, install_command

#: Seconds that Apprise may take: it has limits of its own, a few seconds a request.
APPRISE_SECONDS: Final = 30.0
#: What these log has addresses in it.
_LOGGERS: Final = ("apprise", "requests", "urllib3")
_TYPES: Final = {"error": "failure"}


class AppriseMissing(Exception):  # noqa: N818 - told to people, not raised as a bug
    """Apprise is not installed."""

    def __init__(self) -> None:
        super().__init__(f"needs Apprise: {install_command(APPRISE)}")


async def tell_by_apprise(url: str, alert: Alert) -> str | None:
    """Why an address did not take the alert; None: it did. Raises `AppriseMissing`."""
    try:
        async with asyncio.timeout(APPRISE_SECONDS):
            return await _in_thread(url, alert)
    except TimeoutError:
        return f"no answer within {APPRISE_SECONDS:g} s"


async def _in_thread(url: str, alert: Alert) -> str | None:
    """Apprise waits; in a thread that no end of this process waits for."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str | None] = loop.create_future()

    def give(problem: str | None, error: Exception | None) -> None:
        if not answer.done():
            if error is None:
                answer.set_result(problem)
            else:
                answer.set_exception(error)

    def work() -> None:
        problem: str | None = None
        error: Exception | None = None
        try:
            problem = _tell(url, alert)
        except Exception as met:
            error = met
        if not loop.is_closed():
            loop.call_soon_threadsafe(give, problem, error)

    threading.Thread(target=work, name="alert by Apprise", daemon=True).start()
    return await answer


def _tell(url: str, alert: Alert) -> str | None:
    try:
        apprise: Any = import_module("apprise")
    except ImportError:
        raise AppriseMissing from None
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    service = apprise.Apprise()
    if not service.add(url):
        return "is no address that Apprise knows"
    severity = "success" if alert.due == "end" else alert.severity
    taken = service.notify(
        title=alert.headline,
        body=alert.body,
        # As text it is escaped for services of HTML, which refuse a message with half a tag.
        body_format=apprise.NotifyFormat.TEXT,
        notify_type=_TYPES.get(severity, severity),
    )
    return None if taken else "Apprise could not deliver it: compare the address with its manual"
