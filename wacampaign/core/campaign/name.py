"""How a campaign is called: by what a person types, and in sentences."""

import re
from dataclasses import dataclass
from typing import Final

from wacampaign.core.cells import UNSEEN, cell
from wacampaign.core.shown_text import one_line
from wacampaign.core.words import short_id

#: Characters of a new campaign's name: it stands in tables, logs and notifications.
NAME_LENGTH: Final = 100
#: What a campaign is called whose file has no name that can be one.
_NAMELESS: Final = "campaign"
#: A command for whichever campaign, as texts name it that are of several.
_FOR_ANY: Final = re.compile(r"(\bwacampaign [a-z][a-z0-9-]* )CAMPAIGN\b")
#: The same of numbers.
_ANY_NUMBER: Final = "PHONE_NUMBER_ID"


def checked_name(given: str) -> str:
    """A name that a person gave, without blanks around it. Raises `ValueError`, whose text goes
    after "the name"."""
    name = cell(given).strip(UNSEEN)
    if not name:
        raise ValueError("is empty")
    if one_line(name) != name:
        raise ValueError("has a line break or a control character")
    if len(name) > NAME_LENGTH:
        raise ValueError(f"has {len(name):,} characters, at most {NAME_LENGTH} are possible")
    return name


def name_of_file(stem: str) -> str:
    """A name made of a file's, without what a name cannot have."""
    return cell(" ".join(one_line(stem).replace("\ufffd", " ").split())[:NAME_LENGTH]) or _NAMELESS


def for_campaign(text: str, short_id: str) -> str:
    """`text` with this campaign in its commands for any."""
    return _FOR_ANY.sub(rf"\g<1>{short_id}", text)


def names_number(text: str) -> bool:
    """Whether a command in `text` is for whichever number."""
    return _ANY_NUMBER in text


def from_number(text: str, phone_number_id: str | None) -> str:
    """`text` with this number in its commands for any; None: it is not known."""
    return text.replace(_ANY_NUMBER, phone_number_id or _ANY_NUMBER)


class Named:
    """What has a campaign's id and name."""

    __slots__ = ()
    id: str
    name: str

    @property
    def short_id(self) -> str:
        """What a person types."""
        return short_id(self.id)

    def __str__(self) -> str:
        return f"{self.name} ({self.short_id})"


@dataclass(frozen=True, slots=True)
class CampaignName(Named):
    """A campaign as it was found."""

    id: str
    name: str
    #: scheduled, running, paused, completed or failed (which cancelled is, too).
    status: str
