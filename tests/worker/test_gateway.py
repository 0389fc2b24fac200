"""A gateway between this machine and Meta takes the message on, and answers in Meta's place."""

from __future__ import annotations

from tests.servers import wait_until
from tests.worker.rig import Rig

ROWS = 600
#: HTTP statuses and words, each for one message in a hundred.
ANSWERS = [
    *((502, "html"), (503, "json"), (504, "graph"), (429, "html"), (404, "json"), (401, "html")),
]


def test_answers_of_a_gateway_send_nothing_twice(rig: Rig) -> None:
    """Each of these was taken for a refusal, and the row sent again."""
    number = rig.number("874163789109558", rate=500)
    campaign = rig.campaign(number, ROWS)
    control = rig.sandbox.control
    # The first faults are counted past: a run begins with one message, then four.
    for n, (status, wording) in enumerate(ANSWERS):
        control.add_fault(
            "gateway", status=status, wording=wording, probability=0.01, seed=n, times=5
        )
    worker = rig.start_worker()
    rig.wait_sent_or_in_doubt(campaign, ROWS, 90)
    worker.terminate()
    assert rig.finished(worker) == 0
    counts = rig.stats(campaign)["counts"]
    totals = control.totals()
    assert totals["answers_dropped"] > 5
    assert counts["in_doubt"] == totals["answers_dropped"]
    assert totals["repeated_recipients"] == 0
    assert control.repeated("callback_data") == []
    assert totals["accepted"] == ROWS
    assert (counts["failed"], rig.audit(campaign)["duplicates"]) == (0, 0)


def test_a_wrong_address_costs_a_few_doubts(rig: Rig) -> None:
    """Every answer is somebody else's 404: the number waits for a person, and says for what."""
    number = rig.number("874163789109558", rate=500)
    campaign = rig.campaign(number, ROWS)
    rig.sandbox.control.add_fault("gateway", status=404)
    worker = rig.start_worker()
    wait_until(lambda: rig.stats(campaign)["status"] == "paused", 60, "the campaign is paused")
    worker.terminate()
    assert rig.finished(worker) == 0
    stats = rig.stats(campaign)
    assert stats["counts"]["in_doubt"] == 5
    assert stats["counts"]["ready"] == ROWS - 5
    assert stats["pause_reason"].startswith("HTTP 404 that is not certainly Meta's")
    assert "check WHATSAPP_API_URL" in stats["pause_reason"]
    assert f"wacampaign resume {campaign[:8]}" in stats["pause_reason"]
