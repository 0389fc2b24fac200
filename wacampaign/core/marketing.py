"""The endpoint that messages go through: `messages`, or that of the Marketing Messages API.

Source: Meta's references of the Marketing Messages API (September 2026; whatsapp-cloud-api, 3.5):
it takes templates of the category MARKETING alone, from accounts that are onboarded. Meta's
guidance is to choose by the template's category of the day, as Meta changes categories.
"""

import json
from dataclasses import dataclass
from typing import Final, Literal

from wacampaign.core.template.header_kinds import MARKETING_ONLY

Mode = Literal["off", "on", "auto"]
#: What `product_policy` may be; left out, Meta takes the first.
POLICIES: Final = ("CLOUD_API_FALLBACK", "STRICT")
#: What Meta says of an account that may use it (`marketing_messages_onboarding_status`).
ONBOARDED: Final = "ONBOARDED"
_CATEGORY: Final = "MARKETING"


@dataclass(frozen=True, slots=True)
class Route:
    """How the messages of one template leave."""

    #: Last part of the endpoint's path.
    edge: str = "messages"
    #: What a message's JSON begins with instead of its brace; empty: with that.
    opening: bytes = b""


PLAIN_ROUTE: Final = Route()


@dataclass(frozen=True, slots=True)
class MarketingEndpoint:
    """What a person has set for one number, and what Meta said of its account last."""

    #: `off`: never; `on`: always; `auto`: when the account is onboarded.
    mode: str = "off"
    #: One of `POLICIES`; None: none is sent.
    product_policy: str | None = None
    #: Meta's word; None: it was not asked.
    onboarding: str | None = None

    @property
    def is_used(self) -> bool:
        """Whether MARKETING templates go there."""
        return self.mode == "on" or (self.mode == "auto" and self.onboarding == ONBOARDED)

    def route(self, category: str | None) -> Route:
        """The route of a template of this category."""
        if not self.is_used or (category or "").upper() != _CATEGORY:
            return PLAIN_ROUTE
        opening = b""
        if self.product_policy is not None:
            opening = b'{"product_policy":%b,' % json.dumps(self.product_policy).encode()
        return Route("marketing_messages", opening)

    def refuses(self, category: str | None, header_media: str | None) -> str | None:
        """Why Meta would refuse such a template by its route; None: it would not."""
        if header_media not in MARKETING_ONLY or self.route(category) is not PLAIN_ROUTE:
            return None
        return (
            f"its header is a {str(header_media).upper()}, which Meta takes at the marketing "
            "endpoint alone"
        )

    @property
    def in_words(self) -> str:
        """`off`, `on (STRICT)`, `auto (ONBOARDED)`, `auto (not asked yet)`."""
        told = [self.product_policy] if self.product_policy else []
        if self.mode == "auto":
            told.insert(0, self.onboarding or "not asked yet")
        return self.mode + (f" ({', '.join(told)})" if told and self.mode != "off" else "")


#: Of a number for which nobody has set anything.
OFF: Final = MarketingEndpoint()
