"""The database's part of a preflight: the campaign, its rows in groups, recipients, the start."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from wacampaign.core.campaign.name import CampaignName
from wacampaign.core.campaign.repeats import REPEAT_DAYS, Repeats
from wacampaign.core.campaign.state import Hold
from wacampaign.core.numbers import KnownNumber
from wacampaign.core.preflight.facts import (
    AlikeRows,
    LaneSurvey,
    People,
    Readiness,
    UnsentLane,
)
from wacampaign.core.preflight.row_checks import RowRules
from wacampaign.core.reading import read
from wacampaign.core.templates import KnownTemplate
from wacampaign.store.store import Capability
from wacampaign.store.templates import known_template, whole

#: Rows of one call: some 0.4 s, of the 8 s that REST allows.
PAGE_ROWS: Final = 20_000
#: Rows whose people one call looks for in another campaign; at most `REPEATS_PARTS` calls. Two
#: campaigns of a million take some 4 s a call (PostgreSQL 15, two cores).
REPEATS_ROWS: Final = 100_000
#: Parts that there can be: one for each last digit.
REPEATS_PARTS: Final = 10
#: Kinds of rows that are kept apart in one lane; what comes after is counted only.
GROUPS_KEPT: Final = 5_000
#: Distinct media that are kept in one lane, so that memory stays bounded.
MEDIA_KEPT: Final = 500

#: Is told the rows of each page.
PageRead = Callable[[int], None]


class PreflightFacts(Capability):
    """Reads what a preflight needs from a `Store`. Raises what `Store.call` raises."""

    async def readiness(self, campaign_id: str) -> Readiness:
        """The campaign and what stands around it. Raises `NoSuchCampaign`."""
        return _readiness(await self._store.call("readiness", campaign_id=campaign_id))

    async def people(self, campaign_id: str) -> People:
        """Who the rows go to: exact counts, and how their phones are written."""
        answer = await self._store.call("readiness_recipients", campaign_id=campaign_id)
        phones = await self._store.call("readiness_phones", campaign_id=campaign_id)
        return read(
            People,
            answer,
            samples=tuple((one["phone"] or "", one["n"]) for one in answer["samples"]),
            perhaps_samples=tuple(map(tuple, answer["perhaps_samples"])),
            written=tuple((one["phone"] or "", one["n"]) for one in phones["groups"]),
            not_looked_at=phones["more"],
        )

    async def repeats(self, campaign_id: str, rows: int) -> list[Repeats]:
        """Other campaigns of the last days that have recipients and templates in common with it.

        `rows`: how many it would send.
        """
        days = REPEAT_DAYS
        found = []
        others = await self._store.call_list("readiness_others", campaign_id=campaign_id, days=days)
        for one in others:
            other = read(CampaignName, one)
            count = max(1, min(REPEATS_PARTS, -(-rows // REPEATS_ROWS)))
            parts = [
                await self._store.call(
                    "readiness_repeats",
                    campaign_id=campaign_id,
                    other_id=other.id,
                    days=days,
                    part=part,
                    parts=count,
                )
                for part in range(count)
            ]
            repeat = _sum_of(other, parts)
            if repeat.got or repeat.will:
                found.append(repeat)
        return found

    async def survey(
        self, campaign_id: str, lane: UnsentLane, rules: RowRules, on_page: PageRead | None = None
    ) -> LaneSurvey:
        """All rows of a lane that would be sent, page by page."""
        groups: dict[str, AlikeRows] = {}
        media: Counter[str] = Counter()
        rows = not_grouped = 0
        more_media = False
        ends: list[int] = []
        for part in ("fresh", "other"):
            after: tuple[str | None, str | None] = (None, None)
            while True:
                page = await self._page(campaign_id, lane, rules, part, after)
                rows += page["rows"]
                not_grouped += page["rows"] - page["grouped"] + _add(groups, page["groups"])
                more_media |= page["media_count"] > len(page["media"])
                more_media |= _count(media, page["media"])
                if page["first_end"] is not None:
                    ends.append(int(page["first_end"]))
                if on_page is not None:
                    on_page(page["rows"])
                after = (page["last_at"], page["last_id"])
                if after[1] is None:
                    break
        return LaneSurvey(
            lane=lane,
            rows=rows,
            groups=tuple(groups.values()),
            not_grouped=not_grouped,
            media=dict(media.most_common()),
            more_media=more_media,
            first_end=min(ends, default=None),
        )

    async def first_rows(
        self, campaign_id: str, lane: UnsentLane, rules: RowRules, count: int
    ) -> list[AlikeRows]:
        """The first `count` rows of a lane, one by one."""
        found: list[AlikeRows] = []
        for part in ("fresh", "other"):
            after: tuple[str | None, str | None] = (None, None)
            while len(found) < count:
                page = await self._page(campaign_id, lane, rules, part, after, limit=1)
                for one in page["groups"]:
                    phone, payload = one["phone"] or "", one["payload"]
                    found.append(AlikeRows(one["signature"], 1, phone, payload))
                after = (page["last_at"], page["last_id"])
                if after[1] is None:
                    break
        return found

    async def first_payload(self, campaign_id: str, lane: UnsentLane, rules: RowRules) -> Any:
        """The payload of the lane's first row; None without one."""
        for part in ("fresh", "other"):
            page = await self._page(campaign_id, lane, rules, part, (None, None), limit=1)
            for group in page["groups"]:
                return group["payload"]
        return None

    async def _page(
        self,
        campaign_id: str,
        lane: UnsentLane,
        rules: RowRules,
        part: str,
        after: tuple[str | None, str | None],
        limit: int | None = None,
    ) -> dict[str, Any]:
        return await self._store.call(
            "readiness_rows",
            campaign_id=campaign_id,
            number_id=lane.number,
            template=lane.template,
            part=part,
            after_at=after[0],
            after_id=after[1],
            roles=list(rules.roles),
            limits=list(rules.limits),
            body_times=list(rules.body_times),
            body_room=rules.body_room,
            quick_sign=rules.quick_sign,
            prose_signs=list(rules.prose_signs),
            other_signs=list(rules.other_signs),
            limit=limit or PAGE_ROWS,
        )


