"""The verdicts: what each kind of evidence makes of each hypothesis."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from wacampaign.core.header_media.report import MediaFinding, MediaReport, Severity, Where
from wacampaign.core.investigation.collect import collect
from wacampaign.core.investigation.evidence import (
    CampaignFacts,
    Evidence,
    Groups,
    Health,
    HostGroup,
    Lane,
    Live,
    NumberFacts,
    Row,
    TemplateFacts,
)
from wacampaign.core.investigation.hypotheses import cause_of, judge
from wacampaign.core.investigation.media_hypotheses import (
    APPROVED_MEDIA,
    OTHER_NUMBER,
    SAME_PAYLOAD,
)
from wacampaign.core.investigation.model import HYPOTHESES, Hypothesis, Probe, Verdict
from wacampaign.core.investigation.options import options_for

BAD, GOOD = "files.example.com", "scontent.whatsapp.net"
SAMPLE = f"https://{GOOD}/film.mp4"
VIDEO = (
    {"type": "HEADER", "format": "VIDEO", "example": {"header_handle": [SAMPLE]}},
    {"type": "BODY", "text": "Hello {{1}}"},
)
ROW = {"var1": f"https://{BAD}/film.mp4", "var2": "Asha"}


@dataclass
class World:
    """A failing campaign on number `n2` and a healthy one on `n1`, changed by each test."""

    failed: int = 20
    sent: int = 0
    own_hosts: tuple[HostGroup, ...] = (HostGroup("n2", "t2", BAD, 20, 0),)
    healthy_hosts: tuple[HostGroup, ...] = (HostGroup("n1", "t1", GOOD, 0, 30),)
    healthy_number: str = "n1"
    with_healthy: bool = True
    payloads: Sequence[Any] = field(default_factory=lambda: [ROW] * 20)
    sent_payloads: Sequence[Any] = ()
    code: int = 135000
    live: Live | None = None
    media: tuple[MediaReport, ...] = ()
    components: Any = VIDEO
    status: str = "APPROVED"

    def _campaign(self, id_: str, number: str, sent: int, failed: int) -> CampaignFacts:
        name = f"t{id_[-1]}"
        lane = Lane(number, name, sent + failed, sent, failed, failed)
        at = "2025-11-10T12:35:00Z"
        return CampaignFacts(id_, id_, "completed", number, (name,), 30, at, at, (lane,))

    async def campaigns(self, *_: Any) -> list[CampaignFacts]:
        found = [self._campaign("c2", "n2", self.sent, self.failed)]
        if self.with_healthy:
            found.append(self._campaign("c1", self.healthy_number, 30, 0))
        return found

    async def groups(self, campaign_id: str, *_: Any) -> Groups:
        hosts = self.own_hosts if campaign_id == "c2" else self.healthy_hosts
        at = "2025-11-10T15:46:00Z"
        return Groups(self.failed, self.sent, 0, hosts, (), 0, (), (), at, at, None, None)

    def _rows(self, payloads: Sequence[Any]) -> list[Row]:
        return [Row(str(i), "n2", "t2", "9990", p, None, None) for i, p in enumerate(payloads)]

    async def failed_rows(self, *_: Any, **__: Any) -> list[Row]:
        return self._rows(self.payloads)

    async def sent_rows(self, *_: Any, **__: Any) -> list[Row]:
        return self._rows(self.sent_payloads)

    async def numbers(self) -> list[NumberFacts]:
        return [NumberFacts(f"n{i}", f"10{i}", "1", f"number {i}", True) for i in (1, 2)]

    def template(self, i: int, **changes: Any) -> TemplateFacts:
        made = TemplateFacts(
            *(f"n{i}", "7", f"t{i}", "en", self.status, "MARKETING", None, True, "today", None),
            parameter_format=None,
            components=self.components,
        )
        return replace(made, **changes)

    async def templates(self, *_: Any) -> list[TemplateFacts]:
        return [self.template(1), self.template(2)]

    async def look(self, *_: Any) -> Live:
        assert self.live is not None
        return self.live

    async def files(self, *_: Any) -> tuple[list[MediaReport], str | None]:
        return list(self.media), None

    def evidence(self) -> Evidence:
        found = asyncio.run(collect(self, "c2", self.code))
        if self.live is not None:
            templates = dict(found.templates)
            for one in self.live.templates or ():
                templates[one.number, one.name] = one
            found = replace(found, live={"n2": self.live}, offline=None, templates=templates)
        if self.media:
            found = replace(found, media=self.media)
        return found


def verdicts(evidence: Evidence) -> dict[str, Verdict]:
    found = judge(evidence)
    assert [one.id for one in found] == list(HYPOTHESES)
    assert all(one.evidence and all(one.evidence) for one in found), found
    return {one.id: one.verdict for one in found}


def probe(title: str, accepted: bool) -> Probe:
    return Probe(title, "102", "t2", None, accepted, "accepted" if accepted else "135000")


@pytest.mark.parametrize("unanswered", ["in doubt", "not sent"])
def test_a_probe_without_an_answer_of_metas_proves_nothing(unanswered: str) -> None:
    """A gateway's 404 was evidence that the payload itself is refused."""
    base = World().evidence()
    silent = replace(probe(SAME_PAYLOAD, False), unanswered=unanswered)
    beside = [probe(OTHER_NUMBER, True)]
    assert judge(replace(base, probes=(silent, *beside))) == judge(
        replace(base, probes=tuple(beside))
    )
    assert silent.result == unanswered


