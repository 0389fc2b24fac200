"""`fix-media`: what a repair would change, read from the database and shown as a plan."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from wacampaign.cli.fix_media_choice import Choice, Wish, choose
from wacampaign.cli.output import arrow
from wacampaign.cli.plan import SAMPLES_SHOWN, Plan, Step
from wacampaign.cli.session import CampaignName, campaign_state
from wacampaign.cli.wording import rows
from wacampaign.core.masking import mask_phone
from wacampaign.core.media_repair import has_own_media, header_media
from wacampaign.problems import Refused

if TYPE_CHECKING:
    from wacampaign.settings import Settings
    from wacampaign.store.repairs import Targets
    from wacampaign.store.store import Store

#: Characters of a medium that are shown: the ends of two fit a line of the terminal.
_MEDIUM_WIDTH: Final = 30
#: Characters of a note's line: 80 without the indentation of plans of several campaigns.
_NOTE_WIDTH: Final = 76
_OVER: Final = ("completed", "failed")


@dataclass(frozen=True, slots=True)
class Found:
    """One campaign, what its rows get, and how many change."""

    campaign: CampaignName
    choices: Sequence[Choice]
    survey: Mapping[str, Any]
    lanes: Sequence[Mapping[str, Any]]
    state: Mapping[str, Any]

    @property
    def changes(self) -> int:
        """Rows that change."""
        return sum(lane["change"] for lane in self.survey["lanes"])

    @property
    def is_over(self) -> bool:
        """Nothing of it is sent before it runs again."""
        return bool(self.state["status"] in _OVER)


def targets_of(choices: Sequence[Choice], wish: Wish) -> Targets:
    """The choices as the database takes them."""
    from wacampaign.store.repairs import Targets

    move = choices[0].sender.id if wish.number is not None else None
    return Targets([(c.template, c.number_id, c.medium) for c in choices], move)


async def look(store: Store, settings: Settings, campaign: CampaignName, wish: Wish) -> Found:
    """Chooses and validates the media, and counts. Changes nothing."""
    from wacampaign.store.repairs import Repairs

    repairs = Repairs(store)
    lanes = [one for one in await repairs.lanes(campaign.id) if one["ready"] + one["failed"]]
    state = await campaign_state(store, campaign)
    with_media = [one for one in lanes if header_media(one["components"], one["parameter_format"])]
    if not with_media:
        if not lanes:
            return Found(campaign, (), {"lanes": [], "media": [], "samples": []}, lanes, state)
        raise Refused(
            f"no template of {campaign} has an image, video or document in its header"
            " (as far as is known here)",
            "wacampaign templates sync",
        )
    choices = await choose(store, settings, with_media, wish)
    survey = await repairs.survey(campaign.id, wish.code, targets_of(choices, wish), kind=wish.kind)
    found = Found(campaign, choices, survey, lanes, state)
    if not wish.all_rows:
        _refuse_own_media(found)
    return found


def plan_of(found: Found, wish: Wish, *, restart: bool, command: str) -> Plan:
    """The plan of one campaign; `command` is this one, without its last flags."""
    campaign, counts = found.campaign, found.state["counts"]
    media = list(dict.fromkeys(_shown(c) for c in found.choices))
    becomes = f"ready with {media[0]}" if len(media) == 1 else f"ready with {len(media)} media"
    steps = [
        Step(n, "row", f"{status}{'' if wish.code is None else f' with code {wish.code}'}", becomes)
        for status in ("failed", "ready")
        if (n := sum(x["change"] for x in found.survey["lanes"] if x["status"] == status))
    ]
    if restart and found.is_over:
        steps.append(Step(1, "campaign", campaign.status, "running"))
    return Plan(
        title=f"repair the header media of {campaign}",
        steps=steps,
        samples=[_sample(one) for one in found.survey["samples"][:SAMPLES_SHOWN]],
        notes=wrapped(
            [
                f"{counts['sent']:,} sent and {counts['in_doubt']:,} in doubt will not be touched",
                *_moved(found, wish),
                *_left_out(found, wish),
                *_warnings(found, wish),
                *_over(found, restart=restart),
            ]
        ),
        next_command=next_command(found, restart=restart, command=command),
    )


def next_command(found: Found, *, restart: bool, command: str) -> str:
    """What gets the repaired rows sent."""
    campaign, state = found.campaign, found.state
    if found.is_over and not restart:
        return f"{command} --restart"
    if state["status"] == "paused":
        # What was never started goes through its preflight.
        verb = "resume" if state["start_time"] else "start"
        return f"wacampaign {verb} {campaign.short_id}    (it is paused)"
    if any(hold["until"] is None for hold in state["holds"]):
        return f"wacampaign resume {campaign.short_id}    (it is held)"
    if state["live_workers"] == 0:
        return "wacampaign run-worker    (no worker is alive)"
    return f"wacampaign monitor {campaign.short_id}"


def _left_out(found: Found, wish: Wish) -> list[str]:
    lanes = found.survey["lanes"]

    def count(key: str) -> int:
        return sum(one[key] for one in lanes)

    notes = []
    if n := count("accepted"):
        notes.append(f"{n:,} failed after they were accepted: never sent again")
    if n := count("already"):
        notes.append(f"{rows(n)} have this medium already")
    if n := count("no_media"):
        notes.append(
            f"{rows(n)} left out: var1 is neither a URL nor a media id, so their variables"
            " are shifted, and a medium in its place would take one away"
        )
    known = {(choice.template, choice.number_id) for choice in found.choices}
    for lane in found.lanes:
        if (lane["template"], lane["number_id"]) not in known:
            n = lane["ready"] + lane["failed"]
            why = (
                "it is not known here; wacampaign templates sync"
                if lane["components"] is None
                else "its header takes no media"
            )
            notes.append(f"{rows(n)} of {lane['template']} left out: {why}")
    if wish.code is not None:
        unsent = sum(lane["ready"] + lane["failed"] for lane in found.lanes)
        if (
            other := unsent
            - sum(sum(x[k] for k in ("change", "already", "no_media", "accepted")) for x in lanes)
        ) > 0:
            notes.append(f"{rows(other)} without code {wish.code} keep what they have")
    return notes


def _moved(found: Found, wish: Wish) -> list[str]:
    if wish.number is None or not found.choices:
        return []
    sender = found.choices[0].sender
    return [f"from now on they are sent by {sender.label} ({sender.phone_number_id})"]


def wrapped(notes: Iterable[str]) -> list[str]:
    """Lines that fit 80 columns, indented as plans are."""
    return [
        line
        for note in notes
        for line in textwrap.wrap(note, _NOTE_WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    ]


def _warnings(found: Found, wish: Wish) -> list[str]:
    notes = list(dict.fromkeys(text for c in found.choices for text in c.warnings))
    known = {(lane["template"], lane["number_id"]): lane for lane in found.lanes}
    for c in found.choices:
        status = known[c.template, c.number_id]["template_status"]
        if wish.number is None and status not in (None, "APPROVED"):
            notes.append(f"the template {c.template} is {status}: Meta sends nothing with it")
    for one in found.survey["media"]:
        if one["media"] > 1:
            more = "more than 1,000" if one["many"] else f"{one['media']:,}"
            notes.append(f"{one['template']}: {more} different media are replaced by one")
    if wish.kind == "from_template":
        hosts = sorted({urlsplit(c.source or "").hostname or "" for c in found.choices})
        notes.append(
            f"the template's sample is on {', '.join(hosts)}: Meta may refuse to fetch it when"
            " it sends (131053), and the address expires; safer: --upload without an argument"
        )
    uploads = {(c.sender.id, c.source) for c in found.choices if c.medium is None}
    if uploads:
        n = len(uploads)
        notes.append(f"{n} upload{'' if n == 1 else 's'} to Meta, before any row changes")
    return notes


def _over(found: Found, *, restart: bool) -> list[str]:
    status = found.state["status"]
    if not found.is_over or restart:
        return []
    return [f"the campaign is {status}: nothing is sent before it runs; with --restart it does"]


def _sample(one: Mapping[str, Any]) -> str:
    becomes = "id of the upload" if one["becomes"] is None else _ends(one["becomes"])
    was = _ends(one["was"] or "(none)")
    return f"{mask_phone(one['phone'])}  {was} {arrow_for_samples()} {becomes}"


def arrow_for_samples() -> str:
    """What stands between the old medium and the new one."""
    import sys

    return arrow(sys.stdout)


def shown_medium(medium: str | None) -> str:
    """A medium as a sample shows it; None: the row had none."""
    return "(none)" if medium is None else _ends(medium)


def _ends(medium: str) -> str:
    """Host and last characters of a URL without its query; an id whole."""
    bare = medium.partition("?")[0]
    if len(bare) <= _MEDIUM_WIDTH:
        return bare
    return f"{bare[:18]}…{bare[-(_MEDIUM_WIDTH - 19) :]}"


def _shown(choice: Choice) -> str:
    if choice.medium is None:
        return "the id of the upload"
    is_url = choice.medium.lower().startswith(("http://", "https://"))
    return _ends(choice.medium) if is_url else f"media id {choice.medium}"


def _refuse_own_media(found: Found) -> None:
    for one in found.survey["media"]:
        changing = sum(
            x["change"] for x in found.survey["lanes"] if x["template"] == one["template"]
        )
        if has_own_media(one["media"], changing):
            n = "more than 1,000" if one["many"] else f"{one['media']:,}"
            raise Refused(
                f"{rows(changing)} of {found.campaign} have {n} different header media: they look"
                " like the recipients' own, and one for all would reach the wrong people",
                "if all shall get the same: the same command with --all-rows",
            )
