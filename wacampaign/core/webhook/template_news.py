"""What Meta decided about a template: status, quality, category, an edit.

Fields and words: Meta's webhook references (April to June 2026); whatsapp-cloud-api, 2.5 and 5.2.
An unknown status is one that cannot be sent.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from wacampaign.core.webhook.decision import Decision, Kind, Severity, note_of, word_of
from wacampaign.core.webhook.kept import object_of, text_of
from wacampaign.core.webhook.updates import News

#: Events after which the template can be sent (again).
_SENDABLE: Final = frozenset({"APPROVED", "REINSTATED", "UNPAUSED", "UNARCHIVED"})
_LOOK: Final = "wacampaign preflight CAMPAIGN says what to do"
_STATUS_TEXTS: Final[dict[str, str]] = {
    "APPROVED": "It can be sent. A new one comes with: wacampaign templates sync; campaigns that "
    "were paused for it go on with: wacampaign resume CAMPAIGN",
    "PAUSED": "Too many people blocked or reported it. Meta ends a first pause after 3 hours, a "
    f"second after 6; a third disables it. Its rows wait. {_LOOK}",
    "DISABLED": "Meta takes no message with it any more. Another template takes over its rows: "
    "wacampaign fix-media CAMPAIGN --template NAME",
    "ARCHIVED": "Nobody sent it for 12 months. WhatsApp Manager takes it out of the archive for 28 "
    "days; then: wacampaign templates sync",
}


def _template(news: News) -> tuple[str, str, str] | None:
    """Name, language and both in words; None: the news does not say which template."""
    name = text_of(news.value.get("message_template_name"), 512)
    language = text_of(news.value.get("message_template_language"), 32)
    if name is None or language is None:
        return None
    # Meta's samples of webhooks have `en-US` for the `en_US` that its API wants.
    language = language.replace("-", "_")
    return name, language, f"{name} ({language})"


def _of_template(
    news: News, kind: Kind, field: str, word: str, title: str, text: str, severity: Severity
) -> Decision | None:
    known = _template(news)
    if known is None:
        return None
    name, language, label = known
    return Decision(
        kind=kind,
        thing="template",
        about=f"template {news.waba_id} {field} {language} {name}",
        waba_id=news.waba_id,
        at=news.at,
        title=f"{title}: {label}",
        text=text,
        severity=severity,
        name=name,
        language=language,
        word=word,
        said=news.value,
    )


def template_status(news: News) -> Iterator[Decision]:
    event = word_of(news.value.get("event"))
    if event is None:
        return
    other = object_of(news.value.get("other_info"))
    if event == "FLAGGED":
        # It stays APPROVED until the day that Meta names.
        if (known := _template(news)) is not None:
            yield note_of(
                news,
                "template",
                f"Template flagged: {known[2]}",
                "Meta means to disable it for low quality. It can be sent until then; WhatsApp "
                "Manager shows the day and the complaints.",
                "warning",
            )
        return
    status = "APPROVED" if event in _SENDABLE else event
    words = (word_of(news.value.get("reason")), word_of(other.get("title")))
    because = next((word for word in words if word not in (None, "NONE")), None)
    usual = f"Meta takes no message with it as long as it is {status}. {_LOOK}"
    text = _STATUS_TEXTS.get(status, usual)
    decision = _of_template(
        news,
        "template_status",
        "status",
        status,
        f"Template {status}",
        f"{because}. {text}" if because else text,
        "info" if status == "APPROVED" else "error",
    )
    if decision is not None:
        yield replace(decision, because=None if status == "APPROVED" else because)


def template_quality(news: News) -> Iterator[Decision]:
    word = word_of(news.value.get("new_quality_score"))
    bad = word in ("YELLOW", "RED")
    text = (
        "People block or report it more than others: next Meta pauses it. Slower, or to people who "
        "asked for it: wacampaign pause CAMPAIGN"
        if bad
        else "Meta's rating of it."
    )
    if word is None:
        return
    severity: Severity = "warning" if bad else "info"
    title = f"Template quality {word}"
    decision = _of_template(news, "template_quality", "quality", word, title, text, severity)
    if decision is not None:
        yield decision


def template_category(news: News) -> Iterator[Decision]:
    now, right = (
        word_of(news.value.get("new_category")),
        word_of(news.value.get("correct_category")),
    )
    if right is not None and (known := _template(news)) is not None:
        # Ahead of the change: `new_category` is then the one that it still has.
        yield note_of(
            news,
            "template",
            f"Template category will change: {known[2]}",
            f"Meta means to make it {right}: price and limits of that category apply from then on, "
            "and campaigns with it are held until somebody takes it: wacampaign resume CAMPAIGN",
            "warning",
        )
    elif now is not None:
        decision = _of_template(
            news,
            "template_category",
            "category",
            now,
            f"Template category is now {now}",
            "Price and limits of that category apply. The backend's own table follows with: "
            "wacampaign templates sync. A campaign that was planned with another category is held: "
            "wacampaign resume CAMPAIGN shows it, and takes the template as it is now",
            "warning",
        )
        if decision is not None:
            yield decision


def template_components(news: News) -> Iterator[Decision]:
    if (known := _template(news)) is not None:
        yield note_of(
            news,
            "template",
            f"Template edited: {known[2]}",
            "Its text, header or buttons changed. What campaigns with it make of that says: "
            "wacampaign templates sync",
            "warning",
        )
