"""Meta's verdict on a new template: what its words mean, and what a person does about them.

Source: Meta's reference of templates, `status` and `rejected_reason` (whatsapp-cloud-api, 5.2), and
its guide to rejections (2025).
"""

from collections.abc import Mapping
from typing import Final

#: Not decided yet. Meta decides most templates in minutes, some take 24 hours.
UNDECIDED: Final = frozenset({"PENDING", "IN_APPEAL", ""})

_OTHER_CATEGORY: Final = "copy it under another name with --allow-category-change"
_APPEAL: Final = "change the text, or ask for another review in WhatsApp Manager"

#: What a person does, by `rejected_reason`.
AFTER_REJECTION: Final[Mapping[str, str]] = {
    "ABUSIVE_CONTENT": _APPEAL,
    "CATEGORY_NOT_AVAILABLE": _OTHER_CATEGORY,
    "INCORRECT_CATEGORY": _OTHER_CATEGORY,
    "INVALID_FORMAT": "mend variables, samples or sample media, then copy it under another name",
    "PROMOTIONAL": _OTHER_CATEGORY,
    "SCAM": _APPEAL,
    "TAG_CONTENT_MISMATCH": _OTHER_CATEGORY,
}


def after_rejection(reason: str | None) -> str:
    """What a person does about a rejection, also for a reason that is new."""
    return AFTER_REJECTION.get(
        reason or "", "WhatsApp Manager says why: look at the template there"
    )
