"""The same campaign once more: what is said of one that came before."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.words import counted, rough_duration

#: Days for which the same list with the same template is taken for a mistake: campaigns of a month
#: or a season come again, those of one week seldom.
REPEAT_DAYS: Final = 7
#: Share of all recipients of two lists that are in both, from which they are one list: it was
#: exported again, and a few people came or went.
SAME_LIST: Final = 0.9


@dataclass(frozen=True, slots=True)
class EarlierCampaign(CampaignName):
    """A campaign that a new one may repeat."""

    same_name: bool
    #: Whether it has the same recipients (`SAME_LIST`) and one of the templates.
    same_list: bool
    #: Its contacts, and those who got a message.
    total: int
    sent: int
    #: Since it was created.
    seconds_ago: int

    @property
    def became(self) -> str:
        """What became of it: `created 3 min ago, completed: 300 of 300 sent`."""
        ago = rough_duration(self.seconds_ago)
        return f"created {ago} ago, {self.status}: {self.sent:,} of {self.total:,} sent"


def told_again(earlier: Sequence[EarlierCampaign]) -> str:
    """What the new campaign repeats, in one sentence; of several the newest, the list first."""
    one = max(earlier, key=lambda campaign: (campaign.same_list, -campaign.seconds_ago))
    same = "the same list with the same template" if one.same_list else "a campaign of this name"
    text = f"there is {same} already: {one} ({one.became})"
    if len(earlier) > 1:
        text += f", and {counted(len(earlier) - 1, 'more campaign')}"
    return text


@dataclass(frozen=True, slots=True)
class Repeats:
    """Recipients of a campaign who get its template from another one, too."""

    other: CampaignName
    template: str
    #: All recipients of the campaign; those who got it from the other; those who will.
    people: int
    got: int
    will: int
    #: Since the last of them got it; None: nobody did.
    seconds_ago: int | None

    @property
    def told(self) -> str:
        """`300 of 300 recipients got hello from offer (1f2e3d4c), the last 3 min ago`."""
        of_all = f"of {self.people:,} recipients"
        if not self.got:
            return f"{self.will:,} {of_all} will get {self.template} from {self.other}, too"
        text = f"{self.got:,} {of_all} got {self.template} from {self.other}"
        if self.seconds_ago is not None:
            text += f", the last {rough_duration(self.seconds_ago)} ago"
        return f"{text}; {self.will:,} more will" if self.will else text
