"""The night of 10 November 2025 as an investigation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from wacampaign.core.campaign.counts import Counts
from wacampaign.core.campaign.delivery import read_delivery
from wacampaign.core.campaign.error_counts import ErrorCount
from wacampaign.core.campaign.number import CampaignNumber
from wacampaign.core.campaign.state import Campaign
from wacampaign.core.investigation.hypotheses import HYPOTHESES
from wacampaign.core.investigation.model import (
    Beside,
    Fact,
    Group,
    Hypothesis,
    Investigation,
    Likelihood,
    Moment,
    Option,
    Pace,
    Probe,
    Sample,
)

ID: Final = "5a5c39a6-d038-47c5-8c6c-421a7c1afdf3"
BAD_URL: Final = (
    "https://botspace-uploads.s3.eu-west-1.amazonaws.com/67568b9a6ef2fcdf13332d26/uploads/"
    "1a40c955-5883-4ec6-8f6f-5d604126d4ff.mp4"
)
GOOD_URL: Final = (
    "https://scontent.whatsapp.net/v/t61.29466-34/"
    "546242654_2338122079965638_4231095002262918514_n.mp4"
)
NUMBER: Final = "875062729021816"
FIX: Final = f"wacampaign fix-media {ID}"
REFUSED: Final = "(#135000) Generic user error"


EMPTY: Final = Campaign(
    id=ID,
    name="",
    status="",
    pause_reason=None,
    total_contacts=0,
    counts=Counts(*[0] * 7),
    oldest_ready_seconds=None,
    rate_per_second=0.0,
    errors=(),
    delivery=read_delivery(None, 0),
    templates=(),
    number=CampaignNumber(),
    holds=(),
    never_enqueued=0,
    deleted=0,
    guarded=True,
    others=(),
    next_retry_at=None,
    retry_far_away=False,
    start_time=None,
    end_time=None,
    scheduled_start_time=None,
    live_workers=0,
    at="2026-11-23T23:40:00Z",
)


def _payload(url: str) -> dict[str, Any]:
    header = {"type": "header", "parameters": [{"type": "video", "video": {"link": url}}]}
    body = {"type": "body", "parameters": [{"type": "text", "text": "Asha <3 | `offer`"}]}
    return {
        "to": "+447700900123",
        "template": {"name": "10_nov_2025_temp_bajaj1", "components": [header, body]},
    }


def _hypothesis(id_: str) -> Hypothesis:
    if id_ == "media_host_differs":
        return Hypothesis(
            id_,
            Likelihood.CONFIRMED,
            (
                "Every failed row has its header video on"
                " botspace-uploads.s3.eu-west-1.amazonaws.com; Meta approved the template with one"
                " on scontent.whatsapp.net.",
                "The failed payload with the approved media was accepted.",
            ),
        )
    if id_ == "media_expired":
        return Hypothesis(id_, Likelihood.NOT_CHECKED, ("No row has a media id.",))
    if id_ == "number_specific":
        return Hypothesis(id_, Likelihood.UNLIKELY, ("The test message went out by it.",))
    return Hypothesis(id_, Likelihood.RULED_OUT, (f"Looked up: {id_} is in order.",))


NIGHT: Final = Investigation(
    at="2025-11-10T15:52:30Z",
    code=135000,
    code_title="Generic user error",
    campaign=replace(
        EMPTY,
        name="Bajaj_market_2",
        status="paused",
        pause_reason="#135000 after 20 of 20 messages",
        total_contacts=2_093,
        counts=replace(EMPTY.counts, failed=2_093),
        errors=(ErrorCount(135000, "Generic user error", 2_093),),
    ),
    failed=2_093,
    hypotheses=tuple(map(_hypothesis, HYPOTHESES)),
    cause="media_host_differs",
    options=(
        Option("A", "Use the template's approved media", FIX, "Tried: the test phone got it."),
        Option("B", "A new template with the other video", "create it in WhatsApp Manager"),
        Option("C", "Another number", f"wacampaign preflight {ID}", "Costs a new approval."),
    ),
    beside=(
        Beside(
            *(ID, "Bajaj_market_2", "paused", "10_nov_2025_temp_bajaj1", NUMBER),
            *("botspace-uploads.s3.eu-west-1.amazonaws.com", 0, 2_093, 2_093),
            "2,093 of 2,093 failed with 135000",
        ),
        Beside(
            *("3d824b99-a638-4363-b720-22e476e51b6f", "Bajaj_market_1", "completed"),
            *("10_nov_2025_temp1", "874163789109558", "scontent.whatsapp.net"),
            *(2_059, 0, 2_059, "2,059 of 2,059 sent"),
        ),
        Beside(
            *("a3acad26-d1b3-4cb9-b3f6-dc086fd7c8a6", "FIN NEW DATA 7 TO 8 NOV 2025 FILE 22"),
            *("completed", "10_nov_2025_temp1", "874163789109558", None),
            *(0, 0, 10_807, "0 of 10,807 sent; 10,807 still ready"),
        ),
    ),
    groups=(
        Group("number", NUMBER, 2_093, 0),
        Group("number", "874163789109558", 0, 2_059),
        Group("media_host", "botspace-uploads.s3.eu-west-1.amazonaws.com", 2_093, 0),
        Group("media_host", "scontent.whatsapp.net", 0, 2_059),
        Group("media", BAD_URL, 2_093, 0),
        Group("country", "IN", 2_093, 2_059),
    ),
    timeline=(
        Moment("2025-11-10T12:35:00Z", "message", "Bajaj_market_1 begins to send."),
        Moment("2025-11-10T13:28:00Z", "worker", "A new version (695b36e) is deployed."),
        Moment("2025-11-10T15:03:00Z", "worker", "The process is restarted after a crash."),
        Moment("2025-11-10T15:45:00Z", "event", "FIN NEW DATA “completes” in 9 s."),
        Moment("2025-11-10T15:46:00Z", "message", "First failing message of Bajaj_market_2."),
    ),
    pace=(
        *(Pace(f"2025-11-10T12:{35 + n}:00Z", 60, 114 + n, 0, n == 9) for n in range(17)),
        *(Pace(f"2025-11-10T15:{46 + n}:00Z", 60, 0, (900, 800, 393)[n]) for n in range(3)),
    ),
    facts=(
        Fact("template", "10_nov_2025_temp_bajaj1 is APPROVED.", True, "Cloud API"),
        Fact("number", f"Number {NUMBER} is CONNECTED, quality GREEN.", True, "Cloud API"),
        Fact("media", f"{BAD_URL} answers 200, video/mp4, 112 KB.", True, "media server"),
        Fact("media", "Its host is not the one of the approved sample.", False, "database"),
        Fact("account", "Restrictions cannot be read with this token.", None, "Cloud API"),
    ),
    differences=("Header: video on another host than the template's sample.",),
    probes=(
        Probe(
            "the failed payload itself", NUMBER, "10_nov_2025_temp_bajaj1", BAD_URL, False, REFUSED
        ),
        Probe(
            "with the approved media", NUMBER, "10_nov_2025_temp_bajaj1", GOOD_URL, True, "accepted"
        ),
    ),
    samples=(
        Sample(
            "+44***0123",
            "10_nov_2025_temp_bajaj1",
            _payload(BAD_URL),
            REFUSED,
            "2025-11-10T15:46:09Z",
        ),
        Sample(
            "+44***0124", "10_nov_2025_temp1", _payload(GOOD_URL), "sent", "2025-11-10T12:36:10Z"
        ),
    ),
    contradictions=("The rejected file is sound and publicly reachable, and is refused.",),
    not_checked=("Restrictions of the account: the token may not read them.",),
)

#: A campaign without rows, of which nothing could be found out.
NOTHING_FOUND: Final = Investigation(
    at="2025-11-10T15:52:30Z",
    code=135000,
    code_title="Generic user error",
    campaign=EMPTY,
    failed=0,
    hypotheses=(),
    cause=None,
    options=(),
)


def named(name: str) -> Investigation:
    """The night with `name` wherever data may put its own text."""
    return replace(
        NIGHT,
        code_title=name,
        campaign=replace(NIGHT.campaign, name=name, pause_reason=name),
        hypotheses=(Hypothesis("media_invalid", Likelihood.LIKELY, (name,)),),
        options=(Option("A", name, name, name),),
        beside=tuple(replace(one, name=name, media_host=name) for one in NIGHT.beside),
        groups=(Group("media", name, 1, 2),),
        timeline=(Moment("2025-11-10T12:35:00Z", "event", name),),
        facts=(Fact("media", name, None, name),),
        differences=(name,),
        contradictions=(name,),
        not_checked=(name,),
        samples=(Sample("+44***0123", name, {name: [name]}, name, None),),
    )
