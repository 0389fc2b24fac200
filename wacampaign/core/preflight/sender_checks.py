"""A sending number: token, status, quality, throughput, portfolio's limit, health, endpoint."""

from collections.abc import Iterator
from typing import Final

from wacampaign.core.budget import Budget, rate_above
from wacampaign.core.marketing import ONBOARDED
from wacampaign.core.masking import mask_secrets
from wacampaign.core.numbers import Health, KnownNumber, Number
from wacampaign.core.preflight.budget_checks import limit_line
from wacampaign.core.preflight.facts import MetaFacts, Trouble, Unanswered
from wacampaign.core.preflight.model import Check, Line, fail, ok, skipped, warn

_ASK_AGAIN: Final = "run it again when Meta can be reached; the worker waits by itself"
#: What only Meta can tell.
_ASKED: Final = ("quality", "throughput", "messaging_limit", "health")


def sender_lines(
    facts: KnownNumber, meta: MetaFacts, people: int, budget: Budget | None = None
) -> Iterator[Line]:
    """All of one number; `people` are the campaign's recipients, `budget` what is used already."""
    name = facts.label
    if facts.phone_number_id is None:
        yield fail(
            "number",
            f"{name} has no phone_number_id in the table whatsapp_numbers",
            "wacampaign number add PHONE_NUMBER_ID --waba WABA_ID",
        )
        return
    if not facts.is_active:
        yield fail(
            "number",
            f"{name} is not active: nothing is sent from it",
            f"wacampaign number add {facts.phone_number_id} --waba {facts.waba_id or 'WABA_ID'}",
        )
    answer = meta.number
    if isinstance(answer, Unanswered):
        yield from _unanswered(facts, answer)
        if facts.limit.source is not None:
            yield limit_line(facts, None, budget, people)
        return
    yield ok("token", f"Meta takes the token of {name}")
    if answer.status == "CONNECTED":
        yield ok("number", f"{name} is CONNECTED")
    else:
        yield fail(
            "number",
            f"{name} is {answer.status or 'in no known state'} at Meta; only CONNECTED can send",
            "see the number in WhatsApp Manager",
        )
    yield from _quality(name, answer)
    yield _throughput(facts, answer)
    yield limit_line(facts, answer, budget, people)
    yield _health(name, answer.health)
    if facts.marketing.mode != "off":
        yield _endpoint(facts, meta.onboarding)


def _unanswered(facts: KnownNumber, why: Unanswered) -> Iterator[Line]:
    text = mask_secrets(why.text, ids=[facts.phone_number_id or ""])
    if why.trouble is Trouble.NO_TOKEN:
        fix = "set META_ACCESS_TOKEN in .env"
        yield fail("token", f"there is no access token for {facts.label}", fix)
    elif why.trouble is Trouble.REFUSED:
        fix = "a new token: META_ACCESS_TOKEN in .env, or access_token in whatsapp_numbers"
        yield fail("token", f"the token of {facts.label} was refused: {text}", fix)
    elif why.trouble is Trouble.UNKNOWN:
        fix = "check PHONE_NUMBER_ID and the token's account: wacampaign number list"
        yield fail("number", f"Meta does not show {facts.label}: {text}", fix)
    else:
        for name in ("token", "number", *_asked(facts)):
            yield skipped(name, text, _ASK_AGAIN)
        return
    for name in _asked(facts):
        yield skipped(name, "Meta did not tell", "the line before says why")


def _asked(facts: KnownNumber) -> Iterator[str]:
    """What nobody knows without Meta."""
    return (name for name in _ASKED if name != "messaging_limit" or facts.limit.source is None)


def _quality(name: str, number: Number) -> Iterator[Line]:
    if number.quality_rating == "RED":
        yield warn(
            "quality",
            f"the quality of {name} is RED: people block or report it, and Meta may restrict it",
            "send to those who asked for it, in small campaigns, until it is better",
        )
    else:
        yield ok("quality", f"quality {number.quality_rating or 'not rated yet'}")


def _throughput(facts: KnownNumber, number: Number) -> Line:
    most = number.most_per_second
    if most is None:
        level = number.throughput or "nothing"
        return skipped(
            "throughput",
            f"Meta says {level} of the throughput of {facts.label}",
            "80 messages a second is what every number may send",
        )
    if (note := rate_above(facts.rate_configured, most)) is not None:
        return warn(
            "throughput",
            f"{facts.label}: {note} ({number.throughput_in_words})",
            f"nothing has to be done; wacampaign number add {facts.phone_number_id}"
            f" --waba {facts.waba_id or 'WABA_ID'} --rate {most} sets what is used",
        )
    return ok(
        "throughput",
        f"{number.throughput_in_words}: {most:,} a second, configured {facts.rate_configured:g}",
    )


def _endpoint(facts: KnownNumber, told: str | Unanswered | None) -> Line:
    """Only of numbers whose marketing templates may leave by another endpoint than /messages."""
    marketing = facts.marketing
    there = f"MARKETING templates of {facts.label} go through /marketing_messages"
    policy = f", product_policy {marketing.product_policy}" if marketing.product_policy else ""
    sync = f"wacampaign templates sync --number {facts.shown}"
    off = f"wacampaign number set {facts.shown} --marketing-endpoint auto"
    if isinstance(told, Unanswered):
        return skipped(
            "marketing_endpoint",
            f"Meta did not say whether the account is onboarded: {told.text}",
            sync,
        )
    word = told or "nothing"
    if told == ONBOARDED:
        if not marketing.is_used:
            return warn(
                "marketing_endpoint",
                "the account is onboarded since the last sync, and not used yet",
                sync,
            )
        return ok("marketing_endpoint", f"{there}: the account is onboarded{policy}")
    if marketing.mode == "auto":
        if marketing.is_used:
            return warn(
                "marketing_endpoint",
                f"{there}, and the account is not onboarded any more ({word})",
                sync,
            )
        return ok(
            "marketing_endpoint",
            f"the account is not onboarded ({word}): all goes through /messages",
        )
    if marketing.product_policy == "STRICT":
        return fail(
            "marketing_endpoint",
            f"{there} with STRICT, and the account is not onboarded ({word}): Meta refuses them",
            off,
        )
    return warn(
        "marketing_endpoint",
        f"{there}, and the account is not onboarded ({word}): Meta sends them by Cloud API",
        off,
    )


def _health(name: str, health: Health | None) -> Line:
    if health is None or not health.can_send_message:
        return skipped(
            "health",
            f"Meta gives no health status of {name}",
            "check WHATSAPP_API_VERSION; Meta has it from v20.0 on",
        )
    if health.can_send_message == "AVAILABLE":
        return ok("health", "number, account and business can send")
    verdict = Check.FAIL if health.can_send_message == "BLOCKED" else Check.WARN
    blocks, fix = "", ""
    for entity in health.entities:
        if entity.can_send_message == "AVAILABLE":
            continue
        reasons = [error.description for error in entity.errors if error.description]
        reasons += entity.additional_info
        blocks += f"; {entity.type} {entity.can_send_message}"
        blocks += f": {' '.join(reasons)}" if reasons else ""
        fix = fix or next((error.solution for error in entity.errors if error.solution), "")
    return Line(
        "health",
        verdict,
        mask_secrets(f"{name} is {health.can_send_message} at Meta{blocks}"),
        mask_secrets(fix) or "see the account in WhatsApp Manager",
    )
