"""What is wrong with the account as a whole, until it is ended: a token, a template, webhooks.

Unlike a fault, which meets messages, a situation changes what the sandbox holds; its end puts back
what was there before.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal, get_args

from wacampaign.sandbox.creation import Review
from wacampaign.sandbox.news import news
from wacampaign.sandbox.simulation import Simulation
from wacampaign.sandbox.state import Number
from wacampaign.sandbox.webhooks import Webhooks

SituationName = Literal[
    "token_expired",
    "account_restricted",
    "number_disconnected",
    "throttled",
    "template_paused",
    "template_disabled",
    "media_unfetchable",
    "review_rejected",
    "review_pending",
    "webhooks_off",
    "webhooks_late",
    "webhooks_repeated",
    "webhooks_shuffled",
]
SITUATIONS: Final[tuple[str, ...]] = get_args(SituationName)
#: Days of a restriction: what Meta begins with (its policy enforcement: 1 or 3 days, then longer).
_RESTRICTED_DAYS: Final = 1
#: What the refusals of a situation answer, and what a webhook says of a medium out of reach.
_RESTRICTED_CODE: Final = 368
_UNFETCHABLE_CODE: Final = 131053

Undo = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Situation:
    """One of them: its name, and what it was given."""

    name: str
    given: dict[str, Any]
    undo: Undo

    def shown(self) -> dict[str, Any]:
        """The situation as the control API shows it."""
        return {"name": self.name} | self.given


class Situations:
    """Those in force, by name: one of each. Begun again with other values, the former one ends."""

    def __init__(self, simulation: Simulation, webhooks: Webhooks) -> None:
        self._simulation = simulation
        self._webhooks = webhooks
        self.in_force: dict[str, Situation] = {}

    def begin(self, given: dict[str, Any]) -> Situation:
        """Begin the situation `name`. ValueError or TypeError for what makes no sense."""
        given = dict(given)
        name = str(given.pop("name"))
        if name not in SITUATIONS:
            raise ValueError(f"name must be one of {', '.join(SITUATIONS)}")
        former = self.in_force.get(name)
        if former is not None and former.given == given:
            return former
        if former is not None:
            self.end(name)
        try:
            # What is given are the parameters of the method of that name.
            undo: Undo = getattr(self, f"_{name}")(**given)
        except (ValueError, TypeError):
            if former is not None:
                self.begin(former.shown())
            raise
        begun = Situation(name, given, undo)
        self.in_force[name] = begun
        return begun

    def end(self, name: str) -> bool:
        """End one; False when it is not in force."""
        situation = self.in_force.pop(name, None)
        if situation is not None:
            situation.undo()
        return situation is not None

    def end_all(self) -> int:
        """End all, the last one first; how many."""
        names = list(reversed(self.in_force))
        for name in names:
            self.end(name)
        return len(names)

    def _token_expired(self) -> Undo:
        tokens = self._simulation.account.tokens
        # The app's own token, which reaches no account, has no end.
        ended = {token: set(wabas) for token, wabas in tokens.items() if wabas}
        for token in ended:
            del tokens[token]

        def undo() -> None:
            for token, wabas in ended.items():
                tokens.setdefault(token, set()).update(wabas)

        return undo

    def _account_restricted(self) -> Undo:
        account = self._simulation.account
        wabas, before = list(account.wabas), dict(account.health)
        error = {"error_code": _RESTRICTED_CODE, "error_description": "Temporarily blocked"}
        for waba_id in wabas:
            account.set_health(waba_id, {"can_send_message": "BLOCKED", "errors": [error]})
        until = int(time.time()) + _RESTRICTED_DAYS * 86_400
        kind = {"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": until}
        self._tell_restrictions(wabas, [kind])
        lift = self._fault(action="error", code=_RESTRICTED_CODE)

        def undo() -> None:
            lift()
            for waba_id in wabas:
                account.health.pop(waba_id, None)
                if waba_id in before:
                    account.health[waba_id] = before[waba_id]
            self._tell_restrictions(wabas, [])

        return undo

    def _tell_restrictions(self, wabas: list[str], kinds: list[dict[str, Any]]) -> None:
        value = {"event": "ACCOUNT_RESTRICTION", "restriction_info": kinds}
        for waba_id in wabas:
            self._news({"field": "account_update", "value": value, "waba_id": waba_id})

    def _number_disconnected(self, phone_number_id: str | None = None) -> Undo:
        before = [(n.id, n.fields["status"]) for n in self._numbers(phone_number_id)]
        for number_id, _ in before:
            self._put_number(number_id, status="DISCONNECTED")

        def undo() -> None:
            for number_id, status in before:
                self._put_number(number_id, status=status)

        return undo

    def _throttled(self, mps: int, phone_number_id: str | None = None) -> Undo:
        before = [(n.id, n.mps, n.throughput) for n in self._numbers(phone_number_id)]
        for number_id, _, throughput in before:
            # What is told of the number stays: that it takes less comes as a surprise.
            self._put_number(number_id, mps=mps, throughput=throughput)

        def undo() -> None:
            for number_id, former, throughput in before:
                self._put_number(number_id, mps=former, throughput=throughput)

        return undo

    def _numbers(self, phone_number_id: str | None) -> list[Number]:
        numbers = self._simulation.account.numbers
        if phone_number_id is None:
            return list(numbers.values())
        if phone_number_id not in numbers:
            raise ValueError(f"no number {phone_number_id!r}")
        return [numbers[phone_number_id]]

    def _put_number(self, number_id: str, **fields: Any) -> None:
        self._simulation.account.put_number({"phone_number_id": number_id} | fields)

    def _template_paused(self, template: str) -> Undo:
        return self._template_status(template, "PAUSED")

    def _template_disabled(self, template: str) -> Undo:
        return self._template_status(template, "DISABLED")

    def _template_status(self, name: str, status: str) -> Undo:
        """In each language that is approved; their end is told as Meta tells it."""
        account = self._simulation.account
        found = [
            key
            for key, template in account.templates.items()
            if key[1] == name and template.fields["status"] == "APPROVED"
        ]
        if not found:
            raise ValueError(f"no approved template {name!r}")

        def tell(event: str) -> None:
            for waba_id, _, language in found:
                value = {"message_template_name": name, "message_template_language": language}
                field = "message_template_status_update"
                self._news({"field": field, "value": value | {"event": event}, "waba_id": waba_id})

        tell(status)
        return partial(tell, "APPROVED")

    def _media_unfetchable(self, media_host: str, status: int = 404) -> Undo:
        files = [f for f in self._simulation.account.hosted.values() if media_host in f.host]
        before = [(file, file.status) for file in files]
        if not 400 <= status <= 599:
            raise ValueError("status must lie between 400 and 599")
        for file in files:
            file.status = status
        lift = self._fault(action="fail_later", code=_UNFETCHABLE_CODE, media_host=media_host)

        def undo() -> None:
            lift()
            for file, former in before:
                file.status = former

        return undo

    def _fault(self, **description: Any) -> Undo:
        """A fault of the situation's own, beside those that were scripted."""
        faults = self._simulation.faults
        fault = faults.add(description, of_situation=True)
        return partial(faults.of_situations.pop, fault.id, None)

    def _review_rejected(self, reason: str = "INVALID_FORMAT") -> Undo:
        return self._review(Review(verdict="REJECTED", reason=reason))

    def _review_pending(self) -> Undo:
        return self._review(Review(verdict="PENDING"))

    def _review(self, review: Review) -> Undo:
        reviews = self._simulation.creation.reviews
        reviews.append(review)

        def undo() -> None:
            # By identity: an equal one may have been told to it before.
            reviews[:] = [one for one in reviews if one is not review]

        return undo

    def _webhooks_off(self) -> Undo:
        return self._change_webhooks(url=None)

    def _webhooks_late(self, seconds: float) -> Undo:
        late = dict.fromkeys(("sent", "delivered", "read", "failed"), seconds * 1000.0)
        return self._change_webhooks(delay_ms=late)

    def _webhooks_repeated(self, copies: int = 2) -> Undo:
        return self._change_webhooks(copies=copies)

    def _webhooks_shuffled(self) -> Undo:
        return self._change_webhooks(order="shuffled")

    def _change_webhooks(self, **changes: Any) -> Undo:
        settings = self._webhooks.settings
        if settings.url is None and "webhooks_off" not in self.in_force:
            raise ValueError("the sandbox sends no webhooks: start it with --webhook-url URL")
        before = {name: getattr(settings, name) for name in changes}
        settings.change(changes)

        def undo() -> None:
            settings.change(before)

        return undo

    def _news(self, given: dict[str, Any]) -> None:
        self._webhooks.add(news(self._simulation.account, given))