def _sum_of(other: CampaignName, parts: Sequence[Mapping[str, Any]]) -> Repeats:
    ago = [part["seconds_ago"] for part in parts if part["seconds_ago"] is not None]
    return Repeats(
        other=other,
        template=next((part["template"] for part in parts if part["template"]), ""),
        people=sum(part["people"] for part in parts),
        got=sum(part["got"] for part in parts),
        will=sum(part["will"] for part in parts),
        seconds_ago=min(ago, default=None),
    )


def _add(groups: dict[str, AlikeRows], found: Sequence[Mapping[str, Any]]) -> int:
    """Adds a page's groups; returns the rows of those there was no room for."""
    left = 0
    for one in found:
        signature, n = one["signature"], int(one["n"])
        known = groups.get(signature)
        if known is not None:
            groups[signature] = AlikeRows(signature, known.n + n, known.phone, known.payload)
        elif len(groups) < GROUPS_KEPT:
            groups[signature] = AlikeRows(signature, n, one["phone"] or "", one["payload"])
        else:
            left += n
    return left


def _count(media: Counter[str], found: Sequence[Mapping[str, Any]]) -> bool:
    """Adds a page's media; True: some had no room."""
    more = False
    for one in found:
        if one["value"] in media or len(media) < MEDIA_KEPT:
            media[one["value"]] += int(one["n"])
        else:
            more = True
    return more


def _readiness(given: Mapping[str, Any]) -> Readiness:
    return read(
        Readiness,
        given,
        numbers=tuple(map(_number, given["numbers"])),
        known=tuple(map(_template, given["known"])),
        holds=tuple(read(Hold, hold, code=None) for hold in given["holds"]),
        queued_elsewhere={one["id"]: one["queued_elsewhere"] for one in given["numbers"]},
    )


def _number(given: Mapping[str, Any]) -> KnownNumber:
    return read(
        KnownNumber,
        given,
        digits=given["number"],
        display_name=given["name"],
        is_active=given["is_active"] is not False,
        rate_configured=float(given["rate_configured"]),
        rate_now=float(given["rate_now"]),
    )


def _template(given: Mapping[str, Any]) -> KnownTemplate:
    planned = given.get("planned")  # an earlier schema has none
    template = known_template(
        given,
        id=given["meta_id"] or "",
        number_id=given["number"],
        is_quarantined=given["is_quarantined"] is True,
        last_synced=given["synced_at"],
        planned=None
        if planned is None
        else whole(known_template(planned, id="", number_id=given["number"], name=given["name"])),
    )
    return whole(template)
