"""Makes failed rows that were never accepted ready again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from wacampaign.core.campaign.failed_rows import NO_CODE, FailedRow, Failure
from wacampaign.core.campaign.next_step import after_retry
from wacampaign.core.campaign.state import Campaign
from wacampaign.core.plan import SAMPLES_SHOWN, Change, Plan
from wacampaign.core.words import are, rows
from wacampaign.operations.campaigns import actor, campaign_state, resolve_campaign
from wacampaign.operations.failed_rows import read_failures
from wacampaign.operations.partly_done import PartlyDone
from wacampaign.problems import Refused
from wacampaign.store.failed_rows import FailedRows
from wacampaign.store.optouts import OptOuts
from wacampaign.store.store import Store

_WHO_IS_OUT: Final = "wacampaign optouts list"


@dataclass(frozen=True, slots=True)
class RetrySurvey:
    """A campaign, its failed rows by code, and some of those that would be tried again."""

    campaign: Campaign
    #: The code that was asked for; None: what may be tried again by itself.
    code: int | None
    #: Failed rows in all.
    failed: int
    chosen: Sequence[Failure]
    samples: Sequence[str]
    #: Rows of the chosen codes that are left out, by code: their people opted out of the marketing
    #: that they are, or rest from it.
    left_out: Mapping[int, int] = field(default_factory=dict)

    def tried_again(self, failure: Failure) -> int:
        """Rows of one code that become ready."""
        return max(0, failure.never_accepted - self.left_out.get(failure.code, 0))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to try again."""
        return not any(map(self.tried_again, self.chosen))


@dataclass(slots=True)
class Retried(PartlyDone):
    """Rows made ready again."""

    #: Whether a completed campaign runs again by it.
    reopened: bool = False
    #: What gets them sent.
    next_command: str = ""


async def look(store: Store, name: str, code: int | None) -> RetrySurvey:
    """Which failed rows would be tried again. Changes nothing.

    Without `code` those whose error may pass, with it those of that code, whatever it is. Raises
    `Refused` for a cancelled campaign, `NoSuchCampaign`, `Usage` for a name that several have.
    """
    named = await resolve_campaign(store, name)
    campaign = await campaign_state(store, named)
    if campaign.status == "failed":
        raise Refused(
            f"{campaign} was cancelled, so none of its rows is sent again",
            f"wacampaign failures {campaign.short_id}",
        )
    failures = await read_failures(store, named)
    chosen = [
        failure
        for failure in failures
        if failure.never_accepted
        and (failure.entry.retryable if code is None else failure.code == code)
    ]
    left_out: dict[int, int] = {}
    for failure in chosen:
        counts = await OptOuts(store).left_out(campaign.id, failure.code)
        left_out[failure.code] = counts["opted_out"] + counts["resting"]
    samples: list[str] = []
    for failure in chosen:
        for row in await FailedRows(store).page(campaign.id, failure.code, limit=SAMPLES_SHOWN):
            if not row["accepted"]:
                masked = FailedRow.of(row)
                samples.append(f"{masked.phone}  {masked.template}  {masked.text or '-'}")
        if len(samples) >= SAMPLES_SHOWN:
            break
    failed = sum(failure.count for failure in failures)
    return RetrySurvey(campaign, code, failed, chosen, samples, left_out)


def retry_plan(survey: RetrySurvey) -> Plan:
    """What `carry_out` would change."""
    campaign, counts = survey.campaign, survey.campaign.counts
    steps = [
        Change(survey.tried_again(failure), "row", f"failed ({_label(failure)})", "ready")
        for failure in survey.chosen
        if survey.tried_again(failure)
    ]
    notes = [
        f"{counts.sent:,} already accepted and {counts.in_doubt:,} in doubt will not be touched"
    ]
    if left := counts.failed - sum(map(survey.tried_again, survey.chosen)):
        notes.append(f"{left:,} failed stay failed")
    if out := sum(survey.left_out.values()):
        notes.append(f"{out:,} of them opted out of marketing, or rest from it: {_WHO_IS_OUT}")
    if undelivered := campaign.delivery.undelivered:
        notes.append(
            f"{undelivered:,} of the accepted {are(undelivered)} undelivered, and not sent again:"
        )
        notes.append(f"what to do about them says wacampaign failures {campaign.short_id}")
    if any(failure.code == NO_CODE for failure in survey.chosen):
        notes.append("rows without a code may have been sent by whoever failed them: read their")
        notes.append(f"texts first, with wacampaign failures {campaign.short_id} --code 0")
    if campaign.status == "completed":
        steps.append(Change(1, "campaign", "completed", "running"))
        if other := counts.unsent:
            notes.append(f"{rows(other)} that it had left undone will be sent, too")
    elif campaign.status == "paused":
        notes.append("the campaign stays paused until it is resumed")
    return Plan(
        title=f"retry failed rows of {campaign}",
        steps=steps,
        notes=notes,
        samples=survey.samples,
        next_command=after_retry(survey.campaign),
    )


async def carry_out(store: Store, survey: RetrySurvey) -> Retried:
    """Makes the chosen rows ready, step by step, code by code.

    No row when somebody else was quicker. What a `Problem` leaves half done is in its message.
    """
    done, who = Retried(), actor()
    with done.said_by_problems("are ready again"):
        for failure in survey.chosen:
            after: str | None = None
            while True:
                # Over id: a row that fails once more meanwhile is not taken a second time.
                answer = await FailedRows(store).retry(
                    survey.campaign.id, failure.code, who, after=after
                )
                done.rows += answer["rows"]
                done.reopened = done.reopened or answer["reopened"]
                after = answer["last"]
                if after is None:
                    break
    if done.rows:
        done.next_command = after_retry(await campaign_state(store, survey.campaign))
    return done


def _label(failure: Failure) -> str:
    return "without a code" if failure.code == NO_CODE else failure.entry.heading
