"""Meta's news in this program's terms: who reads which field."""

from collections.abc import Callable, Iterator
from typing import Final

from wacampaign.core.webhook.account_news import (
    account_news,
    alert_news,
    capability_news,
    number_errors,
    number_news,
    review_news,
)
from wacampaign.core.webhook.decision import Decision
from wacampaign.core.webhook.template_news import (
    template_category,
    template_components,
    template_quality,
    template_status,
)
from wacampaign.core.webhook.updates import News


def decisions_of(news: News) -> tuple[Decision, ...]:
    """What this program makes of it; nothing for what does not concern campaigns."""
    read = _READERS.get(news.field)
    return tuple(read(news)) if read is not None else ()


_READERS: Final[dict[str, Callable[[News], Iterator[Decision]]]] = {
    "message_template_status_update": template_status,
    "message_template_quality_update": template_quality,
    "template_category_update": template_category,
    "message_template_components_update": template_components,
    "phone_number_quality_update": number_news,
    "business_capability_update": capability_news,
    "account_update": account_news,
    "account_review_update": review_news,
    "account_alerts": alert_news,
    "messages": number_errors,
}

#: The fields that an app has to be subscribed to, so that all that is taken here comes.
WANTED_FIELDS: Final = (*_READERS, "user_preferences")
