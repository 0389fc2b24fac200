"""One alert to all addresses: a plain URL gets it as JSON, all others get it through Apprise."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wacampaign import __version__
from wacampaign.alerting.addresses import address_mark, is_plain, shown_address
from wacampaign.alerting.by_apprise import AppriseMissing, tell_by_apprise
from wacampaign.core.alerts.alert import Alert
from wacampaign.core.shown_text import one_line

if TYPE_CHECKING:
    import httpx

#: Seconds for one request, its answer's head included; the rest of the answer is not read.
REQUEST_SECONDS: Final = 8.0
_LAST_PORT: Final = 65_535
#: Pauses before the second and the third try, in seconds: with these an address without any answer
#: takes half a minute, well within the lease of an alert.
PAUSES_SECONDS: Final = (1.0, 3.0)
#: Answers beside those of a server that are worth another try.
_AGAIN: Final = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of an alert at one address."""

    mark: str
    #: The address without its secrets.
    shown: str
    #: Why it did not take the alert; None: it did.
    problem: str | None = None
    #: It gave no answer.
    unreachable: bool = False
    #: Nothing was tried: Apprise is not there.
    needs_apprise: bool = False

    @property
    def taken(self) -> bool:
        """Whether the address has the alert."""
        return self.problem is None


class AlertDelivery:
    """The addresses, and the client that they share. For one event loop."""

    def __init__(
        self, urls: Sequence[str], *, pauses_seconds: Sequence[float] = PAUSES_SECONDS
    ) -> None:
        self._urls = tuple(dict.fromkeys(urls))
        self._pauses = pauses_seconds
        self._client: httpx.AsyncClient | None = None
        self.host = socket.gethostname()

    async def tell(self, alert: Alert, taken_by: Collection[str] = ()) -> list[Tried]:
        """Tells all addresses side by side, but those that have it; never raises."""
        left = [url for url in self._urls if address_mark(url) not in taken_by]
        return list(await asyncio.gather(*(self._tell(url, alert) for url in left)))

    async def close(self) -> None:
        """Gives the connections back."""
        if self._client is not None:
            await self._client.aclose()

    async def _tell(self, url: str, alert: Alert) -> Tried:
        mark, shown = address_mark(url), shown_address(url)
        unreachable = needs_apprise = False
        try:
            if is_plain(url):
                problem, unreachable = await self._post(url, alert)
            else:
                problem = await tell_by_apprise(url, alert)
        except AppriseMissing as missing:
            problem, needs_apprise = str(missing), True
        except Exception as error:
            # Its text may have the address in it.
            problem = f"{type(error).__name__}"
        return Tried(mark, shown, problem, unreachable, needs_apprise)

    async def _post(self, url: str, alert: Alert) -> tuple[str | None, bool]:
        """Why the address did not take it (None: it did), and whether it gave no answer."""
        import httpx

        if self._client is None:
            # 40 ms for the authorities that it trusts, and sending goes on meanwhile.
            self._client = await asyncio.to_thread(
                httpx.AsyncClient,
                timeout=REQUEST_SECONDS,
                headers={"User-Agent": f"wacampaign/{__version__}"},
            )
        problem, unreachable = None, False
        for pause in (0.0, *self._pauses):
            await asyncio.sleep(pause)
            try:
                if (httpx.URL(url).port or 0) > _LAST_PORT:  # a socket's own error comes in a group
                    raise httpx.InvalidURL("port")
                answer = await self._head(self._client, url, alert)
            except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
                return "is no address that can be asked", False
            except (httpx.TimeoutException, TimeoutError):
                problem, unreachable = f"no answer within {REQUEST_SECONDS:g} s", True
            except httpx.HTTPError as error:
                # By its kind: texts of this library may quote the address.
                problem, unreachable = f"cannot be reached ({type(error).__name__})", True
            else:
                if answer.is_success:
                    return None, False
                problem, unreachable = _words(answer), False
                if answer.status_code < 500 and answer.status_code not in _AGAIN:
                    break
        return problem, unreachable

    async def _head(self, client: httpx.AsyncClient, url: str, alert: Alert) -> httpx.Response:
        """The answer without its text, which may have no end. Raises `TimeoutError`."""
        # The client's own limit is one a read: an address that sends a byte now and then meets it.
        async with asyncio.timeout(REQUEST_SECONDS):
            async with client.stream("POST", url, json=alert.as_json(self.host)) as answer:
                return answer


def _words(answer: httpx.Response) -> str:
    text = f"answered {answer.status_code} {one_line(answer.reason_phrase)}".rstrip()
    return f"{text}, and that is not followed" if answer.is_redirect else text