def test_the_night() -> None:
    found = World().evidence()
    assert verdicts(found)["media_host_differs"] is Verdict.CONFIRMED
    assert verdicts(found)["number_specific"] is Verdict.LIKELY
    assert cause_of(judge(found)) == "media_host_differs"
    assert [o.id for o in options_for(found, "media_host_differs")] == ["A", "A2", "C", "B", "D"]


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        # The same host works for the same number and template.
        (World(own_hosts=(HostGroup("n2", "t2", BAD, 20, 3),), sent=3), Verdict.RULED_OUT),
        # It is the approved sample's.
        (World(own_hosts=(HostGroup("n2", "t2", GOOD, 20, 0),)), Verdict.RULED_OUT),
        # The healthy campaign has its media there, too.
        (World(healthy_hosts=(HostGroup("n1", "t1", BAD, 0, 30),)), Verdict.UNLIKELY),
        # Nothing to compare with but the sample.
        (World(with_healthy=False), Verdict.LIKELY),
        # Rows of the same lane with an uploaded file were accepted.
        (
            World(
                own_hosts=(
                    HostGroup("n2", "t2", BAD, 20, 0),
                    HostGroup("n2", "t2", "media id", 0, 2),
                ),
                with_healthy=False,
                sent=2,
            ),
            Verdict.CONFIRMED,
        ),
        (World(own_hosts=(HostGroup("n2", "t2", "media id", 20, 0),)), Verdict.RULED_OUT),
        (World(components=({"type": "BODY", "text": "Hello {{1}}"},)), Verdict.RULED_OUT),
    ],
)
def test_media_host(world: World, expected: Verdict) -> None:
    assert verdicts(world.evidence())["media_host_differs"] is expected


def test_probes_outweigh_comparisons() -> None:
    base = World().evidence()
    refused, approved = probe(SAME_PAYLOAD, False), probe(APPROVED_MEDIA, True)
    found = verdicts(replace(base, probes=(refused, approved)))
    assert found["media_host_differs"] is Verdict.CONFIRMED
    assert found["number_specific"] is Verdict.RULED_OUT
    found = verdicts(
        replace(base, probes=(refused, probe(APPROVED_MEDIA, False), probe(OTHER_NUMBER, True)))
    )
    assert found["media_host_differs"] is Verdict.UNLIKELY
    assert found["number_specific"] is Verdict.CONFIRMED
    # This number with this medium: both are named, and the medium is what can be changed.
    both = judge(replace(base, probes=(refused, approved, probe(OTHER_NUMBER, True))))
    found = {one.id: one for one in both}
    assert found["media_host_differs"].verdict is Verdict.CONFIRMED
    assert found["number_specific"].verdict is Verdict.CONFIRMED
    assert "not the number alone" in found["number_specific"].evidence[-1]
    assert cause_of(both) == "media_host_differs"
    gone = judge(replace(base, probes=(probe(SAME_PAYLOAD, True),)))
    assert cause_of(gone) is None


def test_a_number_that_sends_elsewhere_is_not_the_cause() -> None:
    found = verdicts(World(healthy_number="n2").evidence())
    assert found["number_specific"] is Verdict.UNLIKELY
    assert verdicts(World(sent=3).evidence())["number_specific"] is Verdict.RULED_OUT
    assert verdicts(World(with_healthy=False).evidence())["number_specific"] is Verdict.NOT_CHECKED


@pytest.mark.parametrize(
    ("payloads", "sent", "name", "expected"),
    [
        ([{"var1": ROW["var1"]}] * 20, (), "template_mismatch", Verdict.CONFIRMED),
        ([{"var1": ROW["var1"]}] * 20, [{"var1": "x"}], "template_mismatch", Verdict.UNLIKELY),
        ([{"var1": ROW["var1"]}] * 15 + [ROW] * 5, (), "template_mismatch", Verdict.LIKELY),
        ([{"var1": ROW["var1"]}] * 5 + [ROW] * 15, (), "template_mismatch", Verdict.UNLIKELY),
        ([ROW | {"var2": "a\nb"}] * 20, (), "variables_illegal", Verdict.CONFIRMED),
        ([ROW] * 20, (), "variables_illegal", Verdict.RULED_OUT),
    ],
)
def test_payload(payloads: Any, sent: Any, name: str, expected: Verdict) -> None:
    found = World(payloads=payloads, sent_payloads=sent).evidence()
    assert verdicts(found)[name] is expected


