"""A campaign that is over, as its client is told of it, and the one before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from wacampaign.core.campaign.client_report import (
    Bin,
    ClientReport,
    Fates,
    Priced,
    ReportedCampaign,
    SampleMessage,
    TemplateFates,
    reasons,
)
from wacampaign.core.template.preview import preview

BEGAN: Final = datetime(2025, 11, 10, 12, 35, tzinfo=UTC)
COMPONENTS: Final = [
    {"type": "HEADER", "format": "VIDEO"},
    {"type": "BODY", "text": "Dear {{1}},\n\nyour loan of {{2}} is *approved*.\nVisit us today."},
    {"type": "FOOTER", "text": "Reply STOP to opt out"},
    {
        "type": "BUTTONS",
        "buttons": [
            {"type": "URL", "text": "Apply now", "url": "https://example.com/apply"},
            {"type": "QUICK_REPLY", "text": "Not interested"},
        ],
    },
]


def _bins() -> tuple[Bin, ...]:
    """Sent in three minutes, read over a day and a half, and once more three weeks later."""
    found = [
        Bin((BEGAN + timedelta(minutes=n)).isoformat(), 60, (4000, 4310, 2000)[n], 3000, 40, 12)
        for n in range(3)
    ]
    for n in range(3, 360, 7):
        found.append(
            Bin((BEGAN + timedelta(minutes=n)).isoformat(), 60, 0, 12, 2000 // (n + 6), n % 2)
        )
    for n in range(1, 30):
        at = BEGAN + timedelta(hours=6, minutes=20 * n)
        found.append(Bin(at.isoformat(), 600, 0, 1, 30 - n, 0))
    found.append(Bin((BEGAN + timedelta(days=21)).isoformat(), 3600, 0, 0, 3, 0))
    return tuple(found)


FINISHED: Final = ClientReport(
    at="2025-12-02T09:00:00Z",
    campaign=ReportedCampaign(
        id="5a5c39a6-d038-47c5-8c6c-421a7c1afdf3",
        name="Bajaj_market_2",
        status="completed",
        fates=Fates(
            delivered=9800, read=4100, undelivered=210, held=20, silent=280, refused=447,
            left_out=40, in_doubt=3, waiting=7,
        ),
        began_at="2025-11-10T12:35:10Z",
        last_sent_at="2025-11-10T12:38:02Z",
        is_heard=True,
        replied=35,
        opted_out=12,
        unusable=58,
        contradicted=2,
        half_within_s=2.4,
        most_within_s=41.0,
        reasons=reasons(((135000, 400), (132000, 47)), ((131026, 150), (131049, 60))),
        senders=("Bajaj Finance (+91***0123)",),
    ),
    before=ReportedCampaign(
        id="3d824b99-a638-4363-b720-22e476e51b6f",
        name="Bajaj_market_1",
        status="completed",
        fates=Fates(delivered=2000, read=700, undelivered=59),
        began_at="2025-11-08T09:00:00Z",
        last_sent_at="2025-11-08T09:01:00Z",
        is_heard=True,
        replied=9,
        half_within_s=2.1,
        most_within_s=30.0,
    ),
    before_is_named=False,
    templates=(
        TemplateFates("10_nov_2025_temp_bajaj1", Fates(delivered=6000, read=3000, refused=447)),
        TemplateFates("10_nov_2025_temp_bajaj2", Fates(delivered=3800, read=1100, silent=560)),
    ),
    messages=(
        SampleMessage(
            "10_nov_2025_temp_bajaj1",
            "en",
            preview(
                COMPONENTS,
                None,
                {"var1": "https://cdn.example/loan.mp4", "var2": "{{1}}", "var3": "50,000"},
            ),
        ),
        SampleMessage("10_nov_2025_temp_bajaj2", "hi", None),
    ),
    bins=_bins(),
    prices=(
        Priced("marketing", "regular", True, 9500),
        Priced("marketing", "free_entry_point", False, 300),
    ),
)  # fmt: skip

#: Nothing was sent yet, and nothing is known.
NOTHING_SENT: Final = ClientReport(
    at="2025-11-10T12:00:00Z",
    campaign=ReportedCampaign(id="c", name="", status="scheduled", fates=Fates()),
    before=None,
    before_is_named=False,
    templates=(),
    messages=(),
    bins=(),
    prices=(),
)


def named(name: str) -> ClientReport:
    """The finished campaign with this text wherever data brings one."""
    assert FINISHED.before is not None
    bubble_text = name.replace("\x00", "")
    sample = preview([{"type": "BODY", "text": f"Hello\n{bubble_text}"}], None, {})
    return replace(
        FINISHED,
        campaign=replace(FINISHED.campaign, name=name, senders=(name,)),
        before=replace(FINISHED.before, name=name),
        templates=(TemplateFates(name, Fates(read=1, delivered=1)), FINISHED.templates[0]),
        messages=(SampleMessage(name, "en", sample), SampleMessage("t", name, None)),
        prices=(Priced(name, name, None, 3),),
    )
