"""One attempt to send: a row becomes a request, and its answer, or the lack of one, a verdict."""

import asyncio
from collections.abc import Callable
from functools import partial

from wacampaign.core.bad_phone import BadPhone
from wacampaign.core.callback_data import callback_data
from wacampaign.core.engine.credentials import Credentials
from wacampaign.core.engine.in_flight import InFlight
from wacampaign.core.engine.judgement import NoAnswer, judge_answer, judge_failure
from wacampaign.core.engine.number_pace import NumberPaces
from wacampaign.core.engine.ports import (
    ClaimedRow,
    EventLog,
    MaybeSent,
    NotSent,
    Sender,
    Unconnected,
    Withheld,
)
from wacampaign.core.engine.waiting import HeldClaim
from wacampaign.core.errors.table import error_table
from wacampaign.core.outcomes import TEXT_LENGTH, Outcome, Verdict
from wacampaign.core.phones import recipient
from wacampaign.core.template.message import PayloadMismatch


class Attempts:
    """Makes the attempts of one worker."""

    def __init__(
        self,
        sender: Sender,
        paces: NumberPaces,
        in_flight: InFlight,
        log: EventLog,
        clock: Callable[[], float],
    ) -> None:
        self._sender = sender
        self._paces = paces
        self._in_flight = in_flight
        self._log = log
        self._clock = clock
        error_table()  # Read it now, not when the first refusal comes and others wait.

    async def send(self, row: ClaimedRow, claim: HeldClaim, credentials: Credentials) -> Verdict:
        """Sends the row's message once. Raises `Withheld` if its slot or its fence had passed.

        A cancelled attempt has a verdict, too: the request may have been on its way.
        """
        departed = self._clock()
        number = credentials.phone_number_id
        try:
            body = credentials.template.body(
                recipient(row.phone), row.payload, callback_data(row.id, row.claim_id)
            )
        except BadPhone as bad:
            # Its own fault alone: no other row is held for it.
            text = f"not sent: the recipient's phone cannot be sent to: {bad.reason}"
            return Verdict(Outcome.FAILED, text=text[:TEXT_LENGTH])
        except PayloadMismatch as mismatch:
            return mismatch.verdict
        route = credentials.route
        if route.opening:
            body = route.opening + body[1:]
        try:
            answer = await self._sender.post(
                number, credentials.token, body, partial(self._may_leave, row, claim), route.edge
            )
        except Withheld:
            raise
        except NotSent as error:
            outage = isinstance(error, Unconnected) and self._in_flight.unreachable(
                self._clock(), departed
            )
            if outage:
                self._log("api_unreachable", level="warning", error=error)
            return judge_failure(NoAnswer.NOT_SENT, str(error))
        except MaybeSent as error:
            return judge_failure(NoAnswer.MAYBE_SENT, str(error))
        except asyncio.CancelledError:
            # The deadline of the drain.
            return judge_failure(NoAnswer.MAYBE_SENT, "the worker stopped")
        self._in_flight.reached(self._clock())
        return judge_answer(answer.status, answer.body, number, from_meta=answer.from_meta)

    def _may_leave(self, row: ClaimedRow, claim: HeldClaim) -> bool:
        """Asked when everything is ready, before the message's first byte is handed over."""
        now = self._clock()
        return claim.holds(now) and self._paces.takes(row.number_id, row.due, now)
