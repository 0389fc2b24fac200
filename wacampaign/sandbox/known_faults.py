"""Every fault that can be rehearsed, by the name that a person types, and as the sandbox has it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from wacampaign.sandbox.faults import Action, Fault
from wacampaign.sandbox.situations import SituationName

#: Which messages a fault meets, and how many of them.
OF_MESSAGES: Final = (
    *("template", "number", "recipient", "media-host"),
    *("share", "every", "times"),
)
#: Option: the field of the control API that it fills.
_FIELDS: Final = {
    "number": "phone_number_id",
    "media-host": "media_host",
    "seconds": "extra_ms",
    "share": "probability",
    "accepted": "accept",
    "per-second": "mps",
    "text": "details",
}
#: How they are given, for people.
OPTION_WORDS: Final = {
    "code": "--code N",
    "text": "--text TEXT",
    "seconds": "--seconds S",
    "status": "--status N",
    "wording": "--wording W",
    "accepted": "--accepted",
    "before": "--before STATUS,…",
    "per-second": "--per-second N",
    "copies": "--copies N",
    "reason": "--reason WORD",
    "template": "--template NAME",
    "number": "--number PHONE_NUMBER_ID",
    "recipient": "--recipient PHONE",
    "media-host": "--media-host HOST",
    "share": "--share PERCENT",
    "every": "--every N",
    "times": "--times N",
}
_MS: Final = 1000.0


@dataclass(frozen=True, slots=True)
class KnownFault:
    """One kind of fault. Of `action` and `situation` one is set: it meets messages, or it is so."""

    name: str
    happens: str
    action: Action | None = None
    situation: SituationName | None = None
    #: Options that it must have, may have, and has by itself.
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    usual: Mapping[str, Any] | None = None

    @property
    def options(self) -> tuple[str, ...]:
        """All that may be given with it."""
        of_messages = OF_MESSAGES if self.action else ()
        return (*self.needs, *self.takes, *of_messages)

    @property
    def usage(self) -> str:
        """Name, then the options of its own; those it need not have in brackets."""
        own = [OPTION_WORDS[option] for option in self.needs]
        own += [f"[{OPTION_WORDS[option]}]" for option in self.takes]
        return " ".join([self.name, *own])

    def fields(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """What the control API gets for these options."""
        given = {**(self.usual or {}), **options}
        return dict(self._field(option, value) for option, value in given.items())

    def _field(self, option: str, value: Any) -> tuple[str, Any]:
        if option == "seconds" and self.situation:
            return "seconds", value
        if option == "seconds":
            value = value * _MS
        elif option == "share":
            value = value / 100
        return _FIELDS.get(option, option), value


def _of_messages(name: str, action: Action, happens: str, **more: Any) -> KnownFault:
    return KnownFault(name, happens, action=action, **more)


def _of_all(name: str, happens: str, **more: Any) -> KnownFault:
    situation: Any = name.replace("-", "_")
    return KnownFault(name, happens, situation=situation, **more)


#: Those that meet messages, then those that are so for everybody until they are cleared.
KNOWN: Final[tuple[KnownFault, ...]] = (
    _of_messages(
        "refuse",
        "error",
        "Meta refuses with this code; the code alone is enough: `set 135000`, `130429`, `190`",
        needs=("code",),
        takes=("text",),
    ),
    _of_messages("slow", "slow", "the answer comes so much later", needs=("seconds",)),
    _of_messages(
        "hang", "hang", "no answer ever; with --accepted the message is", takes=("accepted",)
    ),
    _of_messages(
        "lost-answer", "drop_answer", "accepted, and the connection closes without an answer"
    ),
    _of_messages("connection-reset", "reset", "the connection is reset, nothing is accepted"),
    _of_messages(
        "gateway",
        "gateway",
        "accepted, and a gateway answers in Meta's place: HTTP 504, or --status;"
        " --wording html, json or graph",
        takes=("status", "wording"),
        usual={"status": 504},
    ),
    _of_messages(
        "server-error",
        "http_5xx",
        "HTTP 503, or --status, with a page of HTML; with --accepted the message is",
        takes=("status", "accepted"),
        usual={"status": 503},
    ),
    _of_messages(
        "undelivered",
        "fail_later",
        "accepted, and a webhook says `failed` with 131026, or --code (131049, 131053);"
        " --before delivered: after that status",
        takes=("code", "text", "before"),
        usual={"code": 131026},
    ),
    _of_messages(
        "held", "hold", "accepted and held for quality assessment; no status until it is cleared"
    ),
    _of_all("token-expired", "every access token has ended: 190"),
    _of_all(
        "account-restricted",
        "Meta restricts the accounts for a day: 368 to every message, a webhook, health BLOCKED",
    ),
    _of_all("number-disconnected", "the number is DISCONNECTED: 133010", takes=("number",)),
    _of_all(
        "throttled",
        "the number takes only so many a second, 130429 to the others",
        needs=("per-second",),
        takes=("number",),
    ),
    _of_all(
        "template-paused",
        "Meta pauses the template in each language: 132015, a webhook",
        needs=("template",),
    ),
    _of_all(
        "template-disabled",
        "Meta disables the template in each language: 132016, a webhook",
        needs=("template",),
    ),
    _of_all(
        "media-unfetchable",
        "the media host answers 404, or --status; accepted messages with its links fail: 131053",
        needs=("media-host",),
        takes=("status",),
    ),
    _of_all("review-rejected", "new templates are rejected", takes=("reason",)),
    _of_all("review-pending", "the review of new templates does not end"),
    _of_all("webhooks-off", "no webhook comes; those of the time until it is cleared never do"),
    _of_all("webhooks-late", "every status comes so much later", needs=("seconds",)),
    _of_all("webhooks-repeated", "each comes twice, or --copies", takes=("copies",)),
    _of_all("webhooks-shuffled", "the updates of a webhook come in no order"),
)
BY_NAME: Final = {known.name: known for known in KNOWN}
_BY_ACTION: Final = {known.action: known for known in KNOWN if known.action}


@dataclass(frozen=True, slots=True)
class FaultInForce:
    """A fault as the sandbox has it now."""

    #: What clears it: its number, or its name where there can be one only.
    id: str
    name: str
    #: What it was given, by option.
    conditions: dict[str, Any]
    #: Messages that it could have met, and that it did meet; None: it does not meet messages.
    matched: int | None = None
    struck: int | None = None


def in_force(faults: list[dict[str, Any]], situations: list[dict[str, Any]]) -> list[FaultInForce]:
    """What the control API shows of faults and situations, in a person's words."""
    return [*map(_fault, faults), *map(_situation, situations)]


