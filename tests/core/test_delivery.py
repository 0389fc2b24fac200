"""What became of accepted messages: figures that add up, and what is worth a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from tests.campaigns import RUNNING, campaign_at
from wacampaign.core.campaign.delivery import Delivery, read_delivery, share, silence
from wacampaign.core.campaign.finding import Finding, FindingKind
from wacampaign.core.campaign.findings import findings_of
from wacampaign.core.errors import explain

DELIVERY: dict[str, Any] = {
    "known": True, "delivered": 9_600, "read": 4_100, "undelivered": 210, "held": 0, "silent": 190,
    "replied": 35, "errors": [], "lag": {"p50_seconds": 2.1, "p95_seconds": 31.0},
    "contradicted": 0, "waiting": 0, "passed_on": 100, "late": 40,
}  # fmt: skip


def found(kind: FindingKind, holds: Any = (), **delivery: Any) -> list[Finding]:
    counts = RUNNING["counts"] | {"sent": 10_000}
    number = {"display_name": None, "phone_number_id": None}
    campaign = campaign_at(
        counts=counts, delivery=DELIVERY | delivery, holds=list(holds), number=number
    )
    return [finding for finding in findings_of(campaign) if finding.kind is kind]


def error(code: int, count: int, title: str = "told by Meta") -> dict[str, Any]:
    return {"code": code, "title": title, "count": count}


@pytest.mark.parametrize(
    ("n", "of", "shown"),
    [
        (0, 0, "0.0 %"),
        (0, 10, "0.0 %"),
        (1, 1_000_000, "under 0.1 %"),
        (90, 10_000, "0.9 %"),
        (999_999, 1_000_000, "99.9 %"),
        (7, 7, "100.0 %"),
    ],
)
def test_a_share_is_nothing_or_all_only_when_it_is(n: int, of: int, shown: str) -> None:
    assert share(n, of) == shown


def test_of_a_database_that_knows_of_no_statuses() -> None:
    delivery = read_delivery(None, 100)
    assert delivery == Delivery(False, 0, 0, 0, 0, silent=100, replied=0)
    assert delivery.accepted == 100
    assert "no status was ever received" in silence(delivery)


def test_the_silent_ones_are_told_apart() -> None:
    assert silence(read_delivery(DELIVERY, 10_000)) == (
        "100 on the way to the phone, 90 without any status yet"
    )


def test_a_title_of_meta_stands_where_our_table_has_none() -> None:
    given = DELIVERY | {"errors": [error(131049, 3), error(987654, 2)]}
    assert [one.title for one in read_delivery(given, 10_000).errors] == [
        "Not delivered to maintain healthy engagement",
        "told by Meta",
    ]


def test_what_a_person_can_put_right_is_red_from_the_first() -> None:
    (finding,) = found(FindingKind.UNDELIVERED, errors=[error(131053, 1)])
    assert finding.severity == "red"
    assert finding.text == (
        "1 of 10,000 accepted failed afterwards (under 0.1 %): 131053 Media upload error"
    )
    assert finding.command == "wacampaign failures c --code 131053"


def test_recipients_own_errors_are_told_in_unusual_share_only() -> None:
    assert found(FindingKind.UNDELIVERED_MANY, errors=[error(131049, 499)]) == []
    (finding,) = found(FindingKind.UNDELIVERED_MANY, errors=[error(131049, 500)])
    assert (finding.severity, finding.subject) == ("yellow", "131049")
    assert "(5.0 %)" in finding.text
    # Of fewer than a hundred a share says nothing.
    few = {"delivered": 0, "silent": 0, "undelivered": 90}
    assert found(FindingKind.UNDELIVERED_MANY, errors=[error(131026, 90)], **few) == []


def test_a_hold_for_it_tells_of_both_kinds_once() -> None:
    hold = {
        "code": 131053, "scope": "template", "until": None, "template": "hello",
        "reason": explain(131053, "c"),
    }  # fmt: skip
    assert found(FindingKind.UNDELIVERED, [hold], errors=[error(131053, 5)]) == []
    (finding,) = found(FindingKind.HELD, [hold], errors=[error(131053, 5)])
    assert finding.text.endswith("5 rows accepted and failed afterwards")


def test_silence_that_lasts_is_told_and_where_to_look() -> None:
    assert found(FindingKind.SILENT, late=499) == []
    (finding,) = found(FindingKind.SILENT, late=500)
    assert finding.text == (
        "500 of 10,000 accepted (5.0 %) without any status after 10 minutes: statuses do not arrive"
    )
    assert finding.severity == "yellow"
    # Where none was ever received it is no change: the figures themselves say so.
    assert found(FindingKind.SILENT, late=10_000, known=False) == []


def test_what_meta_holds_is_told() -> None:
    (finding,) = found(FindingKind.HELD_BY_META, held=3)
    assert "3 rows held by Meta" in finding.text