def test_what_meta_says_of_account_and_template() -> None:
    fine = Live(status="CONNECTED", health={"number": Health("AVAILABLE")})
    assert verdicts(World(live=fine).evidence())["account_restricted"] is Verdict.UNLIKELY
    blocked = Health("BLOCKED", ("WABA: banned",), (("WABA", "BLOCKED"),))
    found = World(live=Live(status="CONNECTED", health={"account": blocked})).evidence()
    assert verdicts(found)["account_restricted"] is Verdict.CONFIRMED
    assert cause_of(judge(found)) == "account_restricted"
    assert "banned" in options_for(found, "account_restricted")[0].why
    # A blocked template is no blocked account, though the number's chain is as bad.
    chain = Health("BLOCKED", (), (("PHONE_NUMBER", "AVAILABLE"), ("MESSAGE_TEMPLATE", "BLOCKED")))
    found = World(live=Live(status="CONNECTED", health={"number": chain})).evidence()
    assert verdicts(found)["account_restricted"] is Verdict.UNLIKELY
    limited = Health("LIMITED", ("WABA: unpaid",))
    found = World(live=Live(status="CONNECTED", health={"account": limited})).evidence()
    assert verdicts(found)["account_restricted"] is Verdict.LIKELY
    away = Live(failures=("the Cloud API cannot be reached",))
    assert verdicts(World(live=away).evidence())["account_restricted"] is Verdict.NOT_CHECKED

    world = World()
    for status, expected in (("APPROVED", Verdict.RULED_OUT), ("PAUSED", Verdict.CONFIRMED)):
        world.live = Live(templates=(world.template(2, status=status, live=True),))
        assert verdicts(world.evidence())["template_status"] is expected
    world.live = Live(templates=())
    assert verdicts(world.evidence())["template_status"] is Verdict.CONFIRMED
    assert verdicts(World().evidence())["template_status"] is Verdict.UNLIKELY
    assert verdicts(World(status="PAUSED").evidence())["template_status"] is Verdict.LIKELY


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (131031, "account_restricted"),
        (132015, "template_status"),
        (132000, "template_mismatch"),
        (132018, "variables_illegal"),
        (131053, "media_unreachable"),
    ],
)
def test_codes_that_say_their_cause_themselves(code: int, name: str) -> None:
    assert cause_of(judge(World(code=code).evidence())) == name


def report(*codes: tuple[str, Severity]) -> tuple[MediaReport, ...]:
    findings = tuple(MediaFinding(c, severity, "text.", "seen", "source") for c, severity in codes)
    return (MediaReport(ROW["var1"], Where.URL, findings, host=BAD),)


@pytest.mark.parametrize(
    ("codes", "name", "expected"),
    [
        ([("reachable", Severity.OK)], "media_unreachable", Verdict.RULED_OUT),
        ([("reachable", Severity.OK)], "media_expired", Verdict.RULED_OUT),
        ([("http_status", Severity.FAIL)], "media_unreachable", Verdict.LIKELY),
        # It may be this machine that has no way out.
        ([("name_unknown", Severity.FAIL)], "media_unreachable", Verdict.NOT_CHECKED),
        ([("video_codec", Severity.FAIL)], "media_invalid", Verdict.CONFIRMED),
        ([("video_sound", Severity.OK)], "media_invalid", Verdict.RULED_OUT),
        ([("expired", Severity.FAIL)], "media_expired", Verdict.CONFIRMED),
        ([("expires_soon", Severity.WARN)], "media_expired", Verdict.UNLIKELY),
    ],
)
def test_what_the_validator_says(codes: Any, name: str, expected: Verdict) -> None:
    assert verdicts(World(media=report(*codes)).evidence())[name] is expected


def test_the_cause_is_what_stands_out() -> None:
    def made(**given: Verdict) -> list[Hypothesis]:
        return [Hypothesis(n, given.get(n, Verdict.UNLIKELY), ("x",)) for n in HYPOTHESES]

    likely, confirmed = Verdict.LIKELY, Verdict.CONFIRMED
    assert cause_of(made()) is None
    assert cause_of(made(number_specific=likely)) == "number_specific"
    assert cause_of(made(number_specific=likely, media_host_differs=likely)) == "media_host_differs"
    assert cause_of(made(template_mismatch=likely, media_host_differs=likely)) is None
    assert cause_of(made(template_mismatch=likely, number_specific=confirmed)) == "number_specific"
