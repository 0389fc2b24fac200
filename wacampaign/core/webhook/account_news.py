"""What Meta decided about a number or an account: limits, restrictions, reviews, alerts.

Fields and words: Meta's webhook references (April to June 2026); whatsapp-cloud-api, 2.1, 2.3, 2.5
and 6.5. An unknown word is told, and changes nothing.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from wacampaign.core.webhook.decision import Decision, Severity, note_of, word_of
from wacampaign.core.webhook.kept import id_of, moment, object_of, objects, text_of
from wacampaign.core.webhook.updates import News

#: Messages a second after THROUGHPUT_UPGRADE (whatsapp-cloud-api, 2.1).
_UPGRADED: Final = 1000


def number_news(news: News) -> Iterator[Decision]:
    event = word_of(news.value.get("event"))
    digits = text_of(news.value.get("display_phone_number"), 32)
    phone = "".join(ch for ch in digits or "" if "0" <= ch <= "9")
    if event is None or not phone:
        return
    decision = Decision(
        kind="note",
        thing="number",
        about=f"number {news.waba_id} {phone} {event}",
        waba_id=news.waba_id,
        at=news.at,
        title=f"Number: {event}",
        text="Meta changed the number's limits or quality. WhatsApp Manager shows them.",
        severity="info",
        phone=phone,
        said=news.value,
    )
    if event == "THROUGHPUT_UPGRADE":
        yield replace(
            decision,
            kind="throughput",
            about=f"number {news.waba_id} {phone} throughput",
            title="Number takes 1,000 messages a second",
            text="Its rate stays as it is set; a higher one: wacampaign number add "
            "PHONE_NUMBER_ID --waba WABA_ID --rate 1000",
            per_second=_UPGRADED,
        )
    elif event in ("FLAGGED", "UNFLAGGED"):
        low = event == "FLAGGED"
        yield replace(
            decision,
            kind="number_quality",
            about=f"number {news.waba_id} {phone} quality",
            title=f"Number {event.lower()} for its quality",
            text="People block or report its messages: fewer, and to people who asked for them. "
            "WhatsApp Manager shows the reasons."
            if low
            else "Its quality is no longer low.",
            severity="warning" if low else "info",
            # The rating that stands for it; what it is afterwards Meta tells when it is asked.
            word="RED" if low else "UNKNOWN",
        )
    elif event != "ONBOARDING":
        yield decision
    yield from _limit(news, news.value.get("max_daily_conversations_per_business"))


def _limit(news: News, told: Any) -> Iterator[Decision]:
    """The portfolio's messaging limit: a tier's name, a number of people, or -1 for none."""
    tier = word_of(told) or (str(told) if type(told) is int else None)
    if tier == "-1":
        tier = "TIER_UNLIMITED"
    if tier is None or tier == "TIER_NOT_SET":
        return
    yield Decision(
        kind="messaging_limit",
        thing="account",
        about=f"account {news.waba_id} messaging limit",
        waba_id=news.waba_id,
        at=news.at,
        title=f"Messaging limit: {tier}",
        text="So many people a day may all numbers of the portfolio write to.",
        severity="info",
        word=tier,
        said=news.value,
    )


def capability_news(news: News) -> Iterator[Decision]:
    yield from _limit(news, news.value.get("max_daily_conversations_per_business"))


#: Of `restriction_info`: what stops templates. The others stop replies, or new numbers.
_STOPS_TEMPLATES: Final = "RESTRICTED_BIZ_INITIATED_MESSAGING"
_RESTRICTIONS: Final[dict[str, str]] = {
    "RESTRICTED_CUSTOMER_INITIATED_MESSAGING": "replies to people who wrote are not delivered",
    "RESTRICTED_UTILITY_TEMPLATES": "templates of the category UTILITY are not delivered",
    "RESTRICTED_ADD_PHONE_NUMBER_ACTION": "no number can be added",
}
_APPEAL: Final = "WhatsApp Manager shows why, and takes an appeal."


def account_news(news: News) -> Iterator[Decision]:
    value, event = news.value, word_of(news.value.get("event"))
    if event == "ACCOUNT_RESTRICTION":
        yield from _restriction(news)
    elif event == "DISABLED_UPDATE":
        state = word_of(object_of(value.get("ban_info")).get("waba_ban_state"))
        # An account is told 7 days before it is disabled: it sends until then.
        if state == "SCHEDULE_FOR_DISABLE":
            text = f"It sends until then. {_APPEAL}"
            yield note_of(news, "account", "Account will be disabled", text, "error")
        elif state == "DISABLE":
            yield _hold(news, "ban", "Meta disabled the account", 131031)
        elif state == "REINSTATE":
            yield _free(news, "ban", "Meta reinstated the account")
    elif event == "ACCOUNT_DELETED":
        yield _hold(news, "ban", "the account was deleted at Meta", 131031)
    elif event == "ACCOUNT_VIOLATION":
        violation = word_of(object_of(value.get("violation_info")).get("violation_type"))
        text = f"{violation or 'of its policy'}. Restrictions may follow. {_APPEAL}"
        yield note_of(news, "account", "Account: Meta found a violation", text, "warning")


def _restriction(news: News) -> Iterator[Decision]:
    given = [r for r in objects(news.value.get("restriction_info")) if isinstance(r, dict)]
    kinds = {word_of(r.get("restriction_type")): moment(r.get("expiration")) for r in given}
    if _STOPS_TEMPLATES in kinds:
        until = kinds[_STOPS_TEMPLATES]
        why = "Meta stopped the account's templates (RESTRICTED_BIZ_INITIATED_MESSAGING)"
        yield _hold(news, "restriction", why, 368, until)
    else:
        yield _free(news, "restriction", "Meta no longer stops the account's templates")
    for kind in kinds:
        if kind is not None and kind != _STOPS_TEMPLATES:
            text = f"{kind}: {_RESTRICTIONS.get(kind, 'a restriction of its own')}. {_APPEAL}"
            note = note_of(news, "account", "Account restricted", text, "warning")
            yield replace(note, about=f"{note.about} {kind}")


def _hold(news: News, about: str, why: str, code: int, until: int | None = None) -> Decision:
    end = (
        "It ends by itself." if until is not None else f"{_APPEAL} Then: wacampaign resume CAMPAIGN"
    )
    return Decision(
        kind="account_hold",
        thing="account",
        about=f"account {news.waba_id} {about}",
        waba_id=news.waba_id,
        at=news.at,
        title="Account stopped",
        text=f"{why}. {end}",
        severity="error",
        code=code,
        until=until,
        said=news.value,
    )


def _free(news: News, about: str, why: str) -> Decision:
    return Decision(
        kind="account_free",
        thing="account",
        about=f"account {news.waba_id} {about}",
        waba_id=news.waba_id,
        at=news.at,
        title="Account free",
        text=f"{why}. Campaigns that were paused for it go on with: wacampaign resume CAMPAIGN",
        severity="info",
        said=news.value,
    )


def review_news(news: News) -> Iterator[Decision]:
    decision = word_of(news.value.get("decision"))
    if decision == "REJECTED":
        yield _hold(news, "review", "Meta rejected the account in its review", 131031)
    elif decision == "APPROVED":
        yield _free(news, "review", "Meta approved the account in its review")
    elif decision is not None:
        text = f"It cannot be used until Meta has decided. {_APPEAL}"
        yield note_of(news, "account", f"Account review: {decision}", text, "warning")


_ALERTS: Final[dict[str, Severity]] = {"CRITICAL": "error", "WARNING": "warning"}


def alert_news(news: News) -> Iterator[Decision]:
    info = object_of(news.value.get("alert_info")) or news.value
    kind, text = word_of(info.get("alert_type")), text_of(info.get("alert_description"), 1000)
    if kind is not None or text is not None:
        severity = _ALERTS.get(word_of(info.get("alert_severity")) or "", "info")
        title = f"Meta alerts: {kind or 'the account'}"
        yield note_of(news, "account", title, text or "", severity)


def number_errors(news: News) -> Iterator[Decision]:
    """`value.errors` of the field `messages`: of the number as a whole."""
    for error in objects(news.value.get("errors")):
        code, title = id_of(object_of(error).get("code")), object_of(error).get("title")
        if code is not None:
            text = f"{text_of(title, 500) or 'an error'}. wacampaign explain {code}"
            note = note_of(news, "number", f"Number: Meta reports {code}", text, "warning")
            yield replace(note, about=f"{note.about} {code}")
