"""Campaigns whose name or id is nearly what a person typed."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Final

from wacampaign.core.campaign.name import CampaignName

#: That are named: more is no hint but a list.
NEAR_MAX: Final = 3
#: Likeness from 0 to 1 from which a name is near (difflib's own: one letter in three may differ).
_LIKENESS: Final = 0.6
#: Of ids: one character in seven. By chance two ids are alike in one character of sixteen.
_ID_LIKENESS: Final = 0.85
#: Letters of a part that is looked for inside names: shorter ones are in too many.
_PART_MIN: Final = 3
_ID_LETTERS: Final = frozenset("0123456789abcdef-")


def near(typed: str, campaigns: Sequence[CampaignName]) -> list[CampaignName]:
    """At most `NEAR_MAX` of `campaigns` (newest first), the likeliest first, each once."""
    return list({one.id: one for one in _candidates(typed.lower(), campaigns)}.values())[:NEAR_MAX]


def _candidates(typed: str, campaigns: Sequence[CampaignName]) -> Iterator[CampaignName]:
    by_name: dict[str, CampaignName] = {}
    for one in campaigns:
        by_name.setdefault(one.name.lower(), one)
    if typed in by_name:  # typed in another case
        yield by_name[typed]
    for name in get_close_matches(typed, by_name, NEAR_MAX, _LIKENESS):
        yield by_name[name]
    if len(typed) >= _PART_MIN:
        yield from (one for name, one in by_name.items() if typed in name)
    if typed and _ID_LETTERS.issuperset(typed):
        by_id: dict[str, CampaignName] = {}
        for one in campaigns:
            by_id.setdefault(one.id[: len(typed)], one)
        for beginning in get_close_matches(typed, by_id, NEAR_MAX, _ID_LIKENESS):
            yield by_id[beginning]
