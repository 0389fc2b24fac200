"""The night of 10 November 2025 as data: numbers, templates, media and campaigns of the report."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

#: Recipients of each campaign that night; see `campaigns_of`.
ROWS_MARKET_1: Final = 2_059
ROWS_FIN: Final = 10_807
ROWS_MARKET_2: Final = 2_093

#: Rows of the smaller two at least: more than three answers of 135000 have to be possible.
_ROWS_MIN: Final = 20

WABA_ID: Final = "100000000000001"
#: Messages a second: Meta's highest throughput (whatsapp-cloud-api 2.1).
RATE: Final = 1000

#: No number of the North American plan begins with 0, so nobody has these.
_FIRST_PHONE: Final = 10_010_000_001
#: Between the first phones of two campaigns; more than the largest campaign.
_PHONES_APART: Final = 10_000_000
#: The test phone: Ofcom's range for fiction.
TEST_PHONE: Final = "+447700900123"


@dataclass(frozen=True, slots=True)
class DemoNumber:
    """One number of the account, and the template that it sends."""

    phone_number_id: str
    display: str
    label: str
    template: str
    #: Of the campaign's header video.
    media_host: str
    media_path: str

    @property
    def media_url(self) -> str:
        """The header video as the queue has it."""
        return f"https://{self.media_host}/{self.media_path}"


#: The approved sample of both templates is on this host, as with every template.
_SAMPLE_HOST: Final = "scontent.whatsapp.net"
_SAMPLE_PATH: Final = "v/t61.29466-34/546242654_2338122079965638_4231095002262918514_n.mp4"
SAMPLE_URL: Final = f"https://{_SAMPLE_HOST}/{_SAMPLE_PATH}"

HEALTHY: Final = DemoNumber(
    "874163789109558", "+44 7700 900001", "Bajaj 1", "10_nov_2025_temp1", _SAMPLE_HOST, _SAMPLE_PATH
)
REFUSED: Final = DemoNumber(
    "875062729021816",
    "+44 7700 900002",
    "Bajaj 2",
    "10_nov_2025_temp_bajaj1",
    "botspace-uploads.s3.eu-west-1.amazonaws.com",
    "67568b9a6ef2fcdf13332d26/uploads/1a40c955-5883-4ec6-8f6f-5d604126d4ff.mp4",
)
NUMBERS: Final = (HEALTHY, REFUSED)


@dataclass(frozen=True, slots=True)
class DemoCampaign:
    """One campaign of that night."""

    id: str
    name: str
    number: DemoNumber
    rows: int
    #: Of its first recipient, as a number.
    first_phone: int

    def phones(self) -> Iterator[str]:
        """Its recipients, digits."""
        return (str(self.first_phone + i) for i in range(self.rows))

    def values(self, i: int) -> tuple[str, str, str]:
        """var1 (the header video) to var3 of its i-th recipient."""
        return self.number.media_url, f"Customer {i + 1}", f"{5 + i % 4 * 5} %"


@dataclass(frozen=True, slots=True)
class Night:
    """The three campaigns, and what the old system made of the third."""

    #: Healthy. Created from a CSV file, so its id is its own.
    market_1: DemoCampaign
    #: Marked completed after 9 seconds, all rows ready.
    fin: DemoCampaign
    #: Refused with 135000; here it is still to be sent.
    market_2: DemoCampaign
    #: The same as the old system left it: all rows failed.
    market_2_before: DemoCampaign

    @property
    def to_be_sent(self) -> tuple[DemoCampaign, DemoCampaign, DemoCampaign]:
        """What has to end with each recipient written to once."""
        return self.market_1, self.fin, self.market_2


def the_night(size: int) -> Night:
    """The night with `size` rows in the largest campaign, the others in proportion."""

    def scaled(rows: int) -> int:
        return max(_ROWS_MIN, round(rows * size / ROWS_FIN))

    first = (_FIRST_PHONE + n * _PHONES_APART for n in range(3))
    market_1 = DemoCampaign(
        "3d824b99-a638-4363-b720-22e476e51b6f",
        "Bajaj_market_1",
        HEALTHY,
        scaled(ROWS_MARKET_1),
        next(first),
    )
    fin = DemoCampaign(
        "a3acad26-d1b3-4cb9-b3f6-dc086fd7c8a6",
        "FIN NEW DATA 7 TO 8 NOV 2025 FILE 22",
        HEALTHY,
        size,
        next(first),
    )
    market_2 = DemoCampaign(
        "5a5c39a6-d038-47c5-8c6c-421a7c1afdf3",
        "Bajaj_market_2",
        REFUSED,
        scaled(ROWS_MARKET_2),
        next(first),
    )
    before = replace(
        market_2,
        id="0b5c39a6-d038-47c5-8c6c-421a7c1afdf3",
        name="Bajaj_market_2 of the old system",
    )
    return Night(market_1, fin, market_2, before)


def template_of(number: DemoNumber) -> dict[str, Any]:
    """The number's template as Meta returns it."""
    return {
        "name": number.template,
        "language": "en",
        "category": "MARKETING",
        "status": "APPROVED",
        "components": [
            {"type": "HEADER", "format": "VIDEO", "example": {"header_handle": [SAMPLE_URL]}},
            {
                "type": "BODY",
                "text": "Dear {{1}}, today only: {{2}} off your next instalment.",
                "example": {"body_text": [["Asha", "20 %"]]},
            },
            {"type": "FOOTER", "text": "Reply STOP to opt out"},
        ],
    }