def _fault(shown: dict[str, Any]) -> FaultInForce:
    known = _BY_ACTION[shown["action"]]
    plain = Fault(action=shown["action"]).shown()
    conditions = {}
    for option in known.options:
        name = _FIELDS.get(option, option)
        value = list(shown[name]) if option == "before" else shown[name]
        decides = option in known.needs or option in (known.usual or {})
        if decides or value != (list(plain[name]) if option == "before" else plain[name]):
            conditions[option] = _as_given(option, value)
    return FaultInForce(
        str(shown["id"]), known.name, conditions, shown["matched"], shown["applied"]
    )


def _as_given(option: str, value: Any) -> Any:
    if option == "seconds":
        return value / _MS
    return round(value * 100, 6) if option == "share" else value


def _situation(shown: dict[str, Any]) -> FaultInForce:
    known = BY_NAME[shown["name"].replace("_", "-")]
    names = {_FIELDS.get(option, option): option for option in known.options}
    if "seconds" in known.options:
        names["seconds"] = "seconds"
    conditions = {names[name]: value for name, value in shown.items() if name in names}
    return FaultInForce(known.name, known.name, conditions)


def named(wanted: str, there: list[FaultInForce]) -> Iterator[FaultInForce]:
    """Those in force that a person means by an id, a name, or a code that is refused with."""
    if by_id := [fault for fault in there if fault.id == wanted]:
        yield from by_id
        return
    for fault in there:
        refused = fault.name == "refuse" and str(fault.conditions["code"]) == wanted
        if refused or fault.name == wanted:
            yield fault
