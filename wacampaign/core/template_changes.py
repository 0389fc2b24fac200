"""A template that is no longer what a campaign was planned with: what that is, in words."""

from collections.abc import Iterator
from dataclasses import dataclass

from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.templates import KnownTemplate


@dataclass(frozen=True, slots=True)
class TemplateChange:
    """One template of a campaign, as planned and as it is now. The database says what changed."""

    #: Of `language` (Meta has it no more), `status`, `category`, `shape`.
    changed: tuple[str, ...]
    planned: KnownTemplate
    now: KnownTemplate
    #: Names the state that `now` is.
    token: str

    @property
    def needs_other_rows(self) -> bool:
        """Whether the rows may not fit any more."""
        return "shape" in self.changed

    @property
    def in_words(self) -> str:
        """What changed, such as `it is MARKETING, and was UTILITY`."""
        return ", ".join(change_words(self.changed, self.planned, self.now))

    @property
    def consequence(self) -> str:
        """What it means to go on with the template as it is now."""
        if not self.now.may_be_sent:
            return "Meta takes no message with it as long as that is so"
        if self.needs_other_rows:
            return "going on fills it from the rows as they are"
        return "going on takes it as it is now: price and limits of its category apply"


def change_words(
    changed: tuple[str, ...], planned: KnownTemplate, now: KnownTemplate
) -> Iterator[str]:
    """One part of a sentence for each change."""
    if "language" in changed:
        yield f"Meta no longer has it in {planned.language}"
    if "status" in changed:
        yield f"it is {now.status}, and was {planned.status or 'of unknown status'}"
    if "category" in changed:
        yield f"it is {now.category}, and was {planned.category}"
    if "shape" in changed:
        was, becomes = planned.needs_in_words, now.needs_in_words
        if was == becomes:
            was, becomes = (", ".join(one.slot_names) or "nothing" for one in (planned, now))
        yield f"it needs {becomes}, and needed {was}"


@dataclass(frozen=True, slots=True)
class TemplateUse:
    """A campaign that has rows of a template to send, and what a sync means for it."""

    campaign: CampaignName
    template: str
    language: str | None
    changed: tuple[str, ...]
    #: Why it is held, for people; None: it goes on.
    reason: str | None
    #: Whether it is held for such a reason until now.
    held: bool
