"""The verdicts: what each kind of evidence makes of each hypothesis."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import pytest

from wacampaign.core.investigation.collect import collect
from wacampaign.core.investigation.evidence import (
    CampaignFacts,
    Evidence,
    Groups,
    HostGroup,
    LaneOutcomes,
    Live,
    Row,
)
from wacampaign.core.investigation.hypotheses import HYPOTHESES, cause_of, judge
from wacampaign.core.investigation.media_hypotheses import (
    APPROVED_MEDIA,
    OTHER_NUMBER,
    SAME_PAYLOAD,
)
from wacampaign.core.investigation.model import Hypothesis, Likelihood, Probe
from wacampaign.core.investigation.options import options_for
from wacampaign.core.media.report import MediaFinding, MediaReport, Severity, Where
from wacampaign.core.numbers import Health, HealthEntity, HealthError, KnownNumber, Number
from wacampaign.core.templates import KnownTemplate, Template

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
    #: Phones of the first failed rows; the others have a good one.
    phones: Sequence[str] = ()
    code: int = 135000
    live: Live | None = None
    media: tuple[MediaReport, ...] = ()
    components: Any = VIDEO
    status: str = "APPROVED"

    def _campaign(self, id_: str, number: str, sent: int, failed: int) -> CampaignFacts:
        name = f"t{id_[-1]}"
        lane = LaneOutcomes(number, name, sent + failed, sent, failed, failed)
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
        return Groups(self.failed, self.sent, hosts, (), (), (), at, at, None, None)

    def _rows(self, payloads: Sequence[Any], phones: Sequence[str] = ()) -> list[Row]:
        given = [*phones, *["447700900123"] * (len(payloads) - len(phones))]
        return [
            Row(str(i), "n2", "t2", phone, payload, None, None)
            for i, (phone, payload) in enumerate(zip(given, payloads, strict=True))
        ]

    async def failed_rows(self, *_: Any, **__: Any) -> list[Row]:
        return self._rows(self.payloads, self.phones)

    async def sent_rows(self, *_: Any, **__: Any) -> list[Row]:
        return self._rows(self.sent_payloads)

    async def numbers(self) -> list[KnownNumber]:
        return [
            KnownNumber(
                id=f"n{i}",
                phone_number_id=f"10{i}",
                waba_id="1",
                digits="",
                display_name=f"number {i}",
                is_active=True,
                rate_configured=80,
                rate_now=80,
            )
            for i in (1, 2)
        ]

    def template(self, i: int) -> KnownTemplate:
        return KnownTemplate(
            id="7",
            name=f"t{i}",
            language="en",
            status=self.status,
            category="MARKETING",
            components=self.components,
            parameter_format=None,
            number_id=f"n{i}",
            last_synced="today",
        )

    async def templates(self, *_: Any) -> list[KnownTemplate]:
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
                templates["n2", one.name] = one
            found = replace(found, live={"n2": self.live}, offline=None, templates=templates)
        if self.media:
            found = replace(found, media=self.media)
        return found


def at_meta(known: KnownTemplate) -> Template:
    """The same, as Meta describes it."""
    return Template(**{one.name: getattr(known, one.name) for one in fields(Template)})


def entity(type_: str, state: str, *reasons: str) -> HealthEntity:
    return HealthEntity(type_, state, tuple(map(HealthError, reasons)))


def verdicts(evidence: Evidence) -> dict[str, Likelihood]:
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
    assert verdicts(found)["media_host_differs"] is Likelihood.CONFIRMED
    assert verdicts(found)["number_specific"] is Likelihood.LIKELY
    assert cause_of(judge(found)) == "media_host_differs"
    assert [o.id for o in options_for(found, "media_host_differs")] == [
        *("A", "A2", "C", "B", "B2", "D")
    ]


RAW = "whatsapp:+447700900123"


@pytest.mark.parametrize(
    ("phones", "letters", "command"),
    [
        ([RAW] * 20, ["B"], "retry-failed"),
        (["00447700900123"] * 19 + ["447700900123.0"], ["B"], "retry-failed"),
        (["nobody"] * 20, ["B"], "failures"),
        ([RAW] * 19 + ["nobody"], ["B", "B2"], "retry-failed"),
    ],
)
def test_a_recipient_in_a_wrong_form_is_the_cause(
    phones: list[str], letters: list[str], command: str
) -> None:
    """The media was advised, though each row had a phone that Meta does not read."""
    found = World(code=131009, phones=phones).evidence()
    judged = {one.id: one for one in judge(found)}
    assert judged["variables_illegal"].verdict is Likelihood.CONFIRMED
    assert "20 of 20 failed rows are written in a form" in judged["variables_illegal"].evidence[0]
    assert "7700900123" not in str(judged["variables_illegal"].evidence)
    cause = cause_of(judge(found))
    assert cause == "variables_illegal"
    options = options_for(found, cause)
    assert [option.id for option in options] == letters
    assert f"wacampaign {command} c2 --code 131009" in options[0].command


def test_some_wrong_phones_explain_their_own_rows_only() -> None:
    few = World(code=131009, phones=[RAW] * 3).evidence()
    assert verdicts(few)["variables_illegal"] is Likelihood.UNLIKELY
    most = World(code=131009, phones=[RAW] * 15).evidence()
    assert verdicts(most)["variables_illegal"] is Likelihood.LIKELY


def test_phones_that_meta_reads_are_no_cause() -> None:
    good = World(code=131009, phones=["+44 (7700) 900-123"] * 20).evidence()
    assert good.recipients.wrong == 0
    # 135000 comes of something else: what a worker sends was read before.
    assert verdicts(World(phones=[RAW] * 20).evidence())["media_host_differs"] is (
        Likelihood.CONFIRMED
    )


def test_the_template_is_copied_and_the_rows_move() -> None:
    found = World().evidence()
    copy, move = (o.command for o in options_for(found, "media_host_differs") if o.id[0] == "B")
    name = found.lanes[0].template
    assert copy.startswith(f"wacampaign templates copy {name} {name}_2 --number ")
    assert copy.endswith(" --wait")
    assert move == f"wacampaign fix-media {found.campaign.short_id} --template {name}_2"
    # A copy that is there already, and a template that is to be mended first.
    key = (found.lanes[0].number, f"{name}_2")
    taken = replace(found, templates={**found.templates, key: found.failing_templates()[0]})
    ids = {o.id: o.command for o in options_for(taken, "template_status") if o.id[0] == "B"}
    assert list(ids) == ["B", "B2", "B3"]
    assert ids["B"].startswith("wacampaign templates sync")
    assert f"{name} {name}_3 " in ids["B2"]
    # The rows' own variables are at fault: a copy would not help.
    assert [o.id for o in options_for(found, "variables_illegal")] == ["B"]


def test_another_number_is_advised_in_the_rows_language_only() -> None:
    found = World().evidence()
    mine = found.failing_templates()[0]
    for language, advised in ((mine.language, True), ("ar", False)):
        templates = {**found.templates, ("n1", mine.name): replace(mine, language=language)}
        (option,) = (
            o for o in options_for(replace(found, templates=templates), None) if o.id == "C"
        )
        assert option.command.startswith("wacampaign fix-media") is advised, option


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        # The same host works for the same number and template.
        (World(own_hosts=(HostGroup("n2", "t2", BAD, 20, 3),), sent=3), Likelihood.RULED_OUT),
        # It is the approved sample's.
        (World(own_hosts=(HostGroup("n2", "t2", GOOD, 20, 0),)), Likelihood.RULED_OUT),
        # The healthy campaign has its media there, too.
        (World(healthy_hosts=(HostGroup("n1", "t1", BAD, 0, 30),)), Likelihood.UNLIKELY),
        # Nothing to compare with but the sample.
        (World(with_healthy=False), Likelihood.LIKELY),
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
            Likelihood.CONFIRMED,
        ),
        (World(own_hosts=(HostGroup("n2", "t2", "media id", 20, 0),)), Likelihood.RULED_OUT),
        (World(components=({"type": "BODY", "text": "Hello {{1}}"},)), Likelihood.RULED_OUT),
    ],
)
def test_media_host(world: World, expected: Likelihood) -> None:
    assert verdicts(world.evidence())["media_host_differs"] is expected


def test_probes_outweigh_comparisons() -> None:
    base = World().evidence()
    refused, approved = probe(SAME_PAYLOAD, False), probe(APPROVED_MEDIA, True)
    found = verdicts(replace(base, probes=(refused, approved)))
    assert found["media_host_differs"] is Likelihood.CONFIRMED
    assert found["number_specific"] is Likelihood.RULED_OUT
    found = verdicts(
        replace(base, probes=(refused, probe(APPROVED_MEDIA, False), probe(OTHER_NUMBER, True)))
    )
    assert found["media_host_differs"] is Likelihood.UNLIKELY
    assert found["number_specific"] is Likelihood.CONFIRMED
    # This number with this medium: both are named, and the medium is what can be changed.
    both = judge(replace(base, probes=(refused, approved, probe(OTHER_NUMBER, True))))
    found = {one.id: one for one in both}
    assert found["media_host_differs"].verdict is Likelihood.CONFIRMED
    assert found["number_specific"].verdict is Likelihood.CONFIRMED
    assert "not the number alone" in found["number_specific"].evidence[-1]
    assert cause_of(both) == "media_host_differs"
    gone = judge(replace(base, probes=(probe(SAME_PAYLOAD, True),)))
    assert cause_of(gone) is None


def test_a_number_that_sends_elsewhere_is_not_the_cause() -> None:
    found = verdicts(World(healthy_number="n2").evidence())
    assert found["number_specific"] is Likelihood.UNLIKELY
    assert verdicts(World(sent=3).evidence())["number_specific"] is Likelihood.RULED_OUT
    assert (
        verdicts(World(with_healthy=False).evidence())["number_specific"] is Likelihood.NOT_CHECKED
    )


@pytest.mark.parametrize(
    ("payloads", "sent", "name", "expected"),
    [
        ([{"var1": ROW["var1"]}] * 20, (), "template_mismatch", Likelihood.CONFIRMED),
        ([{"var1": ROW["var1"]}] * 20, [{"var1": "x"}], "template_mismatch", Likelihood.UNLIKELY),
        ([{"var1": ROW["var1"]}] * 15 + [ROW] * 5, (), "template_mismatch", Likelihood.LIKELY),
        ([{"var1": ROW["var1"]}] * 5 + [ROW] * 15, (), "template_mismatch", Likelihood.UNLIKELY),
        ([ROW | {"var2": "a\nb"}] * 20, (), "variables_illegal", Likelihood.CONFIRMED),
        ([ROW] * 20, (), "variables_illegal", Likelihood.RULED_OUT),
    ],
)
def test_payload(payloads: Any, sent: Any, name: str, expected: Likelihood) -> None:
    found = World(payloads=payloads, sent_payloads=sent).evidence()
    assert verdicts(found)[name] is expected


def test_what_meta_says_of_account_and_template() -> None:
    connected = Number(status="CONNECTED")
    fine = Live(connected, {"number": Health("AVAILABLE")})
    assert verdicts(World(live=fine).evidence())["account_restricted"] is Likelihood.UNLIKELY
    blocked = Health("BLOCKED", (entity("WABA", "BLOCKED", "banned"),))
    found = World(live=Live(connected, {"account": blocked})).evidence()
    assert verdicts(found)["account_restricted"] is Likelihood.CONFIRMED
    assert cause_of(judge(found)) == "account_restricted"
    assert "banned" in options_for(found, "account_restricted")[0].why
    # A blocked template is no blocked account, though the number's chain is as bad.
    links = entity("PHONE_NUMBER", "AVAILABLE"), entity("MESSAGE_TEMPLATE", "BLOCKED")
    chain = Health("BLOCKED", links)
    found = World(live=Live(connected, {"number": chain})).evidence()
    assert verdicts(found)["account_restricted"] is Likelihood.UNLIKELY
    limited = Health("LIMITED", (entity("WABA", "LIMITED", "unpaid"),))
    found = World(live=Live(connected, {"account": limited})).evidence()
    assert verdicts(found)["account_restricted"] is Likelihood.LIKELY
    away = Live(failures=("the Cloud API cannot be reached",))
    assert verdicts(World(live=away).evidence())["account_restricted"] is Likelihood.NOT_CHECKED

    world = World()
    for status, expected in (("APPROVED", Likelihood.RULED_OUT), ("PAUSED", Likelihood.CONFIRMED)):
        world.live = Live(templates=(at_meta(replace(world.template(2), status=status)),))
        assert verdicts(world.evidence())["template_status"] is expected
    world.live = Live(templates=())
    assert verdicts(world.evidence())["template_status"] is Likelihood.CONFIRMED
    assert verdicts(World().evidence())["template_status"] is Likelihood.UNLIKELY
    assert verdicts(World(status="PAUSED").evidence())["template_status"] is Likelihood.LIKELY


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
        ([("reachable", Severity.OK)], "media_unreachable", Likelihood.RULED_OUT),
        ([("reachable", Severity.OK)], "media_expired", Likelihood.RULED_OUT),
        ([("http_status", Severity.FAIL)], "media_unreachable", Likelihood.LIKELY),
        # It may be this machine that has no way out.
        ([("name_unknown", Severity.FAIL)], "media_unreachable", Likelihood.NOT_CHECKED),
        ([("video_codec", Severity.FAIL)], "media_invalid", Likelihood.CONFIRMED),
        ([("video_sound", Severity.OK)], "media_invalid", Likelihood.RULED_OUT),
        ([("expired", Severity.FAIL)], "media_expired", Likelihood.CONFIRMED),
        ([("expires_soon", Severity.WARN)], "media_expired", Likelihood.UNLIKELY),
    ],
)
def test_what_the_validator_says(codes: Any, name: str, expected: Likelihood) -> None:
    assert verdicts(World(media=report(*codes)).evidence())[name] is expected


def test_the_cause_is_what_stands_out() -> None:
    def made(**given: Likelihood) -> list[Hypothesis]:
        return [Hypothesis(n, given.get(n, Likelihood.UNLIKELY), ("x",)) for n in HYPOTHESES]

    likely, confirmed = Likelihood.LIKELY, Likelihood.CONFIRMED
    assert cause_of(made()) is None
    assert cause_of(made(number_specific=likely)) == "number_specific"
    assert cause_of(made(number_specific=likely, media_host_differs=likely)) == "media_host_differs"
    assert cause_of(made(template_mismatch=likely, media_host_differs=likely)) is None
    assert cause_of(made(template_mismatch=likely, number_specific=confirmed)) == "number_specific"
