"""Messages that are held for quality assessment, and what becomes of them.

Template and portfolio pacing (whatsapp-cloud-api, 2.5): sent normally at first, the rest is held;
with good signs it is released, with bad ones each held message fails with 132015 by webhook, and
the template is paused.
"""

from collections.abc import Callable
from dataclasses import dataclass

from wacampaign.sandbox.answers import Refusal
from wacampaign.sandbox.state import Message
from wacampaign.sandbox.webhooks import Webhooks

#: What `message_status` says in the answer.
HELD = "held_for_quality_assessment"
_DROPPED = Refusal(132015, "Message dropped: the template was paused for low quality")


@dataclass(frozen=True, slots=True)
class HeldMessage:
    """An accepted message that waits for its assessment."""

    message: Message
    wamid: str


class HeldMessages(list[HeldMessage]):
    """What is held, in the order of acceptance."""

    def release(self, webhooks: Webhooks, template: str | None = None) -> int:
        """Deliver those of a template (None: all); how many."""
        return self._end(template, lambda held: webhooks.enqueue(held.message, held.wamid, None))

    def drop(self, webhooks: Webhooks, template: str | None = None) -> int:
        """Fail those of a template (None: all) with 132015; how many."""
        return self._end(
            template, lambda held: webhooks.enqueue(held.message, held.wamid, _DROPPED)
        )

    def _end(self, template: str | None, end: Callable[[HeldMessage], None]) -> int:
        ended: list[HeldMessage] = []
        kept: list[HeldMessage] = []
        for held in self:
            (ended if template in (None, held.message.template[0]) else kept).append(held)
        self[:] = kept
        for held in ended:
            end(held)
        return len(ended)
